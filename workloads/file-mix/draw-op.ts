import type { FileOp, FilePath, Random } from '../../harness/contract/index.ts';
import { isBelow, type MixTree } from './mix-tree.ts';

export interface MixLimits {
  readonly filesMax: number;
  readonly directoriesMax: number;
  readonly writeBytesMax: number;
  readonly fileBytesMax: number;
  readonly bytesMax: number;
  readonly syncPercent: number;
  readonly namePercent: number;
}

type Draw = (tree: MixTree, random: Random, limits: MixLimits) => FileOp | undefined;

/** Draws until something can be done; a file can always be created, written to, or removed. */
export function drawOp(tree: MixTree, random: Random, limits: MixLimits): FileOp {
  for (let attempt = 0; attempt < 100; attempt++) {
    const op = drawKind(random, limits)(tree, random, limits);
    if (op !== undefined) return op;
  }
  return { kind: 'sync' };
}

function drawKind(random: Random, { syncPercent, namePercent }: MixLimits): Draw {
  const roll = random.below(100);
  if (roll < syncPercent) return pick(syncs, random);
  return pick(roll < syncPercent + namePercent ? nameOps : dataOps, random);
}

const create: Draw = (tree, random, { filesMax }) => {
  if (tree.files.length >= filesMax) return undefined;
  const path = freeName(tree, random, 'f');
  return path === undefined ? undefined : { kind: 'create', path };
};

const mkdir: Draw = (tree, random, { directoriesMax }) => {
  if (tree.directories.length > directoriesMax) return undefined;
  const path = freeName(tree, random, 'd');
  return path === undefined ? undefined : { kind: 'mkdir', path };
};

const symlink: Draw = (tree, random) => {
  if (tree.symlinks.length >= 3) return undefined;
  const path = freeName(tree, random, 's');
  if (path === undefined) return undefined;
  return { kind: 'symlink', path, target: `target-${random.below(1000)}` };
};

const link: Draw = (tree, random, { filesMax }) => {
  const path = pickFile(tree, random);
  const to = freeName(tree, random, 'f');
  if (path === undefined || to === undefined || tree.files.length >= filesMax) return undefined;
  return { kind: 'link', path, to };
};

const unlink: Draw = (tree, random, { filesMax }) => {
  // Few files are removed while there are few.
  if (2 * tree.files.length < filesMax && !random.chance(1, 4)) return undefined;
  const path = pickOne([...tree.files, ...tree.symlinks], random);
  return path === undefined ? undefined : { kind: 'unlink', path };
};

const rmdir: Draw = (tree, random) => {
  const path = pickOne(
    tree.directories.filter((directory) => directory !== '' && tree.isEmpty(directory)),
    random,
  );
  return path === undefined ? undefined : { kind: 'rmdir', path };
};

const renameFile: Draw = (tree, random) => {
  const path = pickOne([...tree.files, ...tree.symlinks], random);
  const to = freeName(tree, random, 'f');
  return path === undefined || to === undefined ? undefined : { kind: 'rename', path, to };
};

const renameOver: Draw = (tree, random) => {
  const path = pickFile(tree, random);
  const to = pickFile(tree, random);
  if (path === undefined || to === undefined || tree.areSame(path, to)) return undefined;
  return { kind: 'rename', path, to };
};

const renameDirectory: Draw = (tree, random) => {
  const directories = tree.directories.filter((directory) => directory !== '');
  const path = pickOne(directories, random);
  const to = freeName(tree, random, 'd');
  if (path === undefined || to === undefined || isBelow(to, path)) return undefined;
  return { kind: 'rename', path, to };
};

const write: Draw = (tree, random, limits) => {
  const path = pickFile(tree, random);
  if (path === undefined) return undefined;
  const length = tree.lengthOf(path);
  // Mostly over what is there; now and then after a hole.
  const reach = random.chance(1, 6) ? limits.fileBytesMax : length + 1;
  const byteOffset = alignNow(random, random.below(Math.min(reach, limits.fileBytesMax)));
  const byteCount = drawBytes(
    random,
    Math.min(limits.writeBytesMax, limits.fileBytesMax - byteOffset),
  );
  return fits(tree, limits, path, byteOffset + byteCount)
    ? { kind: 'write', path, byteOffset, byteCount }
    : undefined;
};

