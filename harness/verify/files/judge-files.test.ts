/** Each bug by itself, beside the near miss that is legal. */
import { describe, expect, it } from 'vitest';
import { HarnessError } from '../../contract/index.ts';
import {
  contentIn,
  judgeStory,
  kindsOf,
  ledgerOf,
  setContent,
  treeAfter,
} from './file-story.fixture.ts';
import { orderedContract, survives } from './file-contracts.fixture.ts';
import { judgeFiles } from './judge-files.ts';

const file = ['create a', 'append a 10000'];
const synced = [...file, 'fsync a'];

describe('what was synced', () => {
  it('is acquitted when it is all there, with or without what came later (@req K4)', () => {
    const later = [...synced, 'write a 0 5000', 'append a 3000', 'create b'];
    expect(kindsOf({ ops: later, tree: treeAfter(synced) })).toEqual([]);
    expect(kindsOf({ ops: later, tree: treeAfter(later) })).toEqual([]);
  });

  it('convicts when the file is gone, empty or shorter, each as lost', () => {
    expect(kindsOf({ ops: synced, tree: new Map() })).toEqual(['lost']);
    expect(kindsOf({ ops: synced, tree: treeAfter(['create a']) })).toEqual(['lost']);
    const shorter = treeAfter(synced);
    setContent(shorter, 'a', contentIn(shorter, 'a').slice(0, 8192));
    expect(kindsOf({ ops: synced, tree: shorter })).toEqual(['lost']);
    expect(kindsOf({ ops: file, tree: shorter })).toEqual([]);
  });

  it('convicts of a length that it never had', () => {
    const longer = treeAfter(synced);
    setContent(longer, 'a', new Uint8Array([...contentIn(longer, 'a'), 0]));
    expect(kindsOf({ ops: synced, tree: longer })).toEqual(['corrupt']);
  });

  it('convicts of zeros in it, and not where the write was not synced (@req B11)', () => {
    const zeroed = treeAfter(synced);
    contentIn(zeroed, 'a').fill(0, 4096, 8192);
    expect(kindsOf({ ops: synced, tree: zeroed })).toEqual(['zeroed']);
    expect(kindsOf({ ops: file, tree: zeroed })).toEqual([]);
  });

  it('convicts of the version before it as lost, of an older one as stale', () => {
    const twice = [...synced, 'write a 0 512'];
    const thrice = [...twice, 'fsync a', 'write a 0 512', 'fsync a'];
    expect(kindsOf({ ops: thrice, tree: treeAfter(twice) })).toEqual(['lost']);
    expect(kindsOf({ ops: thrice, tree: treeAfter(synced) })).toEqual(['stale']);
    expect(kindsOf({ ops: thrice.slice(0, -1), tree: treeAfter(twice) })).toEqual([]);
    expect(kindsOf({ ops: [...synced, 'write a 0 512'], tree: treeAfter(synced) })).toEqual([]);
  });

  it('names the operations, and says what was expected and what was found', () => {
    const zeroed = treeAfter(synced);
    contentIn(zeroed, 'a').fill(0, 4096, 8192);
    expect(judgeStory({ ops: synced, tree: zeroed }).violations[0]).toMatchObject({
      place: { kind: 'path', path: 'a' },
      ops: [2],
      expected:
        'what operation 2 (append of 10000 bytes to a, acknowledged at position 4) put in bytes 4096 to 4111, durable by operation 3 (fsync of a, acknowledged at position 6)',
      found: 'zeros in bytes 4096 to 4111 (and so in 7 more places of the file)',
    });
  });

  it('is owed after fdatasync and sync, and not after an fsync that failed', () => {
    const empty = treeAfter(['create a']);
    expect(kindsOf({ ops: [...file, 'fdatasync a'], tree: empty })).toEqual(['lost']);
    expect(kindsOf({ ops: [...file, 'sync'], tree: empty })).toEqual(['lost']);
    expect(kindsOf({ ops: [...file, 'fsync a !EIO'], tree: empty })).toEqual([]);
    // What a failed fsync dropped, a later one need not bring back.
    expect(kindsOf({ ops: [...file, 'fsync a !EIO', 'fsync a'], tree: empty })).toEqual([]);
  });

  it('is not owed where syncs are worth nothing, and is counted as lost', () => {
    const contract = { syncsAreDurable: false };
    const { violations, losses } = judgeStory({ ops: synced, tree: new Map(), contract });
    expect(violations).toEqual([]);
    expect(losses.acknowledgedNotDurable).toBe(1);
    const empty = judgeStory({ ops: synced, tree: treeAfter(['create a']), contract });
    expect(empty.losses.acknowledgedNotDurable).toBe(1);
  });

  it('is a write at once where writes are durable', () => {
    const contract = { writesAreDurable: true };
    const empty = treeAfter(['create a']);
    expect(kindsOf({ ops: file, tree: empty, contract })).toEqual(['lost']);
    expect(kindsOf({ ops: ['create a'], onItsWay: file[1]!, tree: empty, contract })).toEqual([]);
    const overwritten = [...file, 'write a 0 512'];
    expect(kindsOf({ ops: overwritten, tree: treeAfter(file), contract })).toEqual(['lost']);
  });
});

