import { expect, test } from 'vitest';
import { logText, type LogKind } from '../output/fio-logs.ts';
import { OpLog } from './op-log.ts';

const read = 0;
const write = 1;

function linesOf(log: OpLog, endMs: number, kind: LogKind): readonly string[] {
  return [...logText(log.snapshot(endMs), kind)].join('').split('\n').slice(0, -1);
}

test('every operation has a line, with the times that it took', () => {
  const log = new OpLog(0);
  log.restart(1000);
  log.record(write, 4096, 1001, 1001.5, 1003.5);
  log.record(read, 8192, 1002, 1002, 1006);
  expect(linesOf(log, 1010, 'slat')).toEqual(['3, 500000, 1, 4096, 0', '6, 0, 0, 8192, 0']);
  expect(linesOf(log, 1010, 'clat')).toEqual(['3, 2000000, 1, 4096, 0', '6, 4000000, 0, 8192, 0']);
  expect(linesOf(log, 1010, 'lat')).toEqual(['3, 2500000, 1, 4096, 0', '6, 4000000, 0, 8192, 0']);
  // 4096 bytes in 2 ms are 2048 kB/s, as fio has it for single operations.
  expect(linesOf(log, 1010, 'bw')).toEqual(['3, 2048, 1, 4096, 0', '6, 2048, 0, 8192, 0']);
  expect(linesOf(log, 1010, 'iops')).toEqual(['3, 1, 1, 4096, 0', '6, 1, 0, 8192, 0']);
});

test('a log of means has a line for each window and direction in which something completed', () => {
  const log = new OpLog(100);
  log.restart(1000);
  log.record(write, 4096, 1010, 1010, 1020);
  log.record(write, 4096, 1010, 1010, 1040);
  log.record(read, 1024, 1050, 1050, 1060);
  // Nothing completes from 100 to 300; what completes on the border belongs behind it.
  log.record(write, 4096, 1280, 1280, 1300);
  expect(linesOf(log, 1350, 'clat')).toEqual([
    '100, 10000000, 0, 0, 0',
    '100, 20000000, 1, 0, 0',
    '350, 20000000, 1, 0, 0',
  ]);
  expect(linesOf(log, 1350, 'iops')).toEqual([
    '100, 10, 0, 0, 0',
    '100, 20, 1, 0, 0',
    '350, 20, 1, 0, 0',
  ]);
  expect(linesOf(log, 1350, 'bw')).toEqual([
    '100, 10, 0, 0, 0',
    '100, 80, 1, 0, 0',
    '350, 80, 1, 0, 0',
  ]);
});

test('the ramp and pauses are in no line', () => {
  const log = new OpLog(100);
  log.restart(0);
  log.record(write, 4096, 1, 1, 2);
  log.restart(1000);
  log.record(write, 4096, 1010, 1010, 1020);
  log.skip(1050, 3050);
  log.record(write, 4096, 3051, 3051, 3061);
  expect(linesOf(log, 3100, 'iops')).toEqual(['100, 20, 1, 0, 0']);
});

test('a log grows with what is recorded', () => {
  const log = new OpLog(0);
  log.restart(0);
  for (let at = 1; at <= 10_000; at++) log.record(write, 512, at - 1, at - 1, at);
  const lines = linesOf(log, 10_000, 'clat');
  expect(lines).toHaveLength(10_000);
  expect(lines[0]).toBe('1, 1000000, 1, 512, 0');
  expect(lines[9999]).toBe('10000, 1000000, 1, 512, 0');
});
