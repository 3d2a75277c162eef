import { describe, expect, it } from 'vitest';
import {
  EngineRefusal,
  createRandom,
  damaged,
  initialContents,
  type BlockNumber,
  type EngineAdapter,
  type EngineDevices,
  type EngineSession,
  type LedgerView,
} from '../contract/index.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { createSimRig, usedDrive } from '../rigs/sim.ts';
import { stampedPayload } from './drive-workload.ts';
import { readBack } from './read-back.ts';
import { recoverAndRead, type Recovered } from './recover.ts';
import { readyScenario, smallScenario } from './scenario.fixture.ts';

const { device: geometry } = smallScenario;
const requestsMax = 50;

/** What became of a recovery by an engine that is nothing but its `open`. */
async function recoverWith(open: EngineAdapter['open']): Promise<Recovered> {
  const rig = createSimRig({
    geometry,
    image: usedDrive(geometry, 1),
    random: createRandom(1),
    areas: [],
    record: false,
    requestsMax,
  });
  const ready = await readyScenario();
  return recoverAndRead({
    ready: { ...ready, engine: { ...ready.engine, open } },
    devices: rig.devices,
    platform: rig.platform,
    ledger: ledgerOf([0, 1, 2, 5, 9]),
    dead: () => rig.timeline.whenIdle(),
    requests: () => rig.drive.counters.requests,
  });
}

function ledgerOf(blocks: readonly BlockNumber[]): LedgerView {
  const ledger = createLedger({ seed: 1 });
  for (const block of blocks) ledger.invoke({ kind: 'write', block, blockCount: 1 }, 0, 0);
  return ledger.view();
}

/** Serves the block that operation `n` wrote as the ledger has it; refuses some; notes what is read. */
class ReadingSession {
  readonly space = { blockBytes: 4096, blockCount: 16 };
  readonly recovery = { recordsReplayed: 0, blocksWritten: 0, tookNs: 0, note: '' };
  readonly reads: string[] = [];
  readonly #ledger: LedgerView;
  readonly #refused: ReadonlySet<BlockNumber>;

  constructor(ledger: LedgerView, refused: readonly BlockNumber[] = []) {
    this.#ledger = ledger;
    this.#refused = new Set(refused);
  }

  async read(first: BlockNumber, target: Uint8Array): Promise<void> {
    const count = target.length / 4096;
    this.reads.push(count === 1 ? `${first}` : `${first}-${first + count - 1}`);
    for (let block = first; block < first + count; block++) {
      if (this.#refused.has(block)) throw new EngineRefusal('corrupt', `no block ${block}`);
      const entry = this.#ledger.entriesOf(block)[0]!;
      const stamp = { seed: 1, op: entry.id, writer: 0, epoch: 1, blockBytes: 4096 };
      target.set(stampedPayload(entry.op, stamp), (block - first) * 4096);
    }
  }

  submit = async (): Promise<never> => Promise.reject(new Error('only reads'));
  counters = (): ReturnType<EngineSession['counters']> => ({
    userBytes: 0,
    writtenBytes: {},
    flushes: 0,
    fuaWrites: 0,
  });
  close = async (): Promise<void> => undefined;
  [Symbol.asyncDispose] = async (): Promise<void> => undefined;
}

describe('a recovery', () => {
  it('that throws is a crash of the engine', async () => {
    const { state, session } = await recoverWith(() => Promise.reject(new TypeError('undefined')));
    expect(state).toMatchObject({ opened: false, reason: 'crashed' });
    expect(session).toBeUndefined();
  });

  it('that refuses says why', async () => {
    const refusal = new EngineRefusal('corrupt', 'no superblock');
    const { state } = await recoverWith(() => Promise.reject(refusal));
    expect(state).toMatchObject({ opened: false, reason: 'corrupt', message: 'no superblock' });
  });

  it('that waits for nothing is hung', async () => {
    const { state } = await recoverWith(() => new Promise(() => undefined));
    expect(state).toMatchObject({ opened: false, reason: 'hung', recoveryRequests: 0 });
  });

  it('that takes more requests than it may is hung', async () => {
    const endless = async ({ main: device }: EngineDevices): Promise<never> => {
      const target = device.allocate(4096);
      for (;;) await device.read(0, target);
    };
    const { state } = await recoverWith(endless);
    expect(state).toMatchObject({ opened: false, reason: 'hung' });
    expect(state.recoveryRequests).toBeGreaterThanOrEqual(requestsMax);
  });

  it('whose session cannot be read is a crash, or hung', async () => {
    const session = new ReadingSession(ledgerOf([0, 1, 2, 5, 9]));
    session.read = () => Promise.reject(new RangeError('out of bounds'));
    expect((await recoverWith(async () => session)).state).toMatchObject({ reason: 'crashed' });
    session.read = () => new Promise(() => undefined);
    expect((await recoverWith(async () => session)).state).toMatchObject({ reason: 'hung' });
  });

  it('that serves is opened, with what it took', async () => {
    const { state } = await recoverWith(async ({ main: device }) => {
      await device.read(0, device.allocate(4096));
      return new ReadingSession(ledgerOf([0, 1, 2, 5, 9]));
    });
    expect(state).toMatchObject({ opened: true, recoveryRequests: 1 });
  });
});

describe('reading back', () => {
  it('reads neighbouring blocks in one request', async () => {
    const ledger = ledgerOf([9, 0, 2, 1, 5]);
    const session = new ReadingSession(ledger);
    const { observed, damage } = await readBack(session, ledger);
    expect(session.reads).toEqual(['0-2', '5', '9']);
    expect([...observed.blocks]).toEqual([2, 4, 3, 0, 0, 5, 0, 0, 0, 1]);
    expect(damage.size).toBe(0);
  });

  it('holds a refusal against the one block that is refused', async () => {
    const ledger = ledgerOf([0, 1, 2, 3]);
    const session = new ReadingSession(ledger, [2]);
    const { observed, damage } = await readBack(session, ledger);
    expect(session.reads).toEqual(['0-3', '0', '1', '2', '3']);
    expect([...observed.blocks]).toEqual([1, 2, damaged, 4]);
    expect([...damage]).toEqual([
      [2, { kind: 'unreadable', reason: 'corrupt', message: 'no block 2' }],
    ]);
  });

  it('tells blocks without a stamp from damaged ones', async () => {
    const ledger = ledgerOf([0, 1]);
    const session = new ReadingSession(ledger);
    session.read = async (_first, target) => {
      target.fill(0x5a);
      target.fill(0, 4096);
    };
    const { observed, damage } = await readBack(session, ledger);
    expect([...observed.blocks]).toEqual([initialContents, damaged]);
    expect(damage.get(1)).toEqual({ kind: 'zeroed' });
  });
});
