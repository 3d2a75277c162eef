import {
  DeviceError,
  EngineRefusal,
  HarnessError,
  type BlockDevice,
  type EngineTools,
  type ToolAnswer,
  type ToolSite,
} from '../contract/index.ts';
import { createRealPlatform } from '../rigs/real-platform.ts';
import { resolvePath, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-codes.ts';
import { interruptible } from './interruptible-device.ts';
import { seeTarget, type SeenTarget } from './journal-targets.ts';
import { loadPlugin } from './load-plugin.ts';
import { journalEngine } from './registry.ts';
import { formatToolText } from './tool-text.ts';

/** The options that tell where a journal is and how its pages are read. */
export interface PlaceOptions {
  readonly dataDevice?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keyEnv?: string | undefined;
}

/** What a command of `powercut journal` does with its devices. */
export interface ToolRequest extends PlaceOptions {
  readonly target: string;
  readonly options: Readonly<Record<string, unknown>>;
  open(target: SeenTarget): Promise<BlockDevice>;
  use(tools: EngineTools, site: ToolSite): Promise<number>;
}

/**
 * Opens what a tool needs, lets it work, and puts everything away again. Answers its exit code; 1 where
 * the engine refuses because acknowledged data is missing. Throws HarnessError.
 */
export async function runJournalTool(
  context: CommandContext,
  request: ToolRequest,
): Promise<number> {
  const { interrupted } = context.environment;
  try {
    const tools = await loadJournalTools();
    const exitCode = await useDevices(context, request, tools);
    if (interrupted.aborted) throw new HarnessError('INTERRUPTED', 'interrupted');
    return exitCode;
  } catch (error) {
    // Whatever the engine made of it, it was the signal.
    if (interrupted.aborted) throw new HarnessError('INTERRUPTED', 'interrupted', { cause: error });
    if (error instanceof EngineRefusal && error.reason === 'corrupt') {
      return reportCorruption(context, request.target, error);
    }
    throw explainedToolFailure(error, request.target);
  }
}

async function loadJournalTools(): Promise<EngineTools> {
  const { plugin } = await loadPlugin('engine', journalEngine, import.meta.dirname);
  const tools = 'medium' in plugin ? undefined : await plugin.tools?.();
  if (tools !== undefined) return tools;
  throw new HarnessError('PLUGIN_INVALID', `engine "${journalEngine}" offers no tools`);
}

async function useDevices(
  context: CommandContext,
  request: ToolRequest,
  tools: EngineTools,
): Promise<number> {
  const { interrupted } = context.environment;
  const platform = createRealPlatform();
  const open = async (name: string): Promise<BlockDevice> => {
    const target = await seeTarget(resolvePath(context, name), tools, platform);
    return interruptible(await request.open(target), interrupted);
  };
  const options = { ...request.options, ...encryptionOf(context, request) };
  const site = { platform, options, interrupted };
  await using main = await open(request.target);
  if (request.dataDevice === undefined) {
    return await request.use(tools, { ...site, devices: { main } });
  }
  await using data = await open(request.dataDevice);
  return await request.use(tools, { ...site, devices: { main, data } });
}

function encryptionOf(
  context: CommandContext,
  { keyFile, keyEnv }: PlaceOptions,
): Readonly<Record<string, unknown>> {
  if (keyFile !== undefined && keyEnv !== undefined) {
    throw new HarnessError(
      'CONFIG_INVALID',
      '--key-file and --key-env are both given, expected one',
    );
  }
  if (keyFile !== undefined) return { encryption: { file: resolvePath(context, keyFile) } };
  return keyEnv === undefined ? {} : { encryption: { environment: keyEnv } };
}

/** Prints an answer and says what it means for the exit code. */
export function printToolAnswer(context: CommandContext, answer: ToolAnswer): number {
  const { environment, json } = context;
  const { data, text, outcome } = answer;
  environment.writeOut(
    json ? `${JSON.stringify({ outcome, ...data }, undefined, 2)}\n` : formatToolText(text),
  );
  return exitCodeFor(outcome);
}

const exitCodesOfOutcomes: Readonly<Record<ToolAnswer['outcome'], number>> = {
  ok: exitCodes.pass,
  damaged: exitCodes.durabilityFailure,
  unknown: exitCodes.inconclusive,
};

export function exitCodeFor(outcome: ToolAnswer['outcome']): number {
  return exitCodesOfOutcomes[outcome];
}

function reportCorruption(context: CommandContext, target: string, refusal: EngineRefusal): number {
  const { environment, json } = context;
  const exitCode = exitCodes.durabilityFailure;
  const message = `${target} is corrupt: ${refusal.message}; powercut journal check ${target} shows the evidence`;
  environment.writeError(`powercut: ${message}\n`);
  if (json) {
    const answer = { error: { code: 'CORRUPT', message }, exitCode };
    environment.writeOut(`${JSON.stringify(answer, undefined, 2)}\n`);
  }
  return exitCode;
}

/** The same as a failure of the harness, which prints one line and has an exit code. */
export function explainedToolFailure(error: unknown, target: string): unknown {
  if (error instanceof EngineRefusal) return explainedRefusal(error, target);
  if (error instanceof DeviceError) {
    return new HarnessError('SYSTEM_CALL_FAILED', `${target}: ${error.message}`, { cause: error });
  }
  if (error instanceof RangeError || hasIssues(error)) {
    return new HarnessError('CONFIG_INVALID', `${target}: ${issuesOf(error)}`, { cause: error });
  }
  return error;
}

function explainedRefusal(refusal: EngineRefusal, target: string): HarnessError {
  const { reason, message } = refusal;
  const cause = { cause: refusal };
  switch (reason) {
    case 'not-formatted':
      return new HarnessError(
        'CONFIG_INVALID',
        `${target} carries no journal; powercut journal format ${target} --yes makes one`,
        cause,
      );
    case 'too-large':
      return new HarnessError('CONFIG_INVALID', `${target}: ${message}`, cause);
    case 'incompatible':
    case 'full':
    case 'closed':
    case 'corrupt':
      return new HarnessError('UNAVAILABLE', `${target}: ${message}`, cause);
    case 'device-error':
      return new HarnessError('SYSTEM_CALL_FAILED', `${target}: ${message}`, cause);
  }
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function hasIssues(error: unknown): error is Error & { readonly issues: readonly Issue[] } {
  return error instanceof Error && 'issues' in error && Array.isArray(error.issues);
}

function issuesOf(error: Error): string {
  if (!hasIssues(error)) return error.message;
  return error.issues
    .map(
      ({ path, message }) =>
        `${path.length === 0 ? '' : `${path.map(String).join('.')}: `}${message}`,
    )
    .join('; ');
}
