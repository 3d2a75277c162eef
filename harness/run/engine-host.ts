/**
 * The process that is killed: it hosts the engine on a real device, recovers it, reads everything
 * back, and drives the workload until it ends or SIGKILL comes. It never closes the engine.
 */
import * as fs from 'node:fs';
import type {
  AckLedger,
  EngineSession,
  LedgerView,
  Op,
  OpId,
  Scenario,
} from '../contract/index.ts';
import { createRandom } from '../contract/index.ts';
import { decodeLedger } from '../ledger/ledger-file.ts';
import { openTargetDevices, type TargetNodes } from '../rigs/device.ts';
import { createRealPlatform } from '../rigs/real-platform.ts';
import { driveWorkload } from './drive-workload.ts';
import { saveRecovered, type HostMessage } from './host-messages.ts';
import { loadSources, type PluginSources, type ReadyScenario } from './plugin-sources.ts';
import { recoverAndRead } from './recover.ts';

export interface HostJob {
  readonly scenario: Scenario;
  readonly sources: PluginSources;
  readonly targets: TargetNodes;
  readonly ledgerFile: string;
  readonly action: 'format' | 'drive' | 'recover-only';
  readonly epoch: number;
}

/** The harness hands over the pipe as this descriptor. */
const messagePipe = 3;
/**
 * Resolves when nothing is in flight any more and no timer is set: an engine that still waits then
 * waits for ever. One that waits for a device is left to the time limit of the harness.
 */
const nothingLeft = new Promise<void>((resolve) => {
  process.once('beforeExit', () => {
    resolve();
  });
});
/** How often the engine's counters are sent, in settled operations. */
const countersEvery = 64;

async function host({
  scenario,
  sources,
  targets,
  ledgerFile,
  action,
  epoch,
}: HostJob): Promise<void> {
  const ready = await loadSources(scenario, sources);
  const devices = await openTargetDevices(targets);
  const platform = createRealPlatform();
  if (action === 'format') {
    await ready.engine.format(devices, ready.engineConfig, platform);
    return;
  }
  const ledger = decodeLedger(fs.readFileSync(ledgerFile));
  const { state, session } = await recoverAndRead({
    ready,
    devices,
    platform,
    ledger,
    dead: () => nothingLeft,
    requests: () => 0,
  });
  send(['recovered', saveRecovered(state)]);
  if (action === 'drive' && session !== undefined) await drive(ready, session, ledger, epoch);
}

async function drive(
  ready: ReadyScenario,
  session: EngineSession,
  past: LedgerView,
  epoch: number,
): Promise<void> {
  const { scenario, workload, workloadOptions } = ready;
  const facts = session.facts?.();
  if (facts !== undefined) send(['facts', facts]);
  let settled = 0;
  const { end } = await driveWorkload({
    session,
    workload: workload.start(
      {
        space: session.space,
        opsMax: scenario.limits.ops,
        queueDepth: scenario.limits.queueDepth,
        random: createRandom(scenario.seed).fork(`epoch-${epoch}`),
      },
      workloadOptions,
    ),
    ledger: new PipeLedger(past),
    clock: createRealPlatform().clock,
    queueDepth: scenario.limits.queueDepth,
    seed: past.seed,
    epoch,
    onInvoke: () => undefined,
    onSettle: () => {
      if (++settled % countersEvery === 0) send(['counters', session.counters()]);
    },
    dead: nothingLeft,
  });
  send(['counters', session.counters()]);
  if (end !== 'dead') send(['end', end]);
}

/** Tells the harness, which keeps the ledger; here only the ids are counted on. */
class PipeLedger implements AckLedger {
  readonly #past: LedgerView;
  #lastId: OpId;

  constructor(past: LedgerView) {
    this.#past = past;
    this.#lastId = past.entries.length;
  }

  invoke(op: Op, writer: number, atNs: number): OpId {
    const id = ++this.#lastId;
    send(['invoke', id, op, writer, atNs]);
    return id;
  }

  settle(...[id, outcome, atNs]: Parameters<AckLedger['settle']>): void {
    send(['settle', id, outcome, atNs]);
  }

  mark(): void {
    throw new Error('marks are the harness’s own');
  }

  view(): LedgerView {
    return this.#past;
  }
}

/** Blocks until the kernel has all of it. */
function send(message: HostMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let sent = 0; sent < line.length;) sent += fs.writeSync(messagePipe, line, sent);
}

const job = JSON.parse(fs.readFileSync(0, 'utf8')) as HostJob;
await host(job);
// Abandon: an orderly end would let the engine write what a crash must not find.
process.exit(0);
