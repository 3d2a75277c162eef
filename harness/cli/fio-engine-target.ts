import { EngineRefusal, HarnessError, type EngineTools } from '../contract/index.ts';
import type { EngineUnderTest, OpenEngine } from '../fio/rounds/engine-under-test.ts';
import { createRealPlatform } from '../rigs/real-platform.ts';
import { resolvePath, type CommandContext } from './command-context.ts';
import type { ConfiguredEngine } from './fio-engine.ts';
import { openForWriting, seeTarget, type SeenTarget } from './journal-targets.ts';
import { explainedToolFailure } from './journal-tool.ts';

/**
 * An engine on a file or a device that carries it already: nothing is formatted here. A regular file, or
 * a loop device over one, is enough by being named; any other device must pass every rule of the guard.
 */
export async function engineOnTarget(
  context: CommandContext,
  { adapter, config }: ConfiguredEngine,
  name: string,
): Promise<EngineUnderTest> {
  const path = resolvePath(context, name);
  const tools = await adapter.tools?.();
  if (tools === undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `engine ${adapter.name} has no tools to know its medium by, so it runs on the twin alone; leave --target out`,
    );
  }
  const seen = await seeTarget(path, tools, createRealPlatform());
  requireMedium(seen, name);
  return {
    name: adapter.name,
    medium: name,
    paths: [path],
    isSimulated: false,
    open: () => openOnTarget({ adapter, config }, tools, path),
  };
}

function requireMedium({ identity, damage }: SeenTarget, name: string): void {
  if (identity?.hasDataDevice === true) {
    throw new HarnessError(
      'CONFIG_INVALID',
      `${name} is a journal with its volume on a device of its own, which jobs do not run on; ` +
        'use powercut run, or a journal on one device',
    );
  }
  if (identity !== undefined) return;
  throw explainedToolFailure(
    damage ?? new EngineRefusal('not-formatted', 'nothing of this engine is on it'),
    name,
  );
}

async function openOnTarget(
  { adapter, config }: ConfiguredEngine,
  tools: EngineTools,
  path: string,
): Promise<OpenEngine> {
  const platform = createRealPlatform();
  const device = await openForWriting(await seeTarget(path, tools, platform));
  try {
    const session = await adapter.open({ main: device }, config, platform);
    return {
      session,
      [Symbol.asyncDispose]: async () => {
        await session[Symbol.asyncDispose]();
        await device[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await device[Symbol.asyncDispose]();
    throw misfitting(error, path) ?? explainedToolFailure(error, path);
  }
}

/** What the medium says outranks options only where an engine takes both: else they have to agree. */
function misfitting(error: unknown, path: string): HarnessError | undefined {
  if (!(error instanceof EngineRefusal) || error.reason !== 'incompatible') return undefined;
  return new HarnessError(
    'CONFIG_INVALID',
    `${path}: ${error.message}; name the options that it was made with, as in --engine-set ringPages=256`,
    { cause: error },
  );
}