describe('what was not synced', () => {
  it('may have a length between, in steps of blocks only', () => {
    const cut = (bytes: number): ReturnType<typeof treeAfter> => {
      const tree = treeAfter(file);
      return setContent(tree, 'a', contentIn(tree, 'a').slice(0, bytes));
    };
    expect(kindsOf({ ops: file, tree: cut(4096) })).toEqual([]);
    expect(kindsOf({ ops: file, tree: cut(5000) })).toEqual(['corrupt']);
    expect(kindsOf({ ops: file, tree: cut(1024) })).toEqual(['corrupt']);
    expect(kindsOf({ ops: file, tree: cut(1024), contract: { blockBytes: 1024 } })).toEqual([]);
  });

  it('may have the length at which something was done within it while it grew, and only then', () => {
    const ops = ['create a', 'fsync a', 'append a 94', 'punch a 70 4'];
    const cut = setContent(treeAfter(ops), 'a', new Uint8Array(74));
    expect(kindsOf({ ops, tree: cut })).toEqual([]);
    expect(kindsOf({ ops: ops.slice(0, 3), tree: cut })).toEqual(['corrupt']);
    expect(kindsOf({ ops: [...ops, 'fsync a'], tree: cut })).toContain('lost');
    for (const within of ['allocate a 70 4', 'write a 70 4']) {
      const inside = treeAfter([...ops.slice(0, 3), within]);
      setContent(inside, 'a', contentIn(inside, 'a').slice(0, 74));
      expect(kindsOf({ ops: [...ops.slice(0, 3), within], tree: inside })).toEqual([]);
    }
    const whole = ['create a', 'append a 94', 'fsync a', 'punch a 70 4'];
    expect(kindsOf({ ops: whole, tree: cut })).toContain('lost');
  });

  it('did not happen where the file system has no such operation', () => {
    const ops = [...synced, 'punch a 0 4096 !EOPNOTSUPP', 'fsync a'];
    expect(kindsOf({ ops, tree: treeAfter(synced) })).toEqual([]);
    const punched = treeAfter(synced);
    contentIn(punched, 'a').fill(0, 0, 4096);
    expect(kindsOf({ ops, tree: punched })).toEqual(['zeroed']);
    // After any other failure it may have happened, and nothing is known.
    const failed = ops.map((op) => op.replace('EOPNOTSUPP', 'EIO')).slice(0, -1);
    expect(kindsOf({ ops: failed, tree: punched })).toEqual([]);
  });

  it('mixes old and new by whole units, and is torn where it mixes within one', () => {
    const ops = [...synced, 'write a 0 4096'];
    const mixed = treeAfter(ops);
    contentIn(mixed, 'a').set(contentIn(treeAfter(synced), 'a').subarray(512, 1536), 512);
    expect(kindsOf({ ops, tree: mixed })).toEqual([]);
    expect(kindsOf({ ops, tree: mixed, contract: { dataAtomicBytes: 4096 } })).toEqual(['torn']);
    contentIn(mixed, 'a').set(contentIn(treeAfter(synced), 'a').subarray(0, 256), 0);
    expect(kindsOf({ ops, tree: mixed })).toEqual(['torn']);
  });

  it('may be put back by an operation of the window that changed nothing in the end', () => {
    const before = ['create a', 'truncate a 10000', 'fsync a', 'write a 0 512'];
    const zeros = treeAfter(before.slice(0, 2));
    const ledger = ledgerOf([...before, 'punch a 0 512', 'fsync a']);
    const recovered = { opened: true, tree: zeros, check: undefined } as const;
    const evidence = { contract: orderedContract, promise: survives, ledger, recovered };
    expect(judgeFiles({ ...evidence, window: { first: 6, last: 12 } }).violations).toEqual([]);
  });

  it('shows nothing that had not been asked for', () => {
    const ops = [...synced, 'write a 0 512'];
    const ledger = ledgerOf(ops);
    const judgement = judgeFiles({
      contract: orderedContract,
      promise: survives,
      ledger,
      window: { first: 6, last: 6 },
      recovered: { opened: true, tree: treeAfter(ops), check: undefined },
    });
    expect(judgement.violations).toMatchObject([{ kind: 'corrupt', ops: [4], position: 6 }]);
  });
});

