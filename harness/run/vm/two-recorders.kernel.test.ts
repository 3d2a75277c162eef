// Goal: two recorders of one stream of writes agree on what power loss may leave. Method: in a guest, dm-log-writes on top
// of the twin, which QEMU reaches by NBD; raw writes with flushes, then ext4 with syncs and without. Every
// crash state that the log proves legal must be legal for the twin, at the same positions of the ledger, and
// be judged alike by both. A twin that forgot flushes, or that kept what it need not, is told by this.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandom, type CrashWindow } from '../../contract/index.ts';
import { probeHost } from '../../device/host-probe.ts';
import { planCrashStates, type EventWindow } from '../../drive/crash-states.ts';
import { ledgerWindowsOf, type JudgedWindow } from '../../drive/crash-windows.ts';
import type { History } from '../../drive/history.ts';
import { LegalMoments } from '../../drive/legal-moments.ts';
import { createMaterialiser } from '../../drive/materialise.ts';
import { historiesOfLog, type LogHistories } from '../../drive/write-log/log-histories.ts';
import { WriteLog } from '../../drive/write-log/write-log.ts';
import { probeVm } from '../../rigs/vm/probe-vm.ts';
import { FileExplorer } from '../files/file-explorer.ts';
import { readyFileScenario } from '../files/file-scenario.fixture.ts';
import { judgeFileWindows } from '../files/judge-file-windows.ts';
import { ResourceLedger } from '../resources.ts';
import { recordedBy } from './broken-twin.fixture.ts';
import { recordTwice, type TwiceRecorded } from './two-recorders.fixture.ts';

const vm = probeVm(probeHost());
const statesOfPart = 150;

interface Comparison {
  readonly states: number;
  /** States of the log that the twin does not have, or not at the positions at which the log has them. */
  readonly strangers: readonly string[];
  /** States that one convicts and the other does not. */
  readonly disagreements: readonly string[];
  readonly convicted: number;
}

describe.skipIf(!vm.available)('the twin beneath dm-log-writes (needs rig vm)', () => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-twice-')));
  let recorded: TwiceRecorded;

  beforeAll(async () => {
    const ordered = await readyFileScenario({ ops: 40, workload: 'mail-spool' });
    const expect = { verdict: 'fail', kinds: ['lost'], why: 'nothing is synced' } as const;
    const unsynced = await readyFileScenario({
      workload: 'mail-spool',
      ops: 20,
      with: { sync: 'none' },
      expect,
    });
    recorded = await recordTwice({
      parts: { ordered, unsynced },
      geometry: ordered.scenario.device,
      folder,
      rawRequests: 200,
    });
  }, 600_000);

  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('the stream was recorded to its end by both', () => {
    expect(recorded.report).toMatchObject({ gaps: [null, null], status: { isLogging: true } });
  });

  test('every state of raw writes that the log has is one of the twin', async () => {
    const { histories, gaps } = await logOf(recorded, 'raw');
    expect(gaps).toEqual([]);
    const moments = new LegalMoments(recorded.history);
    const plan = planCrashStates(histories[0]!.history, {
      statesMax: 2000,
      random: createRandom(1),
    });
    const materialiser = createMaterialiser(plan);
    const illegal = plan.states.filter(
      (state) => moments.of(materialiser.images(state)[0]!).conflict !== undefined,
    );
    expect(plan.states.length).toBeGreaterThan(500);
    expect(illegal).toEqual([]);
  });

  test('every state of ext4 that the log has is one of the twin, and passes with both', async () => {
    const found = await compare(recorded, 'ordered', recorded.history);
    expect(found).toMatchObject({ strangers: [], disagreements: [], convicted: 0 });
    expect(found.states).toBeGreaterThan(100);
  }, 600_000);

  test('where syncs do nothing, and are claimed to, both convict the same states', async () => {
    const found = await compare(recorded, 'unsynced', recorded.history);
    expect(found).toMatchObject({ strangers: [], disagreements: [] });
    expect(found.convicted).toBeGreaterThan(10);
  }, 600_000);

  test('a twin that ignores flushes is told by its verdicts', async () => {
    const deaf = recordedBy({ ignoresFlushes: true }, recorded.history);
    const found = await compare(recorded, 'ordered', deaf);
    expect(found.disagreements.length).toBeGreaterThan(10);
  }, 600_000);

  test('a twin that keeps what was never flushed is told by the states that it lacks', async () => {
    const eager = recordedBy({ keepsEverything: true }, recorded.history);
    const found = await compare(recorded, 'ordered', eager);
    expect(found.strangers.length).toBeGreaterThan(10);
  }, 600_000);
});

