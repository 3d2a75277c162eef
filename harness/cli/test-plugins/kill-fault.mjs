import fault from './fault.mjs';

export default { ...fault, name: 'outside-kill', layer: 'process', faultClass: 'process-kill' };
