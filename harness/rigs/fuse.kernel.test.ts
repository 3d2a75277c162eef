import { execa } from 'execa';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { probeHost } from '../device/host-probe.ts';
import { openUringDevice } from '../device/uring-device.ts';
import { createImage } from '../drive/image.ts';
import { runFio } from '../measure/fio.ts';
import { cleanLeftovers } from '../run/resources-clean.ts';
import { kernelTwinGap } from './fuse.ts';
import {
  TwinForTest,
  errnoOf,
  ext4Options,
  isRunning,
  leftIn,
  replayed,
  requestsOf,
  twinGeometry,
  writeFile,
} from './kernel-twin.fixture.ts';

const host = probeHost();
const blkdiscard = 'blkdiscard';
const canRun = kernelTwinGap() === undefined && (await host.hasLoopDevices());

function queueOf(node: string, name: string): string {
  return fs.readFileSync(`/sys/block/${path.basename(node)}/queue/${name}`, 'utf8').trim();
}

describe.runIf(canRun)('the twin under the kernel', () => {
  it.each([512, 4096] as const)(
    'is a loop device with a volatile cache, with sectors of %d bytes, and leaves nothing behind (@req D6)',
    async (logicalBlockBytes) => {
      const test = await TwinForTest.start({ geometry: twinGeometry({ logicalBlockBytes }) });
      const { node } = test.twin;
      expect(queueOf(node, 'write_cache')).toBe('write back');
      expect(queueOf(node, 'fua')).toBe('0');
      expect(queueOf(node, 'logical_block_size')).toBe(String(logicalBlockBytes));
      expect(test.leftovers()).toHaveLength(3);
      const startedMs = performance.now();
      await test[Symbol.asyncDispose]();
      // In order, and not because waiting for it was given up.
      expect(performance.now() - startedMs).toBeLessThan(8000);
      expect(test.leftovers()).toEqual([]);
      expect(fs.existsSync(test.folder)).toBe(false);
    },
  );

  it('needs no flush where its cache is not volatile', async () => {
    const geometry = twinGeometry({ writeCache: 'none' });
    await using test = await TwinForTest.start({ geometry });
    await using device = await openUringDevice(test.twin.node);
    await device.write(0, device.allocate(4096).fill(1), { fua: false });
    const history = await test.twin.cut();
    expect([...history.writes][0]!.durable).toBe(true);
  });

  it('records the device’s contents exactly, whatever was written to it', async () => {
    await using test = await TwinForTest.start({ geometry: twinGeometry({}, 16) });
    const { node } = test.twin;
    await runFio({
      filename: node,
      ioengine: 'libaio',
      randrepeat: 1,
      refill_buffers: 1,
      rw: 'randwrite',
      bsrange: '4k-256k',
      iodepth: 16,
      number_ios: 400,
    });
    const copy = path.join(test.folder, 'copy');
    await execa('dd', [`if=${node}`, `of=${copy}`, 'iflag=direct', 'bs=1M', 'status=none']);
    const history = await test.twin.cut();
    const expected = Buffer.alloc(16 * 1024 * 1024);
    replayed(history).read(0, expected);
    expect(fs.readFileSync(copy).equals(expected)).toBe(true);
    expect(history.events.some(({ kind }) => kind === 'complete')).toBe(true);
  });

  it('has in flight together what the device has in flight', async () => {
    await using test = await TwinForTest.start({ geometry: twinGeometry({}, 16) });
    await using device = await openUringDevice(test.twin.node);
    const memory = device.allocate(4096).fill(3);
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        // Apart, or the block layer would make one write of them.
        Array.from({ length: 32 }, (_, place) => device.write(2 * place, memory, { fua: false })),
      );
    }
    const { events } = await test.twin.cut();
    let inFlight = 0;
    let most = 0;
    for (const { kind } of events) {
      if (kind === 'submit') inFlight += 1;
      if (kind === 'complete') inFlight -= 1;
      most = Math.max(most, inFlight);
    }
    expect(most).toBeGreaterThan(4);
  });

  it('records an FUA write as a write and a flush after it', async () => {
    await using test = await TwinForTest.start();
    await using device = await openUringDevice(test.twin.node);
    await device.write(5, device.allocate(4096).fill(1), { fua: true });
    expect(requestsOf(await test.twin.cut())).toEqual(['W1', 'F']);
  });

  it('starts from an image, and holds foreign data where nothing is', async () => {
    const geometry = twinGeometry({}, 16);
    const image = createImage(geometry, 77);
    image.writeBytes(4096, new Uint8Array(4096).fill(9));
    await using test = await TwinForTest.start({ geometry, image });
    await using device = await openUringDevice(test.twin.node);
    const memory = device.allocate(8192);
    await device.read(0, memory);
    expect(Buffer.from(memory.subarray(0, 8)).toString('latin1')).toBe('FOREIGN!');
    expect([memory[4096], memory[8191]]).toEqual([9, 9]);
    const { base } = (await test.twin.cut()).deviceOf(0);
    expect(base.digest()).toBe(image.digest());
  });

  it('declines discards, which then change nothing, and zeros are written in full', async () => {
    await using test = await TwinForTest.start();
    // A discard is a hint: the block layer says that it was taken.
    await execa(blkdiscard, [test.twin.node]);
    await execa(blkdiscard, ['--zeroout', '--length', '16384', test.twin.node]);
    expect(requestsOf(await test.twin.cut())).toEqual(['W4']);
  });

  it('writes zeros for discards, where it takes them', async () => {
    await using test = await TwinForTest.start({ discards: true });
    await using device = await openUringDevice(test.twin.node);
    await device.write(0, device.allocate(16384).fill(1), { fua: false });
    await device.discard(1, 2);
    const memory = device.allocate(16384);
    await device.read(0, memory);
    expect([0, 1, 2, 3].map((block) => memory[block * 4096])).toEqual([1, 0, 0, 1]);
    expect(requestsOf(await test.twin.cut())).toEqual(['W4', 'W2']);
  });
});