const append: Draw = (tree, random, limits) => {
  const path = pickFile(tree, random);
  if (path === undefined) return undefined;
  const length = tree.lengthOf(path);
  if (length >= limits.fileBytesMax) return undefined;
  const byteCount = drawBytes(random, Math.min(limits.writeBytesMax, limits.fileBytesMax - length));
  return fits(tree, limits, path, length + byteCount)
    ? { kind: 'append', path, byteCount }
    : undefined;
};

const truncate: Draw = (tree, random, limits) => {
  const path = pickFile(tree, random);
  if (path === undefined) return undefined;
  const length = tree.lengthOf(path);
  const longest = random.chance(1, 3) ? limits.fileBytesMax : length;
  const byteCount = random.chance(1, 4) ? 0 : alignNow(random, random.below(longest + 1));
  return fits(tree, limits, path, byteCount) ? { kind: 'truncate', path, byteCount } : undefined;
};

const allocate: Draw = (tree, random, limits) => {
  const path = pickFile(tree, random);
  if (path === undefined) return undefined;
  const byteOffset = alignNow(random, random.below(limits.fileBytesMax));
  const byteCount = drawBytes(random, limits.fileBytesMax - byteOffset);
  const keepSize = random.chance(1, 2);
  if (!fits(tree, limits, path, byteOffset + byteCount)) return undefined;
  return { kind: 'allocate', path, byteOffset, byteCount, keepSize };
};

const punch: Draw = (tree, random) => {
  const path = pickFile(tree, random);
  if (path === undefined || tree.lengthOf(path) === 0) return undefined;
  const length = tree.lengthOf(path);
  const byteOffset = alignNow(random, random.below(length));
  return { kind: 'punch', path, byteOffset, byteCount: drawBytes(random, length) };
};

const syncFile: Draw = (tree, random) => {
  const path = pickFile(tree, random);
  if (path === undefined) return undefined;
  return { kind: random.chance(1, 3) ? 'fdatasync' : 'fsync', path };
};

const syncDirectory: Draw = (tree, random) => ({
  kind: 'fsync',
  path: pickOne(tree.directories, random) ?? '',
});

const writeBack: Draw = (tree, random) => {
  const path = pickFile(tree, random);
  return path === undefined ? undefined : { kind: 'sync-file-range', path };
};

const syncAll: Draw = (_tree, random) => (random.chance(1, 3) ? { kind: 'sync' } : undefined);

const syncs = [syncFile, syncFile, syncFile, syncDirectory, syncDirectory, writeBack, syncAll];
const nameOps = [
  create,
  create,
  create,
  mkdir,
  symlink,
  link,
  unlink,
  rmdir,
  renameFile,
  renameOver,
  renameDirectory,
];
const dataOps = [write, write, write, append, append, truncate, truncate, allocate, punch];

function fits(tree: MixTree, limits: MixLimits, path: FilePath, end: number): boolean {
  const grown = Math.max(0, end - tree.lengthOf(path));
  return end <= limits.fileBytesMax && tree.byteCount + grown <= limits.bytesMax;
}

/** Half of all places are at whole blocks, or at whole sectors. */
function alignNow(random: Random, byteOffset: number): number {
  const grain = [1, 1, 512, 4096][random.below(4)]!;
  return byteOffset - (byteOffset % grain);
}

/** Small and large ones are as likely: the range is halved a random number of times. */
function drawBytes(random: Random, most: number): number {
  const halvings = random.below(Math.ceil(Math.log2(most + 1)) + 1);
  return 1 + random.below(Math.max(1, Math.floor(most / 2 ** halvings)));
}

/** Few names, so that they are used again; a name says of what kind it was at first. */
function freeName(tree: MixTree, random: Random, letter: string): FilePath | undefined {
  const directory = pickOne(tree.directories, random) ?? '';
  const name = `${letter}${random.below(6)}`;
  const path = directory === '' ? name : `${directory}/${name}`;
  return tree.isFree(path) && path.split('/').length <= 4 ? path : undefined;
}

function pickFile(tree: MixTree, random: Random): FilePath | undefined {
  return pickOne(tree.files, random);
}

function pickOne<T>(items: readonly T[], random: Random): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)]!;
}
