import { describe, expect, it } from 'vitest';
import {
  EngineRefusal,
  createRandom,
  type AckLedger,
  type EngineSession,
  type LedgerView,
  type Op,
  type Outcome,
  type WorkloadRun,
} from '../contract/index.ts';
import type { HistoryEvent } from '../contract/index.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { createSimRig, usedDrive, type SimRig } from '../rigs/sim.ts';
import { driveWorkload, type DriveOutcome } from './drive-workload.ts';
import { gapsOf } from './round-gaps.ts';
import { smallScenario } from './scenario.fixture.ts';

const { device: geometry } = smallScenario;

interface Driven {
  readonly outcome: DriveOutcome;
  readonly ledger: LedgerView;
  readonly rig: SimRig;
}

type Submit = (rig: SimRig, op: Op, payload: Uint8Array, ledger: AckLedger) => Promise<Outcome>;

/** Drives writes of block 0, 1, 2… into an engine that is nothing but its `submit`. */
async function drive(submit: Submit, ops = 8, queueDepth = 2): Promise<Driven> {
  const rig = createSimRig({
    geometry,
    image: usedDrive(geometry, 1),
    random: createRandom(1),
    areas: [],
    record: true,
  });
  const ledger = createLedger({
    seed: 1,
    onRecord: (position) => {
      rig.history!.mark(position);
    },
  });
  const outcome = await driveWorkload({
    session: sessionOf((op, payload) => submit(rig, op, payload, ledger)),
    workload: writes(ops),
    ledger,
    clock: rig.platform.clock,
    queueDepth,
    seed: 1,
    epoch: 1,
    onInvoke: () => undefined,
    onSettle: () => undefined,
    dead: rig.timeline.whenIdle(),
  });
  return { outcome, ledger: ledger.view(), rig };
}

