import workload from './workload.mjs';

export default { ...workload, name: 'outside-transactions', requires: ['write', 'transaction'] };
