/**
 * Legal crash states of a simulated file system are never convicted; with a bug put into them, at any
 * place, they are (judge-files.test.ts has each bug by itself).
 */
import { describe, expect, it } from 'vitest';
import fileMix from '../../../workloads/file-mix/index.ts';
import {
  createRandom,
  type FileSystemContract,
  type Random,
  type ViolationKind,
} from '../../contract/index.ts';
import { orderedContract, survives } from './file-contracts.fixture.ts';
import { setContent, type MutableTree } from './file-story.fixture.ts';
import { judgeFiles } from './judge-files.ts';
import { SimulatedFileSystem, type SimState } from './simulated-file-system.fixture.ts';

interface Story {
  readonly states: readonly SimState[];
  readonly fileSystem: SimulatedFileSystem;
}

function storyOf(contract: FileSystemContract, seed: number, statePercent: number): Story {
  const random = createRandom(seed);
  const states: SimState[] = [];
  const fileSystem = new SimulatedFileSystem({
    contract,
    random,
    seed,
    statePercent,
    onState: (state) => states.push(state),
  });
  const run = fileMix.start(
    { opsMax: 200, random: random.fork('work'), bytesMax: 200_000 },
    fileMix.options.parse({ syncPercent: 15 * (seed % 3) }),
  );
  for (let op = run.next(); op !== undefined; op = run.next()) {
    run.settled(fileSystem.perform(op), op, { status: 'acknowledged' });
  }
  fileSystem.save();
  return { states, fileSystem };
}

function violationsIn(
  contract: FileSystemContract,
  { fileSystem }: Story,
  { window, tree }: SimState,
): readonly { readonly kind: ViolationKind }[] {
  const recovered = { opened: true, tree, check: { clean: true, output: '' } } as const;
  const ledger = fileSystem.ledger.view();
  return judgeFiles({ contract, promise: survives, ledger, window, recovered }).violations;
}

const contracts: readonly (readonly [string, Partial<FileSystemContract>])[] = [
  ['one ordered log', {}],
  ['data in whole blocks', { dataAtomicBytes: 4096 }],
  ['an fsync that covers own names', { fsyncCovers: 'own-name' }],
  ['an fsync that covers no names', { fsyncCovers: 'nothing' }],
  ['a rename that carries data', { renameCarriesData: true }],
  ['writes that are durable', { writesAreDurable: true }],
  ['syncs that are worth nothing', { syncsAreDurable: false }],
  ['anything in what was not synced', { unsyncedData: 'anything', dataAtomicBytes: 4096 }],
  // An ordered log also keeps what the weaker orders ask for.
  ['names without an order', { namespaceOrder: 'per-object', fsyncCovers: 'own-name' }],
  ['no names but those synced', { namespaceOrder: 'none', fsyncCovers: 'nothing' }],
];

describe.each(contracts)('a file system with %s', (_name, change) => {
  const contract = { ...orderedContract, ...change };

  it('is never convicted for a state that it may leave (@req B8, D1)', () => {
    let count = 0;
    for (let seed = 1; seed <= 9; seed++) {
      const story = storyOf(contract, seed, 60);
      for (const state of story.states) {
        const violations = violationsIn(contract, story, state);
        expect({ seed, window: state.window, violations }).toMatchObject({ violations: [] });
        count++;
      }
    }
    expect(count).toBeGreaterThan(1000);
  });
});

/** Changes the tree, and says of what it should be convicted; undefined where there is nothing to change. */
type Bug = (tree: MutableTree, random: Random) => readonly ViolationKind[] | undefined;

const bugs: Readonly<Record<string, Bug>> = {
  'a lost name': (tree, random) => {
    const path = pick([...tree.keys()], random);
    if (path === undefined) return undefined;
    for (const other of [...tree.keys()]) {
      if (other === path || other.startsWith(`${path}/`)) tree.delete(other);
    }
    return ['lost'];
  },
  'a name from nowhere': (tree) => {
    tree.set('stranger', { kind: 'file', inode: 9999, links: 1, content: new Uint8Array(0) });
    return ['corrupt'];
  },
  'an empty file': (tree, random) => {
    const path = pick(filesOf(tree, 1), random);
    if (path === undefined) return undefined;
    setContent(tree, path, new Uint8Array(0));
    return ['lost'];
  },
  'a wrong length': (tree, random) => {
    const path = pick(filesOf(tree, 1), random);
    if (path === undefined) return undefined;
    setContent(tree, path, new Uint8Array([...contentOf(tree, path)!, 0]));
    return ['corrupt', 'resurrected'];
  },
  'zeros for data': (tree, random) => {
    const cell = pickCell(tree, random);
    if (cell === undefined) return undefined;
    cell.fill(0);
    return ['zeroed'];
  },
  'foreign bytes': (tree, random) => {
    const cell = pickCell(tree, random);
    if (cell === undefined) return undefined;
    cell.fill(0xa5);
    return ['exposed', 'corrupt'];
  },
  'a flipped bit': (tree, random) => {
    const cell = pickCell(tree, random);
    if (cell === undefined) return undefined;
    cell[random.below(cell.length)]! ^= 1 << random.below(8);
    return ['corrupt'];
  },
  'bytes of another place': (tree, random) => {
    const [one, other] = [pickCell(tree, random), pickCell(tree, random)];
    if (one === undefined || other === undefined) return undefined;
    if (Buffer.compare(one, other) === 0) return undefined;
    one.set(other);
    return ['misdirected', 'exposed', 'corrupt', 'torn', 'stale', 'lost'];
  },
};

describe.each(Object.entries(bugs))('with %s', (_name, bug) => {
  it('a tree that was synced as a whole is convicted (@req K4, D1)', () => {
    let count = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const story = storyOf(orderedContract, seed, 0);
      story.fileSystem.perform({ kind: 'sync' });
      const { end } = story.fileSystem.ledger.view();
      const tree = story.fileSystem.observe();
      const window = { first: end, last: end };
      expect(violationsIn(orderedContract, story, { window, tree })).toEqual([]);
      const kinds = bug(tree, createRandom(seed).fork('bug'));
      if (kinds === undefined) continue;
      const found = violationsIn(orderedContract, story, { window, tree });
      expect(found.map(({ kind }) => kind).filter((kind) => kinds.includes(kind))).not.toEqual([]);
      count++;
    }
    expect(count).toBeGreaterThan(15);
  });
});

function filesOf(tree: MutableTree, bytesMin: number): string[] {
  return [...tree.keys()].filter((path) => {
    const content = contentOf(tree, path);
    return content !== undefined && content.length >= bytesMin;
  });
}

function contentOf(tree: MutableTree, path: string): Uint8Array | undefined {
  const entry = tree.get(path);
  return entry?.kind === 'file' && entry.links === 1 ? entry.content : undefined;
}

/** A whole cell that is not zeros. */
function pickCell(tree: MutableTree, random: Random): Uint8Array | undefined {
  const cells = filesOf(tree, 16).flatMap((path) => {
    const content = contentOf(tree, path)!;
    return Array.from({ length: Math.floor(content.length / 16) }, (_, cell) =>
      content.subarray(16 * cell, 16 * cell + 16),
    );
  });
  return pick(
    cells.filter((cell) => cell.some((byte) => byte !== 0)),
    random,
  );
}

function pick<T>(items: readonly T[], random: Random): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}
