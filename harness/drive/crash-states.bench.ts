import { createRandom } from '../contract/index.ts';
import { microBenchmark } from '../measure/benchmark.ts';
import { planCrashStates } from './crash-states.ts';
import { createMaterialiser } from './materialise.ts';
import { recordRandomHistory } from './random-history.fixture.ts';

const random = createRandom(20_264);
const { history } = await recordRandomHistory(random, {
  devices: 1,
  requests: 400,
  unitsPerDevice: 64,
  faults: 0,
});
const statesMax = 1000;

export default microBenchmark('crash states of a history of 400 requests', (bench) => {
  const plan = planCrashStates(history, { statesMax, random: random.fork('plan') });
  const materialiser = createMaterialiser(plan);
  let next = 0;
  bench.add('step to the next state and make its image', () => {
    const state = plan.states[next++ % plan.states.length]!;
    materialiser.images(state);
  });
  bench.add(`plan ${plan.states.length} states`, () => {
    planCrashStates(history, { statesMax, random: random.fork('plan') });
  });
});