function sessionOf(submit: EngineSession['submit']): EngineSession {
  return {
    space: { blockBytes: 4096, blockCount: 16 },
    recovery: { recordsReplayed: 0, blocksWritten: 0, tookNs: 0, note: '' },
    submit,
    read: async () => undefined,
    counters: () => ({ userBytes: 0, writtenBytes: {}, flushes: 0, fuaWrites: 0 }),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function writes(ops: number): WorkloadRun {
  let next = 0;
  return {
    next: () => (next < ops ? { kind: 'write', block: next++ % 16, blockCount: 1 } : undefined),
    settled: () => undefined,
  };
}

const acknowledged: Outcome = { status: 'acknowledged' };

function writeTo({ drive: device }: SimRig, op: Op, payload: Uint8Array): Promise<number> {
  const source = device.allocate(payload.length);
  source.set(payload);
  return device.write(op.kind === 'write' ? op.block : 0, source, { fua: true });
}

describe('the ledger while a workload is driven', () => {
  it('has every operation before the engine is given it (@req K4)', async () => {
    const { ledger } = await drive(async (rig, op, payload, live) => {
      const entry = live.view().entries.at(-1)!;
      expect(entry.op).toBe(op);
      expect(entry.settledAt).toBe(Infinity);
      await writeTo(rig, op, payload);
      return acknowledged;
    });
    expect(ledger.entries.map(({ outcome }) => outcome.status)).toEqual(
      Array(8).fill('acknowledged'),
    );
  });

  it('has an acknowledgement that came before its write completed as one that did', async () => {
    const early = await drive(async (rig, op, payload) => {
      void writeTo(rig, op, payload);
      return acknowledged;
    }, 1);
    const late = await drive(async (rig, op, payload) => {
      await writeTo(rig, op, payload);
      return acknowledged;
    }, 1);
    expect(orderIn(early)).toEqual(['invoked', 'submit', 'settled', 'complete']);
    expect(orderIn(late)).toEqual(['invoked', 'submit', 'complete', 'settled']);
  });

  it.each<[string, Submit]>([
    ['throws', () => Promise.reject(new TypeError('x is not a function'))],
    ['refuses by throwing', () => Promise.reject(new EngineRefusal('full', 'no room'))],
    ['answers nothing', async () => undefined as unknown as Outcome],
    ['answers something else', async () => ({ status: 'done' }) as unknown as Outcome],
    [
      'throws before it answers a promise',
      () => {
        throw new Error('at once');
      },
    ],
  ])('has an operation as indeterminate where the adapter %s', async (_what, submit) => {
    const { ledger } = await drive(submit, 1);
    expect(ledger.entries[0]!.outcome).toMatchObject({
      status: 'indeterminate',
      reason: expect.stringMatching(/^the adapter (threw|answered)/) as string,
    });
    expect(ledger.entries[0]!.settledAt).toBe(2);
  });
});

describe('an engine that stops', () => {
  it('is noticed once it has refused more than could be chance', async () => {
    const refusal: Outcome = { status: 'rejected', reason: 'stopped' };
    const { outcome, ledger } = await drive(async () => refusal, 100);
    expect(outcome.end).toBe('engine-stopped');
    expect(outcome.invoked).toBeLessThan(10);
    const round = { round: 0, firings: [], ledger, live: readable };
    expect(gapsOf(round, 2)).toEqual([expect.stringMatching(/refused the last \d operations/)]);
    const firing = {
      fault: 'write-error',
      faultClass: 'write-error',
      atNs: 0,
      details: {},
    } as const;
    expect(gapsOf({ ...round, firings: [firing] }, 2)).toEqual([]);
  });

  it('is noticed where it never answers', async () => {
    const { outcome, ledger } = await drive(() => new Promise(() => undefined));
    expect(outcome).toEqual({ invoked: 2, end: 'dead' });
    const round = { round: 3, firings: [], ledger, live: undefined };
    expect(gapsOf(round, 2)).toEqual([
      'the engine stopped answering in round 3: 2 operations were left without an answer',
    ]);
    const cut = { fault: 'power-cut', faultClass: 'power-loss', atNs: 0, details: {} } as const;
    expect(gapsOf({ ...round, firings: [cut] }, 2)).toEqual([]);
  });

  it('is noticed where reading back from it fails with anything but a refusal', async () => {
    const { ledger } = await drive(async () => acknowledged);
    const live = { opened: false, message: 'TypeError', recoveryRequests: 0 } as const;
    const round = { round: 0, firings: [], ledger };
    expect(gapsOf({ ...round, live: { ...live, reason: 'crashed' } }, 2)).toHaveLength(1);
    expect(gapsOf({ ...round, live: { ...live, reason: 'device-error' } }, 2)).toEqual([]);
    expect(gapsOf({ ...round, live: readable }, 2)).toEqual([]);
  });
});

describe('a workload that breaks', () => {
  it('fails the drive and nothing else', async () => {
    const session = sessionOf(async () => acknowledged);
    const bug = (): never => {
      throw new RangeError('a bug');
    };
    const driven = driveWorkload({
      session,
      workload: { ...writes(4), settled: bug },
      ledger: createLedger({ seed: 1 }),
      clock: { now: () => 0, after: () => () => undefined },
      queueDepth: 2,
      seed: 1,
      epoch: 1,
      onInvoke: () => undefined,
      onSettle: () => undefined,
      dead: new Promise(() => undefined),
    });
    await expect(driven).rejects.toThrow('a bug');
  });
});

const readable = {
  opened: true,
  observed: { blocks: new Int32Array(0), log: new Int32Array(0) },
  damage: new Map(),
  values: new Float64Array(0),
  logDamage: new Map(),
  recoveryRequests: 0,
  recoveryNs: 0,
} as const;

/** The order of the one operation's life in the history of the drive. */
function orderIn({ rig }: Driven): string[] {
  const names = (event: HistoryEvent): string =>
    event.kind === 'mark' ? (event.position === 1 ? 'invoked' : 'settled') : event.kind;
  return rig.history!.events.map(names);
}
