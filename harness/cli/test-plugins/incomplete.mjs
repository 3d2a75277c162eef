export default { kind: 'engine', apiVersion: 1, name: 'Half Done', supports: {} };
