import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  notReportedHere,
  readDiskFacts,
  readMachineFacts,
  readTemperatures,
} from './host-facts-machine.ts';
import { readWeather, spin, weatherBetween } from './host-facts-weather.ts';

const root = mkdtempSync(path.join(tmpdir(), 'powercut-facts-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

/** A machine whose kernel shows these files. */
function machineWith(files: Readonly<Record<string, string>>): { proc: string; sys: string } {
  const place = mkdtempSync(path.join(root, 'm-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(place, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(place, name), text);
  }
  return { proc: path.join(place, 'proc'), sys: path.join(place, 'sys') };
}

test('a machine that says nothing is said to say nothing, in every fact', async () => {
  const silent = machineWith({});
  const { hypervisor, ...facts } = await readMachineFacts(silent);
  expect(new Set(Object.values(facts))).toEqual(new Set([notReportedHere]));
  expect(hypervisor).toBe(notReportedHere);
  const { disk, ...ofDisk } = await readDiskFacts('sda', silent);
  expect(disk).toBe('sda');
  expect(new Set(Object.values(ofDisk))).toEqual(new Set([notReportedHere]));
  expect(await readTemperatures(silent)).toEqual({});
});

test('the facts of a machine are read where its kernel shows them', async () => {
  const cpu = 'sys/devices/system/cpu';
  const facts = await readMachineFacts(
    machineWith({
      'proc/cpuinfo': 'processor\t: 0\nmicrocode\t: 0x2b\nflags\t\t: fpu sse hypervisor avx\n',
      'proc/cmdline': 'root=/dev/vda mitigations=off\n',
      [`${cpu}/cpu0/cpufreq/scaling_governor`]: 'performance\n',
      [`${cpu}/intel_pstate/no_turbo`]: '1\n',
      [`${cpu}/vulnerabilities/meltdown`]: 'Not affected\n',
      [`${cpu}/vulnerabilities/retbleed`]: 'Vulnerable\n',
    }),
  );
  expect(facts).toMatchObject({
    'CPU microcode': '0x2b',
    'CPU governor': 'performance',
    'CPU turbo': 'off',
    hypervisor: 'yes',
    'CPU mitigations': 'retbleed: Vulnerable',
    'kernel options': 'mitigations=off',
    'CPU idle driver': notReportedHere,
  });
});

test('a disk has its drive, its scheduler in use and its cache; temperatures have their sensors', async () => {
  const files = machineWith({
    'sys/block/nvme0n1/device/model': 'Example 990\n',
    'sys/block/nvme0n1/device/firmware_rev': '4B2Q\n',
    'sys/block/nvme0n1/queue/scheduler': '[none] mq-deadline\n',
    'sys/block/nvme0n1/queue/write_cache': 'write back\n',
    'sys/block/nvme0n1/queue/fua': '1\n',
    'sys/block/nvme0n1/size': '2048\n',
    'sys/class/hwmon/hwmon1/name': 'nvme\n',
    'sys/class/hwmon/hwmon1/temp1_input': '41850\n',
    'sys/class/hwmon/hwmon1/temp1_label': 'Composite\n',
  });
  expect(await readDiskFacts('nvme0n1', files)).toMatchObject({
    model: 'Example 990',
    firmware: '4B2Q',
    scheduler: 'none',
    'write cache': 'write back',
    FUA: '1',
    bytes: 1_048_576,
    polling: notReportedHere,
  });
  expect(await readTemperatures(files)).toEqual({ 'hwmon1 nvme Composite': 41.85 });
});

test('time that the hypervisor and other processes took is told apart from our own', () => {
  const { proc } = machineWith({ 'proc/stat': 'cpu 100 0 100 700 50 0 0 50 0 0\ncpu0 …\n' });
  const before = readWeather(path.join(proc, 'stat'));
  const { proc: later } = machineWith({ 'proc/stat': 'cpu 140 0 120 800 60 0 0 80 0 0\n' });
  const after = {
    ...readWeather(path.join(later, 'stat')),
    ownMicroseconds: before.ownMicroseconds + 200_000,
  };
  // 200 ticks in all: 60 busy, of which 20 were ours, and 30 stolen.
  expect(weatherBetween(before, after, 7)).toEqual({
    stealPart: 0.15,
    foreignCpuPart: 0.2,
    spinNs: 7,
  });
});

test('a machine without /proc/stat leaves the parts unknown', () => {
  const nothing = readWeather(path.join(root, 'none'));
  expect(weatherBetween(nothing, nothing, undefined)).toEqual({
    stealPart: undefined,
    foreignCpuPart: undefined,
    spinNs: undefined,
  });
});

test('spinning takes some time', () => {
  expect(spin(() => performance.now() * 1e6)).toBeGreaterThan(1000);
});
