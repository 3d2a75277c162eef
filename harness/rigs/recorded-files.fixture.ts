/** File systems whose every request was recorded, for tests and benchmarks of mounted crash states. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  createRandom,
  type DeviceGeometry,
  type FileOp,
  type FileOutcome,
  type FileSystemAdapter,
  type FileSystemRecipe,
  type Random,
} from '../contract/index.ts';
import { planCrashStates, type CrashPlan } from '../drive/crash-states.ts';
import type { SparseImage } from '../drive/image.ts';
import { createMaterialiser } from '../drive/materialise.ts';
import { startFileDriver } from './file-driver.ts';
import { replayed, TwinForTest, twinGeometry } from './kernel-twin.fixture.ts';
import { makeFileSystem } from './made-file-system.ts';
import { openStateMounter, type StateMounter, type StateMounterOptions } from './mounted-states.ts';

/** A file system as it was made, and what it takes to mount images of it. */
export interface MadeImage {
  readonly recipe: FileSystemRecipe;
  readonly geometry: DeviceGeometry;
  readonly fresh: SparseImage;
}

export interface RecordedFiles extends MadeImage {
  readonly outcomes: readonly FileOutcome[];
  readonly plan: CrashPlan;
  /** What the drive held at the end, with everything in its cache. */
  readonly last: SparseImage;
}

export async function makeImage(
  engine: FileSystemAdapter,
  options: unknown,
  mebibytes: number,
  logicalBlockBytes = 4096,
): Promise<MadeImage> {
  const geometry = twinGeometry({ logicalBlockBytes }, mebibytes);
  const recipe = engine.recipeFor(engine.options.parse(options), geometry);
  await using test = await TwinForTest.start({ geometry });
  await makeFileSystem(recipe, test.twin.node);
  return { recipe, geometry, fresh: replayed(await test.twin.cut()) };
}

/** Performs the operations on the file system and plans crash states of what they did to the drive. */
export async function recordFiles(
  made: MadeImage,
  ops: readonly FileOp[],
  statesMax: number,
): Promise<RecordedFiles> {
  const { recipe, geometry, fresh } = made;
  await using test = await TwinForTest.start({ geometry, image: fresh });
  const root = await test.mount(recipe.type, recipe.mountOptions);
  const outcomes = await performAll(root, ops, recipe);
  const history = await test.twin.cut();
  const plan = planCrashStates(history, { statesMax, random: createRandom(7) });
  return { ...made, outcomes, plan, last: replayed(history) };
}

async function performAll(
  root: string,
  ops: readonly FileOp[],
  { syncPolicy }: FileSystemRecipe,
): Promise<FileOutcome[]> {
  await using driver = await startFileDriver({
    root,
    seed: 1,
    syncPolicy,
    resources: { holdProcess: () => undefined },
  });
  const outcomes: FileOutcome[] = [];
  for (const [index, op] of ops.entries()) outcomes.push(await driver.perform(index + 1, op));
  return outcomes;
}

export function* imagesOf({ plan }: RecordedFiles): Iterable<SparseImage> {
  const materialiser = createMaterialiser(plan);
  for (const state of plan.states) yield materialiser.images(state)[0]!;
}

/** A mounter in a directory of its own. */
export class MounterForTest implements AsyncDisposable {
  readonly mounter: StateMounter;
  readonly folder: string;

  private constructor(mounter: StateMounter, folder: string) {
    this.mounter = mounter;
    this.folder = folder;
  }

  static async open(
    { recipe, geometry, fresh }: MadeImage,
    options: Partial<StateMounterOptions> = {},
  ): Promise<MounterForTest> {
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-states-')));
    const opening = openStateMounter({
      recipe,
      fresh,
      logicalBlockBytes: geometry.logicalBlockBytes,
      resources: {
        makeDirectory: (name) => {
          const directory = path.join(folder, name);
          fs.mkdirSync(directory);
          return directory;
        },
        holdMount: () => undefined,
        holdLoop: () => undefined,
      },
      ...options,
    });
    try {
      return new MounterForTest(await opening, folder);
    } catch (error) {
      fs.rmSync(folder, { recursive: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mounter[Symbol.asyncDispose]();
    fs.rmSync(this.folder, { recursive: true });
  }

  /** What of this mounter is still on the machine. */
  leftovers(): string[] {
    const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const loops = fs.readdirSync('/sys/block').filter((name) => {
      const file = `/sys/block/${name}/loop/backing_file`;
      return fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes(this.folder);
    });
    return [...mounts.filter((line) => line.includes(this.folder)), ...loops];
  }
}

/** A seeded mix of operations over a small tree, some of which fail as they should. */
export function mixedOps(count: number, random: Random): FileOp[] {
  const file = (): string => `d${random.below(3)}/f${random.below(8)}`;
  const ops: FileOp[] = [0, 1, 2].map((number) => ({ kind: 'mkdir', path: `d${number}` }));
  while (ops.length < count) {
    const path = file();
    const byteOffset = random.below(4) * 3000;
    const byteCount = 1 + random.below(12_000);
    const kinds: readonly FileOp[] = [
      { kind: 'create', path },
      { kind: 'create', path },
      { kind: 'write', path, byteOffset, byteCount },
      { kind: 'write', path, byteOffset, byteCount },
      { kind: 'append', path, byteCount },
      { kind: 'append', path, byteCount },
      { kind: 'truncate', path, byteCount },
      { kind: 'rename', path, to: file() },
      { kind: 'link', path, to: file() },
      { kind: 'symlink', path: `d0/s${random.below(4)}`, target: path },
      { kind: 'unlink', path },
      { kind: 'allocate', path, byteOffset, byteCount, keepSize: random.chance(1, 2) },
      { kind: 'punch', path, byteOffset, byteCount },
      { kind: 'fsync', path },
      { kind: 'fsync', path },
      { kind: 'fdatasync', path },
      { kind: 'fsync', path: 'd0' },
    ];
    ops.push(kinds[random.below(kinds.length)]!);
  }
  return ops;
}
