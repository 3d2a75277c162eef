// A workload from outside, whose options are no zod schema.
export default Object.freeze({
  kind: 'workload',
  apiVersion: 1,
  name: 'outside-workload',
  summary: 'does nothing; only its description is used',
  requires: ['write'],
  options: {
    parse(input) {
      const { stride = 1, ...others } = input;
      const issues = Object.keys(others).map((name) => ({
        path: [name],
        message: 'Not an option',
      }));
      if (issues.length > 0) throw Object.assign(new Error('bad options'), { issues });
      return { stride };
    },
  },
  start: () => ({ next: () => undefined, settled: () => undefined }),
});