describe('bytes that do not belong', () => {
  const two = [...synced, 'create b', 'append b 10000', 'fsync b'];

  it('are misdirected when they are in use elsewhere: two files swapped', () => {
    const tree = treeAfter(two);
    const [a, b] = [contentIn(tree, 'a').slice(), contentIn(tree, 'b').slice()];
    setContent(setContent(tree, 'a', b), 'b', a);
    expect(kindsOf({ ops: two, tree })).toEqual(['misdirected', 'misdirected']);
  });

  it('are exposed when they were left by a deleted file, or are of no operation (@req B8)', () => {
    const ops = [...two, 'unlink b', 'fsync .', 'append a 4096'];
    const deleted = treeAfter(ops);
    contentIn(deleted, 'a').set(contentIn(treeAfter(two), 'b').subarray(0, 4096), 10_000);
    expect(kindsOf({ ops, tree: deleted })).toEqual(['exposed']);
    const foreign = treeAfter(ops);
    contentIn(foreign, 'a').fill(0x77, 12_288);
    expect(kindsOf({ ops, tree: foreign })).toEqual(['exposed']);
  });

  it('are allowed of what was not synced where the contract says so, and counted (@req B9)', () => {
    const ops = [...synced, 'append a 9000'];
    const contract = { unsyncedData: 'anything' } as const;
    const foreign = treeAfter(ops);
    contentIn(foreign, 'a').fill(0x77, 12_288);
    const { violations, losses } = judgeStory({ ops, tree: foreign, contract });
    expect(violations).toEqual([]);
    expect(losses.exposedBlocks).toBe(2);
    expect(kindsOf({ ops: [...ops, 'fsync a'], tree: foreign, contract })).toEqual(['exposed']);
    contentIn(foreign, 'a').fill(0x77, 0, 4096);
    expect(kindsOf({ ops, tree: foreign, contract })).toEqual(['exposed']);
  });

  it('are corrupt when a bit is flipped', () => {
    const tree = treeAfter(synced);
    contentIn(tree, 'a')[5000]! ^= 4;
    expect(kindsOf({ ops: synced, tree })).toEqual(['corrupt']);
  });
});

describe('what was cut off', () => {
  const cut = [...synced, 'truncate a 1000', 'truncate a 9000'];

  it('is not seen again when the file is longer again, even where nothing was synced', () => {
    const tree = setContent(treeAfter(cut), 'a', contentIn(treeAfter(file), 'a').slice(0, 9000));
    expect(kindsOf({ ops: cut, tree })).toEqual(['resurrected']);
    expect(kindsOf({ ops: cut, tree: treeAfter(cut) })).toEqual([]);
  });

  it('may be there while the cut is not durable, and must not once it is', () => {
    expect(kindsOf({ ops: cut, tree: treeAfter(file) })).toEqual([]);
    expect(kindsOf({ ops: [...cut, 'fsync a'], tree: treeAfter(file) })).toEqual([
      'resurrected',
      'resurrected',
    ]);
  });

  it('may show what was written before it only partly, where that was not synced', () => {
    const ops = ['create a', 'fsync a', 'append a 3000', 'truncate a 100', 'truncate a 5000'];
    const tree = setContent(treeAfter(ops), 'a', new Uint8Array(5000));
    expect(kindsOf({ ops, tree })).toEqual([]);
  });

  it('holds for holes that were punched', () => {
    const ops = [...synced, 'punch a 4096 4096'];
    expect(kindsOf({ ops, tree: treeAfter(synced) })).toEqual([]);
    expect(kindsOf({ ops: [...ops, 'fsync a'], tree: treeAfter(synced) })).toEqual(['resurrected']);
  });
});

