/** Engines that misbehave on a real device, in a process of their own, must be seen to. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { probeHost } from '../device/host-probe.ts';
import { createLoopTarget, refuseSame } from '../rigs/device.ts';
import type { ReadyScenario } from './plugin-sources.ts';
import { ResourceLedger } from './resources.ts';
import { RunDirectory } from './run-directory.ts';
import {
  readyScenario,
  runInTest,
  smallScenario,
  temporaryDirectory,
  type ScenarioChanges,
  type TestRun,
} from './scenario.fixture.ts';
import { verifyRun } from './verify-run.ts';

const host = probeHost();
const canRun = host.isRoot && (await host.hasIoUring()) && (await host.hasLoopDevices());

beforeEach(() => {
  vi.stubEnv('TMPDIR', temporaryDirectory());
});

afterEach(() => {
  const left = fs.readdirSync(path.join(process.env['TMPDIR']!, 'powercut'));
  vi.unstubAllEnvs();
  expect(left).toEqual([]);
});

function onDevice(
  engine: Record<string, unknown>,
  durationMs = 60_000,
  dataDevice: Pick<ScenarioChanges, 'dataDevice'> = {},
): Promise<ReadyScenario> {
  return readyScenario({
    ...dataDevice,
    rig: 'device',
    engine,
    faults: [{ use: 'kill', at: { atOp: 20 }, times: 1, during: 'workload' }],
    device: {
      logicalBlockBytes: 4096,
      capacityBlocks: 257,
      atomicWriteBlocks: 1,
      writeCache: 'volatile',
      supportsFua: true,
    },
    limits: { ops: 400, queueDepth: 4, durationMs },
    explore: { rounds: 2, states: 2, nestedStates: 0 },
  });
}

async function statusOfVerify({ directory }: TestRun): Promise<string> {
  const { verdict } = await verifyRun({
    directory: RunDirectory.open(directory.path),
    jobs: 1,
    signal: new AbortController().signal,
    command: 'powercut verify',
    emit: () => undefined,
  });
  return verdict.status;
}

describe.runIf(canRun)('an engine that is killed on two loop devices', () => {
  const dataDevice = { ...smallScenario.device, logicalBlockBytes: 512, capacityBlocks: 2049 };

  it('passes when it comes back with what it acknowledged, and is judged so again', async () => {
    const run = await runInTest([await onDevice({}, 60_000, { dataDevice })]);
    expect(run.summary.cells[0]!.verdict).toMatchObject({ status: 'pass' });
    expect(run.summary.host).toMatchObject({
      device: { logicalBlockBytes: 4096 },
      dataDevice: { logicalBlockBytes: 512 },
    });
    expect(run.directory.loadJson('small', 'kill-1.json')).toMatchObject({
      geometry: { capacityBlocks: 257 },
      dataGeometry: { logicalBlockBytes: 512, capacityBlocks: 2049 },
    });
    expect(await statusOfVerify(run)).toBe('pass');
  });

  it('is convicted where it acknowledges what it writes to neither', async () => {
    const run = await runInTest([await onDevice({ ack: 'unwritten' }, 60_000, { dataDevice })]);
    expect(run.summary.cells[0]!.failures[0]?.violation.kind).toBe('zeroed');
  });

  it('is not started where both names lead to one device', async () => {
    await using resources = ResourceLedger.open();
    const backing = {
      makeDirectory: (name: string) => resources.makeDirectory(name),
      holdLoop: (backingFile: string) => {
        resources.hold({ kind: 'loop', backingFile });
      },
    };
    await using loop = await createLoopTarget(smallScenario.device, backing);
    await using again = { ...loop, [Symbol.asyncDispose]: async () => undefined };
    await expect(refuseSame(loop, again)).rejects.toThrow(/expected two devices/);
  });
});

describe.runIf(canRun)('an engine that is killed on a loop device', () => {
  it('passes when it comes back with what it acknowledged, and is judged so again', async () => {
    const run = await runInTest([await onDevice({})]);
    expect(run.summary.cells[0]!.verdict).toMatchObject({ status: 'pass' });
    expect(run.summary.host.device).toMatchObject({ logicalBlockBytes: 4096 });
    const rounds = run.events.filter((event) => event.type === 'progress');
    expect(rounds.map(({ done, total }) => [done, total])).toEqual([
      [0, 2],
      [1, 2],
      [2, 2],
    ]);
    expect(await statusOfVerify(run)).toBe('pass');
    for (const name of ['kill-0.json', 'kill-1.json', 'round-0.ledger']) {
      const file = path.join(run.directory.path, 'cells', 'small', name);
      const content = fs.readFileSync(file);
      fs.writeFileSync(file, content.subarray(0, content.length - 3));
      expect(await statusOfVerify(run), name).toBe('inconclusive');
      fs.writeFileSync(file, content);
    }
    expect(await statusOfVerify(run)).toBe('pass');
  });

  it('is convicted when it throws instead of recovering', async () => {
    const { summary } = await runInTest([await onDevice({ reopen: 'throw' })]);
    expect(summary.cells[0]!.verdict.status).toBe('fail');
    expect(summary.cells[0]!.failures[0]!.violation.kind).toBe('recovery-failed');
  });

  it('is convicted when its recovery waits for ever', async () => {
    const { summary } = await runInTest([await onDevice({ reopen: 'hang' })]);
    expect(summary.cells[0]!.verdict.status).toBe('fail');
    expect(summary.cells[0]!.failures[0]!.violation.kind).toBe('recovery-failed');
  });

  it('does not pass when it stops answering (@req D5)', async () => {
    const { summary } = await runInTest([await onDevice({ stopAfter: 5 })]);
    expect(summary.cells[0]!.verdict.status).toBe('inconclusive');
    expect(summary.cells[0]!.verdict.reason).toMatch(/stopped answering in round 0, after 9 op/);
  });

  it('is not waited for longer than the scenario says (@req D5)', async () => {
    const { summary } = await runInTest([await onDevice({ reopen: 'loop' }, 6000)]);
    expect(summary.cells[0]!.verdict).toEqual({
      status: 'inconclusive',
      reason: 'out of time after 6000 ms',
    });
    expect(summary.cells[0]!.tookMs).toBeLessThan(9000);
    expect(summary.exitCode).toBe(4);
  });
});
