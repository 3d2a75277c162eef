// Goal: what we say of dm-flakey and dm-log-writes is what the kernel's own do. Method: a program in a guest
// makes real mappings and reports (device-mapper-guest.fixture.ts); the log that it recorded is read here
// and compared with the drive that was logged.
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../contract/index.ts';
import { planCrashStates } from '../drive/crash-states.ts';
import { readBaseImage } from '../drive/write-log/base-image.ts';
import { historiesOfLog } from '../drive/write-log/log-histories.ts';
import { replayLog } from '../drive/write-log/replay-log.ts';
import { WriteLog } from '../drive/write-log/write-log.ts';
import { prepareGuest } from '../rigs/vm/guest-image.ts';
import { bootGuest } from '../rigs/vm/guest.ts';
import { probeVm } from '../rigs/vm/probe-vm.ts';
import { ResourceLedger } from '../run/resources.ts';
import { probeHost } from './host-probe.ts';

const vm = probeVm(probeHost());
const program = fileURLToPath(new URL('./device-mapper-guest.fixture.ts', import.meta.url));
const tsx = path.join(import.meta.dirname, '../../node_modules/tsx/dist/cli.mjs');

/** Blocks of 4 KiB: a superblock of ext4 is 1 KiB, and would be torn in blocks of 512 bytes. */
const blockBytes = 4096;
const sizesMiB = { data: 64, log: 64, small: 1 };

interface CutReport {
  readonly afterCut: string;
  readonly tableWhenCut: readonly string[];
  readonly found: readonly string[];
  readonly check: number;
}

interface GuestReport {
  readonly errorWrites: CutReport;
  readonly dropWrites: CutReport;
  readonly corrupt: { differing: number[]; random: string; restored: boolean };
  readonly refused: { replaced: string; unknown: string; reads: number };
  readonly removal: { left: string[] };
  readonly record: { status: { entries: number; isLogging: boolean }; badMark: string };
  readonly full: { entries: number; isLogging: boolean };
  readonly held: readonly string[];
}

describe.skipIf(!vm.available)('in a guest (needs rig vm, @req K3)', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-mapper-'));
  const inFolder = (name: string): string => path.join(folder, name);
  let report: GuestReport;

  beforeAll(async () => {
    report = await runInGuest(folder);
  }, 600_000);

  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('a cut leaves what was synced, takes what was not, and fails or drops what comes later', () => {
    const recovered = { found: ['synced', 'ENOENT', 'ENOENT'], check: 0 };
    expect(report.errorWrites).toEqual({
      ...recovered,
      afterCut: 'EIO',
      tableWhenCut: ['0', '180', '1', 'error_writes'],
    });
    // The fsync after the cut succeeds, and the file is not there: its acknowledgement is void.
    expect(report.dropWrites).toEqual({
      ...recovered,
      afterCut: 'ok',
      tableWhenCut: ['0', '180', '1', 'drop_writes'],
    });
  });

  test('one byte of every read is damaged until the device is restored', () => {
    expect(report.corrupt).toMatchObject({ differing: [2], restored: true });
  });

  test('a table that the kernel refuses leaves the device as it was, and not suspended', () => {
    expect(report.refused).toEqual({
      replaced: 'SYSTEM_CALL_FAILED',
      unknown: 'SYSTEM_CALL_FAILED',
      reads: blockBytes,
    });
  });

  test('mappings are named before they are made, and none is left, held or suspended', () => {
    expect(report.held).toContain('powercut-removed');
    expect(report.removal.left).toEqual([]);
  });

  test('the log has what the drive has, entry for entry', async () => {
    expect(report.record).toMatchObject({ status: { isLogging: true }, badMark: 'CONFIG_INVALID' });
    await using log = WriteLog.open(inFolder('log'), { until: 'entry-count' });
    // The end mark is the one entry that the status could not know of.
    expect(log.entryCount).toBeGreaterThan(report.record.status.entries);
    const data = readBaseImage(inFolder('data'), blockBytes);
    const zeroed = readBaseImage(blank(inFolder('blank'), sizesMiB.data * 2 ** 20), blockBytes);
    const kept = zeroed.fork();
    replayLog(log, zeroed, { discards: 'zeros' });
    replayLog(log, kept, { discards: 'nothing' });
    // mkfs discards the whole drive, and what becomes of that is the drive's own choice.
    const unlike = data
      .writtenUnits()
      .filter(({ index, unit }) => !unit.equals(zeroed.readUnit(index)))
      .filter(({ index, unit }) => !unit.equals(kept.readUnit(index)));
    expect(unlike.map(({ index }) => index)).toEqual([]);
  });

  test('the log yields the ledger positions, and crash states from the mark on', async () => {
    await using log = WriteLog.open(inFolder('log'), { until: 'entry-count' });
    const base = readBaseImage(blank(inFolder('blank'), sizesMiB.data * 2 ** 20), blockBytes);
    const found = historiesOfLog(log, {
      semantics: 'dm-log-writes',
      name: 'data',
      base,
      startMark: 'pos-0',
      stopMark: 'cut',
    });
    expect(found.gaps).toEqual([]);
    const { history } = found.histories[0]!;
    const marks = history.events.flatMap((event) =>
      event.kind === 'mark' ? [event.position] : [],
    );
    expect(marks).toEqual([0, 1, 2, 3, 4, 5]);
    // Every file that was synced took at least a flush and a forced commit block.
    expect(history.flushes.length).toBeGreaterThanOrEqual(5);
    const plan = planCrashStates(history, {
      statesMax: 500,
      random: createRandom(1),
      bornAfter: 1,
    });
    expect(plan.states.length).toBeGreaterThan(50);
  });

  test('a log that was full says so', () => {
    expect(report.full.isLogging).toBe(false);
  });
});

async function runInGuest(folder: string): Promise<GuestReport> {
  await using resources = ResourceLedger.open();
  const drives = Object.entries(sizesMiB).map(
    ([name, sizeMiB]) =>
      ({
        name,
        source: { kind: 'file', path: blank(path.join(folder, `${name}.img`), sizeMiB * 2 ** 20) },
        cache: 'writeback',
        logicalBlockBytes: blockBytes,
      }) as const,
  );
  const image = await prepareGuest({ resources });
  await using guest = await bootGuest(image, {
    resources,
    drives,
    consoleFile: path.join(folder, 'console'),
    sharedFolder: folder,
  });
  const nodes = Object.keys(sizesMiB).map((name) => guest.facts.drives[name]!);
  const lines: string[] = [];
  const { code } = await guest.exec([process.execPath, tsx, program, folder, ...nodes], {
    onLine: (line) => lines.push(line),
  });
  const found = lines.find((line) => line.startsWith('report '));
  if (code !== 0 || found === undefined) throw new Error(lines.join('\n'));
  return JSON.parse(found.slice('report '.length)) as GuestReport;
}

/** A file of zeros. */
function blank(file: string, byteCount: number): string {
  fs.writeFileSync(file, '');
  fs.truncateSync(file, byteCount);
  return file;
}
