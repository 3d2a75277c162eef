/** What a round of files is made of, without a kernel: workloads of blocks, evidence, proofs. */
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createRandom,
  type DeviceGeometry,
  type FileLedgerView,
  type FileOp,
  type FileWorkloadRun,
} from '../../contract/index.ts';
import fsyncHeavy from '../../../workloads/fsync-heavy/index.ts';
import { History } from '../../drive/history.ts';
import { createImage } from '../../drive/image.ts';
import { createFileLedger } from '../../ledger/file-ledger.ts';
import { RunDirectory } from '../run-directory.ts';
import { temporaryDirectory } from '../scenario.fixture.ts';
import { blocksAsFiles } from './blocks-as-files.ts';
import { loadCut, saveCut } from './file-cut.ts';
import { fileOutcomesOf, gapsOfFiles } from './file-outcomes.ts';
import { buildFileProof } from './file-proof.ts';
import { loadFileRound, saveFileRound, saveRecovery } from './saved-file-round.ts';

const geometry: DeviceGeometry = {
  logicalBlockBytes: 4096,
  capacityBlocks: 16,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: false,
};

/** An append that reaches the drive, and an fsync that flushes it, both marked as a run marks them. */
function recorded(): { history: History; ledger: FileLedgerView } {
  let now = 0;
  const history = new History({ now: () => ++now });
  history.addDevice({ device: 0, name: 'twin', geometry, base: createImage(geometry, 1) });
  const ledger = createFileLedger({
    seed: 7,
    onRecord: (position) => {
      history.mark(position);
    },
  });
  history.mark(0);
  const append = ledger.invoke({ kind: 'append', path: 'a', byteCount: 10 });
  ledger.settle(append, { status: 'acknowledged' });
  const sync = ledger.invoke({ kind: 'fsync', path: 'a' });
  ledger.settle(sync, { status: 'acknowledged' });
  return { history, ledger: ledger.view() };
}

function ledgerWith(...ops: readonly (readonly [FileOp, errno: string])[]): FileLedgerView {
  const ledger = createFileLedger({ seed: 1 });
  for (const [op, errno] of ops) ledger.settle(ledger.invoke(op), { status: 'failed', errno });
  return ledger.view();
}

describe('a workload of blocks on a file', () => {
  function startOnFile(): FileWorkloadRun {
    const workload = blocksAsFiles(fsyncHeavy);
    const scope = { opsMax: 6, random: createRandom(1), bytesMax: 64 * 1024 };
    return workload.start(scope, workload.options.parse({}));
  }

  it('makes and syncs its file first, and then writes pages of it and syncs it', () => {
    const run = startOnFile();
    const ops: FileOp[] = [];
    for (let op = run.next(); op !== undefined; op = run.next()) {
      ops.push(op);
      run.settled(ops.length, op, { status: 'acknowledged' });
    }
    expect(ops.slice(0, 4).map(({ kind }) => kind)).toEqual([
      'create',
      'allocate',
      'fsync',
      'fsync',
    ]);
    const own = ops.slice(4);
    expect(own).toHaveLength(6);
    expect(new Set(own.map(({ kind }) => kind))).toEqual(new Set(['write', 'fsync']));
    for (const op of own) {
      if (op.kind !== 'write') continue;
      expect(op.byteOffset % 4096).toBe(0);
      expect(op.byteOffset + op.byteCount).toBeLessThanOrEqual(64 * 1024);
    }
  });
});

describe('how the operations of a round ended', () => {
  const punch = { kind: 'punch', path: 'a', byteOffset: 0, byteCount: 1 } as const;

  it('is a gap where a system call failed, but not where the file system has no such operation', () => {
    expect(gapsOfFiles(ledgerWith([punch, 'EOPNOTSUPP']))).toEqual([]);
    expect(gapsOfFiles(ledgerWith([punch, 'ENOSPC']))).toEqual([
      '1 system call of the workload failed',
    ]);
    const unsupportedSync = [{ kind: 'fsync', path: 'a' }, 'EOPNOTSUPP'] as const;
    expect(gapsOfFiles(ledgerWith(unsupportedSync))).toHaveLength(1);
  });

  it('is counted, syncs apart from changes', () => {
    const { ledger } = recorded();
    expect(fileOutcomesOf(ledger)).toEqual({
      invoked: 2,
      acknowledged: 2,
      changes: 1,
      rejected: 0,
      indeterminate: 0,
    });
    expect(fileOutcomesOf(ledgerWith([punch, 'EIO'])).rejected).toBe(1);
  });
});

describe('the evidence of a round', () => {
  function directory(): RunDirectory {
    return RunDirectory.create(path.join(temporaryDirectory(), 'run'));
  }

  it('comes back from the run directory as it was, with the recoveries that were recorded', () => {
    const kept = directory();
    const { history, ledger } = recorded();
    const fresh = createImage(geometry, 1);
    fresh.writeBytes(0, Buffer.alloc(4096, 0x61));
    const facts = { firings: [], engineFacts: undefined, gap: 'late' };
    const record = { round: 2, history, fresh, ledger, ...facts };
    saveFileRound(kept, 'cell', record);
    saveRecovery(kept, 'cell', { round: 2, state: 5, recovery: recorded().history });
    const loaded = loadFileRound(kept, 'cell', 2);
    expect(loaded).toMatchObject({ round: 2, gap: 'late', firings: [] });
    expect(loaded.ledger).toEqual(ledger);
    expect(loaded.history.events).toEqual(history.events);
    expect(loaded.recoveryOf?.(5)?.events).toEqual(history.events);
    expect(loaded.recoveryOf?.(4)).toBeUndefined();
    expect(loaded.fresh?.digest()).toBe(fresh.digest());
  });

  it('of a cut has both images of the drive', () => {
    const kept = directory();
    const fresh = createImage(geometry, 1);
    const image = fresh.fork();
    image.writeBytes(0, Buffer.alloc(4096, 0x61));
    const { ledger } = recorded();
    const cut = { round: 0, ledger, fresh, image, geometry, firings: [], gap: undefined };
    saveCut(kept, 'cell', { ...cut, engineFacts: undefined });
    const loaded = loadCut(kept, 'cell', 0);
    expect(loaded).toMatchObject({ round: 0, ledger, geometry, firings: [] });
    const bytes = [fresh, loaded.fresh, image, loaded.image].map((one) => {
      const first = Buffer.alloc(8192);
      one.read(0, first);
      return first.toString('hex');
    });
    expect(bytes[1]).toBe(bytes[0]);
    expect(bytes[3]).toBe(bytes[2]);
    expect(bytes[3]).not.toBe(bytes[0]);
  });
});

describe('the proof of a violation', () => {
  it('is the life of the operation, and says that no flush came between (@req D2)', () => {
    const { history, ledger } = recorded();
    const last = history.events.at(-1)!.seq;
    const proof = buildFileProof([1], ledger, history, last)!;
    expect(proof.op).toBe(1);
    expect(proof.steps.map(({ what }) => what)).toEqual(['invoked', 'acknowledged', 'cut']);
    expect(proof.conclusion).toContain('the drive had completed no flush');
  });

  it('counts an operation as acknowledged only where that came before the cut', () => {
    const { history, ledger } = recorded();
    const invoked = history.events.find((event) => event.kind === 'mark' && event.position === 1)!;
    const proof = buildFileProof([1], ledger, history, invoked.seq)!;
    expect(proof.conclusion).toBe('operation 1 (append) was not acknowledged before the cut');
    expect(buildFileProof([], ledger, history, invoked.seq)).toBeUndefined();
  });
});
