import { HarnessError, type EngineFacts, type FileOp, type OpId } from '../../contract/index.ts';
import { createFileLedger, type FileLedger } from '../../ledger/file-ledger.ts';
import { moduleCommand } from '../../rigs/vm/guest-targets.ts';
import type { FileRoundRecord } from '../files/file-round.ts';
import type { RecordFilesOptions } from '../files/record-files.ts';
import { roundRandom } from '../record-round.ts';
import type { FileHostJob } from './file-host.ts';
import type { FileHostMessage } from './file-messages.ts';
import { MachineKill, requireEnd, whyNotKilled } from './machine-kill.ts';
import { TwinMachine } from './twin-machine.ts';

export interface RecordKilledOptions extends RecordFilesOptions {
  /** Takes what the kernel of the machine says. */
  readonly consoleFile: string;
  /** What is under way, for people. */
  onNote(text: string): void;
}

const hostModule = new URL(
  `./file-host.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
);

/**
 * The workload in a machine of its own, which is killed in the middle of it: what its kernel had not written is gone, and
 * of what the drive held in its cache any part may be. Undefined where it had to stop before that.
 */
export async function recordKilledFiles(
  options: RecordKilledOptions,
): Promise<FileRoundRecord | undefined> {
  const { ready, round, stop } = options;
  const { scenario, sources } = ready;
  const kill = new MachineKill(ready, roundRandom(scenario.seed, round));
  const witness = new FileWitness(options, kill);
  try {
    await using machine = await TwinMachine.boot({
      ...options,
      geometry: scenario.device,
      seed: scenario.seed,
      onLine: (line, store) => {
        witness.hear(JSON.parse(line) as FileHostMessage, (position) => {
          store.mark(position);
        });
      },
    });
    await kill.arm(machine);
    const { node, store } = machine;
    const job: FileHostJob = { scenario, sources, round, node, geometry: store.geometry };
    const end = await machine.run(moduleCommand(hostModule), JSON.stringify(job));
    await machine.cutPower();
    await kill.ended();
    requireEnd(end, kill);
    const { firing } = kill;
    if (firing !== undefined) store.history.fault(0, firing);
    return {
      round,
      history: store.history,
      ledger: witness.ledger.view(),
      firings: firing === undefined ? [] : [firing],
      engineFacts: { ...witness.facts, ...machine.facts },
      gap: firing === undefined ? whyNotKilled(round, kill, witness.gap) : undefined,
    };
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

/** Keeps the ledger by what the machine says. */
class FileWitness {
  readonly ledger: FileLedger;
  facts: EngineFacts | undefined;
  /** Why the workload did not come to its end, as far as is known. */
  gap: string | undefined;
  readonly #options: RecordKilledOptions;
  readonly #kill: MachineKill;
  #mark: (position: number) => void = () => undefined;
  #invoked = 0;

  constructor(options: RecordKilledOptions, kill: MachineKill) {
    this.#options = options;
    this.#kill = kill;
    this.ledger = createFileLedger({
      seed: options.ready.scenario.seed,
      onRecord: (position) => {
        this.#mark(position);
      },
    });
  }

  hear(message: FileHostMessage, mark: (position: number) => void): void {
    this.#mark = mark;
    switch (message[0]) {
      case 'made':
        mark(0);
        return;
      case 'mounted':
        this.facts = message[1];
        return;
      case 'invoke':
        this.#invoke(message[1], message[2]);
        return;
      case 'settle':
        this.ledger.settle(message[1], message[2]);
        return;
      case 'end':
        this.gap = message[1] ?? undefined;
        return;
    }
  }

  #invoke(id: OpId, op: FileOp): void {
    const known = this.ledger.invoke(op);
    if (known !== id) {
      throw new HarnessError('EVIDENCE_DAMAGED', `operation ${id} came as number ${known}`);
    }
    this.#invoked++;
    this.#options.onProgress(this.#invoked, this.#options.ready.scenario.limits.ops);
    this.#kill.note(this.#invoked);
  }
}