describe('names under one ordered log', () => {
  const ops = ['mkdir d', 'create d/a', 'fsync d', 'create b', 'rename b d/b', 'link d/a c'];

  it('are acquitted as any prefix that holds what was synced', () => {
    for (let count = 2; count <= ops.length; count++) {
      expect(kindsOf({ ops, tree: treeAfter(ops.slice(0, count)) })).toEqual([]);
    }
  });

  it('convict when what was synced is gone: a name, a directory (@req B11)', () => {
    expect(kindsOf({ ops, tree: treeAfter(['mkdir d']) })).toEqual(['lost']);
    expect(kindsOf({ ops, tree: new Map() })).toEqual(['lost']);
    const gone = treeAfter(ops);
    gone.delete('d');
    gone.delete('d/a');
    gone.delete('d/b');
    expect(kindsOf({ ops: [...ops, 'sync'], tree: gone })).toContain('lost');
  });

  it('convict of a later name without an earlier one, and of half a rename', () => {
    const hole = treeAfter(['mkdir d', 'create d/a', 'link d/a c']);
    expect(kindsOf({ ops, tree: hole })).toEqual(['reordered']);
    const neither = ['create a', 'fsync a', 'rename a b', 'create e'];
    expect(kindsOf({ ops: neither, tree: treeAfter(['create e']) })).toEqual(['reordered']);
    const both = treeAfter(['create a', 'link a b']);
    expect(kindsOf({ ops: neither.slice(0, 3), tree: both })).toEqual(['reordered']);
  });

  it('convict of a lost hard link, and of names of one file that are two', () => {
    const linked = [...synced, 'link a b', 'fsync a'];
    expect(kindsOf({ ops: linked, tree: treeAfter(synced) })).toEqual(['lost']);
    const miscounted = treeAfter(linked);
    miscounted.delete('b');
    expect(kindsOf({ ops: linked, tree: miscounted })).toEqual(['lost', 'inconsistent']);
    const two = treeAfter([...synced, 'create b']);
    setContent(two, 'b', contentIn(two, 'a'));
    expect(kindsOf({ ops: linked, tree: two })).toEqual(['inconsistent']);
  });

  it('convict of what was never there, is there again, or points elsewhere', () => {
    const stranger = treeAfter([...synced, 'create x']);
    expect(kindsOf({ ops: synced, tree: stranger })).toEqual(['corrupt']);
    const removed = [...synced, 'create b', 'unlink a', 'fsync .'];
    const back = treeAfter([...file, 'create b']);
    expect(kindsOf({ ops: removed, tree: back })).toEqual(['lost']);
    const symlink = ['symlink s one', 'fsync .'];
    expect(kindsOf({ ops: symlink, tree: treeAfter(['symlink s two']) })).toEqual(['corrupt']);
  });

  it('need their directory synced where an fsync of a file covers no names (@req B11)', () => {
    const contract = { fsyncCovers: 'nothing' } as const;
    expect(kindsOf({ ops: synced, tree: new Map(), contract })).toEqual([]);
    expect(kindsOf({ ops: [...synced, 'fsync .'], tree: new Map(), contract })).toEqual(['lost']);
    const inNew = ['mkdir d', 'fsync d'];
    expect(kindsOf({ ops: inNew, tree: new Map(), contract })).toEqual([]);
  });

  it('hold one of its own names where an fsync covers those', () => {
    const contract = { fsyncCovers: 'own-name' } as const;
    const ops2 = ['create a', 'link a b', 'fsync a'];
    expect(kindsOf({ ops: ops2, tree: treeAfter(['create a']), contract })).toEqual([]);
    expect(kindsOf({ ops: ops2, tree: new Map(), contract })).toEqual(['lost']);
    expect(kindsOf({ ops: ops2, tree: treeAfter(['create a']) })).toEqual(['lost']);
  });
});

