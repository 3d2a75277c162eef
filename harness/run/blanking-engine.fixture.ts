import type { EngineAdapter } from '../contract/index.ts';
import { alterEngine, blanking, sessionWith } from './altered-engine.fixture.ts';

const inPlace = new URL('../cli/test-plugins/in-place-engine.mjs', import.meta.url);
const { default: engine } = (await import(inPlace.href)) as { readonly default: EngineAdapter };

/**
 * The in-place engine with a recovery that serves zeros for block 0, as a module, so that a saved run
 * can be judged by it.
 */
export default alterEngine(engine, {
  open: async ({ isReopened, asUsual }) => {
    const session = await asUsual();
    if (!isReopened) return session;
    return sessionWith(session, { read: blanking(session, new Set([0])) });
  },
});
