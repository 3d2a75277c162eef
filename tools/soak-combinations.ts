/**
 * What the soak runs: the journal in every combination of mode, atomic unit, commit, double writing,
 * encryption, STRICT and devices, with workloads, page sizes and cuts taking turns over them.
 */
import type { FaultedDevice, Random, Scenario } from '../harness/contract/index.ts';
import { journalScenario } from '../harness/conformance/journal-scenarios.ts';

const modes = ['journal', 'ordered', 'writeback', 'undo-redo', 'none'] as const;
const logicalBlocks = [512, 4096] as const;
const commits = ['fua', 'flush', 'uncached'] as const;
const doubleWrites = ['off', 'destage', 'full'] as const;

export interface Combination {
  readonly mode: (typeof modes)[number];
  readonly logicalBlockBytes: (typeof logicalBlocks)[number];
  /** `uncached`: a drive without a volatile cache, which needs neither. */
  readonly commit: (typeof commits)[number];
  readonly doubleWrite: (typeof doubleWrites)[number];
  readonly encrypted: boolean;
  readonly strict: boolean;
  readonly devices: 1 | 2;
}

/** All of them, in an order of chance, so that a soak that is stopped early has seen a bit of each. */
export function combinations(random: Random): readonly Combination[] {
  let all: Partial<Combination>[] = [{}];
  all = crossed(all, 'mode', modes);
  all = crossed(all, 'logicalBlockBytes', logicalBlocks);
  all = crossed(all, 'commit', commits);
  all = crossed(all, 'doubleWrite', doubleWrites);
  all = crossed(all, 'encrypted', [false, true]);
  all = crossed(all, 'strict', [false, true]);
  all = crossed(all, 'devices', [1, 2]);
  return shuffled(all as Combination[], random);
}

function shuffled<Value>(values: readonly Value[], random: Random): readonly Value[] {
  const left = [...values];
  return values.map(() => left.splice(random.below(left.length), 1)[0]!);
}

function crossed<Key extends keyof Combination>(
  all: readonly Partial<Combination>[],
  key: Key,
  values: readonly Combination[Key][],
): Partial<Combination>[] {
  return all.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
}

export interface SoakWish {
  /** Which one it is, from 0: decides whose turn it is. */
  readonly index: number;
  readonly seed: number;
  readonly states: number;
  readonly workloads: readonly string[];
}

/** A combination with its workload, page size and cut: each meets each over the seeds. */
export function soakScenario(one: Combination, wish: SoakWish): Scenario {
  const turn = wish.index + wish.seed;
  const workload = inTurn(wish.workloads.filter(canRunIn(one)), turn);
  const pageBytes = pageBytesOf(one, workload, turn);
  const cut = one.devices === 2 ? inTurn(cuts, turn) : undefined;
  return journalScenario({
    name: `soak-${nameOf(one)}-${workload}-${wish.seed}`,
    workload,
    seed: wish.seed,
    ringPages: workload === appends ? ringPagesForAppends : 64,
    logicalBlockBytes: one.logicalBlockBytes,
    writeCache: one.commit === 'uncached' ? 'none' : 'volatile',
    ...(one.devices === 2 && {
      dataWriteCache: one.commit === 'uncached' ? ('none' as const) : ('volatile' as const),
    }),
    durability: one.commit === 'uncached' ? 'auto' : one.commit,
    ops: workload === appends ? 200 : inTurn([200, 300], turn),
    queueDepth: inTurn([8, 1, 24], turn),
    states: wish.states,
    faults:
      cut === undefined
        ? []
        : [{ ...cutAt({ mode: one.mode, workload, pageBytes }, turn), device: cut }],
    engine: {
      mode: one.mode,
      pageBytes,
      doubleWrite: one.doubleWrite,
      strict: one.strict,
      steal: turn % 4 !== 3,
      ...(one.encrypted && { encryption: { insecureTestKey: 1 } }),
    },
  });
}

const cuts: readonly (FaultedDevice | undefined)[] = ['main', undefined, 'data', 'both'];

/** Nobody releases what it appends: all of it must fit, with a page of its own for each in STRICT. */
const appends = 'append-log';
const ringPagesForAppends = 512;

/** Their ring of large pages, and its mirror, would not fit on the drive. */
function pageBytesOf({ doubleWrite }: Combination, workload: string, turn: number): 4096 | 16384 {
  if (workload === appends && doubleWrite === 'full') return 4096;
  return inTurn([4096, 4096, 16384] as const, Math.floor(turn / 3));
}

/** Their rings fill up, so that they destage. */
const filling: ReadonlySet<string> = new Set(['random-write', 'wrap-around']);

interface CutScene {
  readonly mode: Combination['mode'];
  readonly workload: string;
  readonly pageBytes: number;
}

/** In the middle of a destage, or anywhere; only in mode `journal` is the former not the beginning. */
function cutAt(
  { mode, workload, pageBytes }: CutScene,
  turn: number,
): Omit<Scenario['faults'][number], 'device'> {
  const isInDestage =
    mode === 'journal' && pageBytes === 4096 && filling.has(workload) && turn % 3 === 0;
  const at = isInDestage ? { atArea: 'data' } : { atOp: 40 + (turn % 97) };
  return { use: 'power-cut', at, times: 1, during: 'workload' };
}

/** Mode `none` refuses transactions: nothing would make one all or nothing. */
function canRunIn({ mode }: Combination): (workload: string) => boolean {
  return (workload) => mode !== 'none' || workload !== 'bank';
}

function nameOf(one: Combination): string {
  const parts = [
    one.mode,
    one.logicalBlockBytes,
    one.commit,
    one.doubleWrite,
    one.encrypted && 'encrypted',
    one.strict && 'strict',
    one.devices === 2 && 'two-devices',
  ];
  return parts.filter((part) => part !== false).join('-');
}

function inTurn<Value>(values: readonly Value[], turn: number): Value {
  return values[turn % values.length]!;
}