describe('a file renamed over another', () => {
  const ops = [...synced, 'create t', 'append t 5000', 'rename t a'];

  it('may be empty after a crash, unless the rename carries its data (@req B11)', () => {
    const empty = treeAfter(ops);
    setContent(empty, 'a', new Uint8Array(0));
    expect(kindsOf({ ops, tree: empty })).toEqual([]);
    expect(kindsOf({ ops, tree: empty, contract: { renameCarriesData: true } })).toEqual(['lost']);
    const untouched = treeAfter([...synced, 'create t']);
    expect(kindsOf({ ops, tree: untouched, contract: { renameCarriesData: true } })).toEqual([]);
  });

  it('carries new blocks, and not what was overwritten in them', () => {
    const contract = { renameCarriesData: true };
    const zeroed = treeAfter(ops);
    contentIn(zeroed, 'a').fill(0, 0, 4096);
    expect(kindsOf({ ops, tree: zeroed, contract })).toEqual(['zeroed']);
    const again = [...ops.slice(0, -1), 'write t 0 100', 'rename t a'];
    const older = treeAfter(again);
    contentIn(older, 'a').set(contentIn(treeAfter(ops), 'a').subarray(0, 100), 0);
    expect(kindsOf({ ops: again, tree: older, contract })).toEqual([]);
  });

  it('is whole when it was synced before (@req B11)', () => {
    const safe = [...synced, 'create t', 'append t 5000', 'fsync t', 'rename t a'];
    const empty = setContent(treeAfter(safe), 'a', new Uint8Array(0));
    expect(kindsOf({ ops: safe, tree: empty })).toEqual(['lost']);
    expect(kindsOf({ ops: safe, tree: treeAfter(safe) })).toEqual([]);
    expect(kindsOf({ ops: safe, tree: treeAfter(safe.slice(0, -1)) })).toEqual([]);
  });

  it('is told from the old one by what it holds, as the names are the same again', () => {
    const replace = ['create t', 'append t 5000', 'fsync t', 'rename t a'];
    const often = [...synced, ...replace, ...replace, ...replace, ...replace];
    for (let count = synced.length; count <= often.length; count += replace.length) {
      const { violations } = judgeStory({ ops: often, tree: treeAfter(often.slice(0, count)) });
      // The last new file had its name before it was synced, so this is after all that came before.
      const isOwed = count < often.length;
      expect(violations.map(({ kind }) => kind)).toEqual(isOwed ? ['lost'] : []);
    }
  });
});

describe('operations that failed', () => {
  it('may have taken effect or not, whole or in part', () => {
    const ops = [...synced, 'write a 0 3000 !EIO'];
    const part = treeAfter([...synced, 'write a 0 3000']);
    contentIn(part, 'a').set(contentIn(treeAfter(synced), 'a').subarray(100, 3000), 100);
    expect(kindsOf({ ops, tree: part })).toEqual([]);
    expect(kindsOf({ ops: [...ops, 'fsync a'], tree: part })).toEqual([]);
    contentIn(part, 'a').fill(0, 0, 16);
    expect(kindsOf({ ops, tree: part })).not.toEqual([]);
  });

  it('leave names there or not, as far as later ones allow both', () => {
    const ops = ['create a', 'rename a b !EIO', 'create c', 'fsync .'];
    expect(kindsOf({ ops, tree: treeAfter(['create a', 'create c']) })).toEqual([]);
    expect(kindsOf({ ops, tree: treeAfter(['create b', 'create c']) })).toEqual([]);
    expect(kindsOf({ ops, tree: treeAfter(['create c']) })).not.toEqual([]);
    const decided = [...ops, 'append a 10', 'fsync .'];
    expect(kindsOf({ ops: decided, tree: treeAfter(['create b', 'create c']) })).not.toEqual([]);
  });

  it('leave it open where a later append begins', () => {
    const ops = [...synced, 'append a 500 !ENOSPC', 'append a 100', 'fsync a'];
    expect(kindsOf({ ops, tree: treeAfter([...synced, 'sync', 'append a 100']) })).toEqual([]);
    expect(kindsOf({ ops, tree: treeAfter(synced) })).not.toEqual([]);
  });

  it('are too many to judge at some point, which is no verdict (@req D5)', () => {
    const ops = Array.from({ length: 7 }, (_, index) => `create f${index} !EIO`);
    expect(() => kindsOf({ ops, tree: new Map() })).toThrow(HarnessError);
    expect(() => kindsOf({ ops: ['unlink a'], tree: new Map() })).toThrow(/cannot be trusted/);
  });
});

