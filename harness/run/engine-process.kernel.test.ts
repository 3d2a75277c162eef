/** A real engine process on a loop device, stopped in the middle of its work. */
import * as path from 'node:path';
import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { probeHost } from '../device/host-probe.ts';
import { createLedger } from '../ledger/ack-ledger.ts';
import { encodeLedger } from '../ledger/ledger-file.ts';
import { createLoopTarget } from '../rigs/device.ts';
import { startEngineProcess, type FreezableProcess } from './engine-process.ts';
import type { HostJob } from './engine-host.ts';
import { ResourceLedger } from './resources.ts';
import { readyScenario, smallScenario, temporaryDirectory } from './scenario.fixture.ts';

const host = probeHost();
const canRun = host.isRoot && (await host.hasIoUring()) && (await host.hasLoopDevices());
const limitMs = 60_000;

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Says how many messages have come, and reads on. */
function counted({ messages }: FreezableProcess): { count: number; end: Promise<void> } {
  const counter = { count: 0, end: Promise.resolve() };
  const read = async (): Promise<void> => {
    for await (const message of messages) if (message.length > 0) counter.count++;
  };
  counter.end = read();
  return counter;
}

it.runIf(canRun)(
  'a frozen engine process says nothing more, and is killed as it is',
  async () => {
    vi.stubEnv('TMPDIR', temporaryDirectory());
    await using resources = ResourceLedger.open();
    await using target = await createLoopTarget(smallScenario.device, resources);
    const limits = { ops: 1_000_000, queueDepth: 4, durationMs: limitMs };
    const { scenario, sources } = await readyScenario({ rig: 'device', limits });
    const ledgerFile = path.join(resources.makeDirectory('ledger'), 'ledger');
    fs.writeFileSync(ledgerFile, encodeLedger(createLedger({ seed: 1 }).view()));
    const { node, isOwn } = target;
    const job = { scenario, sources, targets: { main: { node, isOwn } }, ledgerFile, epoch: 1 };
    const start = (action: HostJob['action']): FreezableProcess =>
      startEngineProcess({ ...job, action }, resources);
    expect(await start('format').ended).toMatchObject({ code: 0 });
    const engine = start('drive');
    const counter = counted(engine);
    await vi.waitFor(
      () => {
        expect(counter.count).toBeGreaterThan(100);
      },
      { timeout: limitMs },
    );
    await engine.freeze();
    // What was said before is still on its way through the pipe.
    await sleep(200);
    const said = counter.count;
    await sleep(300);
    expect(counter.count).toBe(said);
    engine.kill('SIGKILL');
    expect((await engine.ended).signal).toBe('SIGKILL');
    await counter.end;
    expect(counter.count).toBe(said);
    // Where nothing runs any more there is nothing to wait for.
    await engine.freeze();
  },
  limitMs,
);