async function compare(
  { parts, ...recorded }: TwiceRecorded,
  part: string,
  twin: History,
): Promise<Comparison> {
  const { ready, ledger, window } = parts.get(part)!;
  const { histories, gaps } = await logOf(recorded, part);
  expect(gaps).toEqual([]);
  const evidence = { round: 0, history: histories[0]!.history, ledger };
  const explorer = new FileExplorer(ready, evidence, { states: statesOfPart, nestedStates: 0 });
  const moments = new LegalMoments(twin);
  await using resources = ResourceLedger.open();
  await using mounter = await explorer.openMounter(resources);
  const strangers: string[] = [];
  const disagreements: string[] = [];
  let convicted = 0;
  for (const state of explorer.plan.states) {
    const image = explorer.imageOf(state);
    const { windows, conflict } = moments.of(image);
    const ofLog = ledgerWindowsOf(evidence.history, state);
    const ofTwin = ledgerWindowsOf(twin, { windows: within(window, windows) });
    if (!ofLog.every((each) => isCovered(each.window, ofTwin))) {
      strangers.push(
        `state ${state.index} at ${textOf(ofLog)}, twin at ${textOf(ofTwin)} (unit ${conflict ?? 'none'})`,
      );
    }
    const { contract } = explorer;
    const recovered = await mounter.recover(image);
    const common = { ready, contract, evidence, id: '', digest: state.digest, recovered };
    const [above, beneath] = [ofLog, ofTwin].map(
      (found) => judgeFileWindows({ ...common, windows: found }).violations.length > 0,
    );
    if (above === true) convicted += 1;
    if (above !== beneath)
      disagreements.push(
        `state ${state.index} ${above} ${beneath} ${textOf(ofLog)} ${textOf(ofTwin)}`,
      );
  }
  return { states: explorer.plan.states.length, strangers, disagreements, convicted };
}

/** `raw`, or the name of a part. */
async function logOf(
  { logFile, history }: Pick<TwiceRecorded, 'logFile' | 'history'>,
  part: string,
): Promise<LogHistories> {
  await using log = WriteLog.open(logFile, { until: 'entry-count' });
  return historiesOfLog(log, {
    semantics: 'dm-log-writes',
    name: part,
    base: history.deviceOf(0).base,
    ...(part !== 'raw' && { startMark: `${part}:0` }),
    stopMark: `${part}:end`,
    positionOf: (mark) => {
      const [name, position] = mark.split(':');
      return name === part && position !== 'end' ? Number(position) : undefined;
    },
  });
}

function within({ firstSeq, endSeq }: EventWindow, windows: readonly EventWindow[]): EventWindow[] {
  return windows
    .map((window) => ({
      firstSeq: Math.max(window.firstSeq, firstSeq),
      endSeq: Math.min(window.endSeq, endSeq),
    }))
    .filter((window) => window.firstSeq < window.endSeq);
}

/** Whether each position of the one is a position of the others. */
function isCovered({ first, last }: CrashWindow, by: readonly JudgedWindow[]): boolean {
  for (let position = first; position <= last; position++) {
    const isThere = by.some(({ window }) => window.first <= position && position <= window.last);
    if (!isThere) return false;
  }
  return true;
}

function textOf(windows: readonly JudgedWindow[]): string {
  return windows.map(({ window: { first, last } }) => `${first}-${last}`).join(' ');
}