describe.runIf(canRun)('marks', () => {
  it('stand after what was answered and before what follows', async () => {
    await using test = await TwinForTest.start();
    await using device = await openUringDevice(test.twin.node);
    const memory = device.allocate(4096).fill(1);
    const expected: string[] = [];
    for (let op = 1; op <= 200; op++) {
      await test.twin.mark(2 * op);
      await device.write(op, memory, { fua: false });
      await device.flush();
      await test.twin.mark(2 * op + 1);
      expected.push(`M${2 * op}`, 'W1', 'F', `M${2 * op + 1}`);
    }
    expect(requestsOf(await test.twin.cut())).toEqual(expected);
  });

  it('need no requests between them', async () => {
    await using test = await TwinForTest.start();
    for (let position = 1; position <= 10_000; position++) await test.twin.mark(position);
    const { events } = await test.twin.cut();
    const positions = events.flatMap((event) => (event.kind === 'mark' ? [event.position] : []));
    expect(positions).toEqual(Array.from({ length: 10_001 }, (_, position) => position));
  });
});

describe.runIf(canRun)('a power cut', () => {
  it('fails with EIO at once, and what lies on it can be taken away', async () => {
    const test = await TwinForTest.start();
    const root = await test.make('ext4', ext4Options);
    await writeFile(path.join(root, 'before'), 'w', 'sync');
    const history = await test.twin.cut();
    const startedMs = performance.now();
    expect(await errnoOf(writeFile(path.join(root, 'before'), 'r+', 'sync'))).toBe('EIO');
    await test[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(test.leftovers()).toEqual([]);
    expect(await test.twin.cut()).toBe(history);
  });

  it('leaves an image that mounts again, with what was synced', async () => {
    const geometry = twinGeometry();
    const contents = await (async () => {
      await using test = await TwinForTest.start({ geometry });
      const root = await test.make('ext4', ext4Options);
      await writeFile(path.join(root, 'kept'), 'w', 'sync');
      return replayed(await test.twin.cut());
    })();
    await using again = await TwinForTest.start({ geometry, image: contents });
    const root = await again.mount('ext4');
    expect(fs.readFileSync(path.join(root, 'kept'), 'latin1')).toBe('a'.repeat(4096));
    // Recovery itself is on record, so that it can be cut as well.
    expect(requestsOf(await again.twin.cut())).toContain('F');
  });

  it('by the death of the server fails everything, and gives no history', async () => {
    const test = await TwinForTest.start();
    const root = await test.make('ext4', ext4Options);
    process.kill(test.pid, 'SIGKILL');
    await test.twin.powerLost;
    expect(await errnoOf(writeFile(path.join(root, 'after'), 'w', 'sync'))).not.toBe('ok');
    await expect(test.twin.mark(1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(test.twin.cut()).rejects.toThrow(/ended by SIGKILL/);
    await test[Symbol.asyncDispose]();
    expect(test.leftovers()).toEqual([]);
  });

  it('by the death of the run ends the server, and powercut clean takes the rest away (@req D6)', async () => {
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-orphan-')));
    vi.stubEnv('TMPDIR', folder);
    const pid = await killedRun();
    for (let waitedMs = 0; isRunning(pid) && waitedMs < 5000; waitedMs += 10) await delay(10);
    expect(isRunning(pid)).toBe(false);
    expect(leftIn(folder)).not.toEqual([]);
    const { released, problems } = await cleanLeftovers();
    vi.unstubAllEnvs();
    expect(problems).toEqual([]);
    expect(released.map(({ kind }) => kind).sort()).toEqual([
      'directory',
      'directory',
      'loop',
      'mount',
      'mount',
      'process',
    ]);
    expect(leftIn(folder)).toEqual([]);
    expect(fs.readdirSync(path.join(folder, 'powercut'))).toEqual([]);
    fs.rmSync(folder, { recursive: true });
  });
});

/** A run with a file system on a twin that is killed; answers the process of its server. */
async function killedRun(): Promise<number> {
  const href = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const script = `
    const { startKernelTwin } = await import(${href('./fuse.ts')});
    const { twinGeometry, mountForTest } = await import(${href('./kernel-twin.fixture.ts')});
    const { ResourceLedger } = await import(${href('../run/resources.ts')});
    const { execa } = await import('execa');
    const ledger = ResourceLedger.open();
    const holdProcess = (pid) => { ledger.holdProcess(pid); server = pid; };
    let server;
    const resources = {
      makeDirectory: (name) => ledger.makeDirectory(name),
      holdMount: (path) => ledger.holdMount(path),
      holdLoop: (file) => ledger.holdLoop(file),
      holdProcess,
    };
    const twin = await startKernelTwin({ geometry: twinGeometry(), seed: 1, resources });
    await execa('mkfs.ext4', ['-q', twin.node]);
    const target = ledger.makeDirectory('mounted');
    ledger.holdMount(target);
    await mountForTest(twin.node, target, 'ext4', '');
    console.log(server);
    await new Promise(() => setInterval(() => {}, 1000));`;
  const run = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', script],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(run.stdout, 'data')) as [Buffer];
  run.kill('SIGKILL');
  await once(run, 'close');
  return Number(line.toString());
}