describe('names without an order', () => {
  const contract = { namespaceOrder: 'per-object', fsyncCovers: 'own-name' } as const;
  const ops = [...synced, 'create b', 'mkdir d', 'create d/c', 'rename b d/b'];

  it('are each as at a moment of their own', () => {
    expect(kindsOf({ ops, tree: treeAfter([...file, 'mkdir d']), contract })).toEqual([]);
    expect(
      kindsOf({ ops, tree: treeAfter([...file, 'create b', 'mkdir d', 'create d/b']), contract }),
    ).toEqual([]);
    expect(kindsOf({ ops, tree: treeAfter(ops), contract })).toEqual([]);
  });

  it('convict when what was synced is gone, or back', () => {
    expect(kindsOf({ ops, tree: treeAfter(['mkdir d']), contract })).toEqual(['lost']);
    expect(kindsOf({ ops, tree: treeAfter(['create a']), contract })).toEqual(['lost']);
    expect(kindsOf({ ops, tree: treeAfter([...file, 'create x']), contract })).toEqual(['corrupt']);
    const removed = [...synced, 'unlink a', 'fsync .'];
    expect(kindsOf({ ops: removed, tree: treeAfter(file), contract })).toEqual(['resurrected']);
  });

  it('may be gone with a change that is not synced, where nothing else is promised', () => {
    const renamed = [...synced, 'fsync .', 'rename a b', 'create a'];
    const none = { namespaceOrder: 'none', fsyncCovers: 'nothing' } as const;
    expect(kindsOf({ ops: renamed, tree: new Map(), contract: none })).toEqual([]);
    expect(kindsOf({ ops: [...synced, 'fsync .'], tree: new Map(), contract: none })).toEqual([
      'lost',
    ]);
  });
});

describe('recovery', () => {
  const ledger = ledgerOf(synced);
  const window = { first: ledger.end, last: ledger.end };
  const evidence = { contract: orderedContract, promise: survives, ledger, window };
  const tree = treeAfter(synced);

  it('that did not open convicts, and is excused where it is promised to detect', () => {
    const recovered = { opened: false, step: 'mount', message: 'EUCLEAN' } as const;
    const convicted = judgeFiles({ ...evidence, recovered });
    expect(convicted).toMatchObject({ detected: true, violations: [{ kind: 'recovery-failed' }] });
    const promise = { level: 'detects', citation: 'a test' } as const;
    const excused = judgeFiles({ ...evidence, promise, recovered });
    expect(excused).toMatchObject({ violations: [], excused: [{ kind: 'recovery-failed' }] });
  });

  it('that left an entry unreadable convicts of that alone', () => {
    const unreadable = new Map([['a', { kind: 'unreadable', errno: 'EIO' } as const]]);
    const { violations, detected } = judgeFiles({
      ...evidence,
      recovered: { opened: true, tree: unreadable, check: undefined },
    });
    expect(detected).toBe(true);
    expect(violations).toMatchObject([
      { kind: 'recovery-failed', place: { kind: 'path', path: 'a' }, found: 'EIO' },
    ]);
  });

  it('whose check is not clean convicts where the contract says that it is', () => {
    const check = { clean: false, output: 'Inode 12 has a wrong count' };
    const recovered = { opened: true, tree, check } as const;
    expect(judgeFiles({ ...evidence, recovered }).violations).toMatchObject([
      { kind: 'inconsistent', place: { kind: 'volume' } },
    ]);
    const contract = { ...orderedContract, checkIsClean: false };
    expect(judgeFiles({ ...evidence, contract, recovered }).violations).toEqual([]);
  });

  it('that breaks the invariant of the workload convicts', () => {
    const recovered = { opened: true, tree, check: undefined } as const;
    const broken = judgeFiles({ ...evidence, recovered, invariantBroken: 'the log is short' });
    expect(broken.violations).toMatchObject([{ kind: 'invariant', found: 'the log is short' }]);
  });

  it('leaves lost+found where mke2fs put it, and nothing in it', () => {
    const withFolder = new Map(tree).set('lost+found', { kind: 'directory', links: 2 });
    expect(kindsOf({ ops: synced, tree: withFolder })).toEqual([]);
    const found = new Map(withFolder).set('lost+found/#12', tree.get('a')!);
    expect(kindsOf({ ops: synced, tree: found })).not.toEqual([]);
  });

  it('convicts of a directory with a wrong link count, and takes 1 for not counted', () => {
    const ops = ['mkdir d', 'mkdir d/e', 'sync'];
    const withLinks = (links: number): ReturnType<typeof treeAfter> =>
      treeAfter(ops).set('d', { kind: 'directory', links });
    expect(kindsOf({ ops, tree: withLinks(3) })).toEqual([]);
    expect(kindsOf({ ops, tree: withLinks(1) })).toEqual([]);
    expect(kindsOf({ ops, tree: withLinks(2) })).toEqual(['inconsistent']);
  });
});
