import { HarnessError, type EngineFacts } from '../../contract/index.ts';
import type { KillReason } from '../../rigs/vm/killed-process.ts';

/** A process of a machine was ended by a signal that nobody had sent, before its machine was to be killed. */
export class ProcessCrash extends HarnessError {
  readonly mayBeOfEmulator: boolean;

  constructor({ text, isOutOfMemory }: KillReason, isEmulated: boolean) {
    super('UNAVAILABLE', `the process in the machine ${text}`);
    this.mayBeOfEmulator = isEmulated && !isOutOfMemory;
  }
}

interface RoundWithFacts {
  readonly engineFacts: EngineFacts | undefined;
}

/**
 * Carries out a round; a second time, in a new machine, where a process of an emulated one crashed. Such a crash was seen
 * once, in a program that runs everywhere else, and its cause was not found; the emulator is suspected. No power was cut
 * yet, so no verdict rests on that round, and what crashed is told and stands among the facts of the next. An engine that
 * crashes each time does so again, and that is an error.
 */
export async function onceMoreAfterCrash<T extends RoundWithFacts | undefined>(
  carryOut: () => Promise<T>,
  onNote: (text: string) => void,
): Promise<T> {
  try {
    return await carryOut();
  } catch (error) {
    if (!(error instanceof ProcessCrash) || !error.mayBeOfEmulator) throw error;
    onNote(`${error.message}; the machine is emulated, so the round begins anew in another one`);
    const record = await carryOut();
    return (
      record && { ...record, engineFacts: { ...record.engineFacts, processCrash: error.message } }
    );
  }
}
