import fault from './fault.mjs';

export default { ...fault, apiVersion: 2 };
