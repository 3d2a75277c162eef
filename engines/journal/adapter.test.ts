import { expect, test } from 'vitest';
import { createRandom, faultClasses, type Op } from '../../harness/contract/index.ts';
import journal from './index.ts';
import {
  afterKill,
  blockOf,
  driveGeometry,
  formattedTwin,
  smallOptions,
  type Twin,
} from './twin.fixture.ts';

const config = journal.options.parse(smallOptions);

test('an engine session writes, reads, appends and replays (@req K1)', async () => {
  const twin = await formattedTwin();
  const session = await journal.open({ main: twin.drive }, config, twin.platform);
  expect(session.space).toEqual({ blockBytes: 4096, blockCount: 64 });
  const both = new Uint8Array(8192);
  both.set(blockOf(3, 1));
  both.set(blockOf(9, 1), 4096);
  const ops: [Op, Uint8Array][] = [
    [{ kind: 'write', block: 5, blockCount: 1 }, blockOf(5, 2)],
    [{ kind: 'transaction', changes: [{ block: 3 }, { block: 9 }] }, both],
    [{ kind: 'append', byteCount: 2 }, Uint8Array.of(4, 5)],
    [{ kind: 'flush' }, new Uint8Array(0)],
  ];
  for (const [op, payload] of ops) {
    expect(await session.submit(op, payload)).toEqual({ status: 'acknowledged' });
  }
  const again = afterKill(twin);
  const reopened = await journal.open({ main: again.drive }, config, again.platform);
  const target = new Uint8Array(4096);
  await reopened.read(9, target);
  expect(target).toEqual(blockOf(9, 1));
  const records = [];
  for await (const payload of reopened.replay!()) records.push([...payload]);
  expect(records).toEqual([[4, 5]]);
  expect(reopened.recovery).toMatchObject({ recordsReplayed: 3, blocksWritten: 3 });
  expect(reopened.recovery.tookNs).toBeGreaterThan(0);
});

test('what is refused before it has an LSN is rejected, what was on its way is indeterminate', async () => {
  const twin = await formattedTwin();
  const session = await journal.open({ main: twin.drive }, config, twin.platform);
  const write: Op = { kind: 'write', block: 0, blockCount: 1 };
  expect(await session.submit({ ...write, block: 64 }, blockOf(64, 1))).toMatchObject({
    status: 'rejected',
  });
  const onItsWay = session.submit(write, blockOf(0, 1));
  await session[Symbol.asyncDispose]();
  expect(await onItsWay).toMatchObject({ status: 'indeterminate' });
  expect(await session.submit(write, blockOf(0, 2))).toMatchObject({ status: 'rejected' });
});

test('the contract has a cited promise for every fault class', () => {
  const { promises, ...contract } = journal.contractFor(config, { main: driveGeometry() });
  expect(contract).toMatchObject({ atomicUnit: 'operation', ordering: 'prefix' });
  expect(Object.keys(promises).sort()).toEqual([...faultClasses].sort());
  const flat = Object.values(promises).flatMap((promise) =>
    'byArea' in promise ? Object.values(promise.byArea) : [promise],
  );
  expect(flat.every(({ citation }) => citation.length > 10)).toBe(true);
});

test('without durability on a volatile cache nothing is promised for power loss (@req A5)', () => {
  const ablated = journal.options.parse({ ...smallOptions, durability: 'none' });
  const volatile = journal.contractFor(ablated, { main: driveGeometry() });
  expect(volatile.promises['power-loss']).toMatchObject({ level: 'nothing' });
  expect(volatile.promises['process-kill']).toMatchObject({ level: 'survives' });
  const protectedDrive = journal.contractFor(ablated, {
    main: driveGeometry({ writeCache: 'none' }),
  });
  expect(protectedDrive.promises['power-loss']).toMatchObject({ level: 'survives' });
});

test('on a data device of its own the data area lies there, behind its label', () => {
  const geometries = { main: driveGeometry(), data: driveGeometry({ writeCache: 'none' }) };
  const places = journal.areasOf(config, geometries).map(({ name, device }) => [name, device]);
  expect(places).toEqual([
    ['label', 0],
    ['superblock', 0],
    ['superblock', 0],
    ['journal', 0],
    ['data', 1],
    ['data-label', 1],
  ]);
  const { promises } = journal.contractFor(config, geometries);
  expect(promises['flush-ignored']).toMatchObject({ level: 'nothing' });
});

test('no recovery takes more requests than the contract says, not even with every page unreadable', async () => {
  const geometry = driveGeometry({ logicalBlockBytes: 512 });
  const { recoveryRequestsMax } = journal.contractFor(config, { main: geometry });
  const twin = await formattedTwin(geometry);
  const session = await journal.open({ main: twin.drive }, config, twin.platform);
  for (let block = 0; block < 64; block += 2) {
    await session.submit({ kind: 'write', block, blockCount: 1 }, blockOf(block, 1));
  }
  const whole = afterKill(twin);
  await journal.open({ main: whole.drive }, config, whole.platform);
  expect(whole.drive.counters.requests).toBeLessThanOrEqual(recoveryRequestsMax);
  const unreadable = unreadableRing(afterKill(twin));
  await expect(
    journal.open({ main: unreadable.drive }, config, unreadable.platform),
  ).rejects.toMatchObject({
    reason: 'device-error',
  });
  expect(unreadable.drive.counters.requests).toBeLessThanOrEqual(recoveryRequestsMax);
});

function unreadableRing(twin: Twin): Twin {
  const ring = journal
    .areasOf(config, { main: twin.drive.geometry })
    .find(({ name }) => name === 'journal')!;
  twin.drive.arm(
    {
      fault: 'unreadable',
      faultClass: 'read-error',
      effect: { kind: 'fail-read', sticky: true },
      moment: { atNs: 0 },
      times: 'forever',
      within: ring,
    },
    createRandom(1),
  );
  twin.drive.beginWorkload();
  return twin;
}
