import { HarnessError, type HarnessErrorCode } from '../contract/index.ts';
import { CommanderError } from './typed-commander.ts';

/** The exit codes of every command; README.md lists them for users. */
export const exitCodes = {
  pass: 0,
  durabilityFailure: 1,
  usage: 2,
  safetyRefusal: 3,
  inconclusive: 4,
  performanceGate: 5,
  interrupted: 130,
  terminated: 143,
} as const;

const codesOfErrors: Readonly<Partial<Record<HarnessErrorCode, number>>> = {
  CONFIG_INVALID: exitCodes.usage,
  PLUGIN_NOT_FOUND: exitCodes.usage,
  PLUGIN_INVALID: exitCodes.usage,
  DEVICE_REFUSED: exitCodes.safetyRefusal,
  INTERRUPTED: exitCodes.interrupted,
};

/** What an error makes the process exit with. An error that nobody foresaw is never a pass. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return exitCodes.usage;
  if (!(error instanceof HarnessError)) return exitCodes.inconclusive;
  return codesOfErrors[error.code] ?? exitCodes.inconclusive;
}
