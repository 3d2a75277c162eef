import { expect, test } from 'vitest';
import type { EngineSession } from '../../contract/index.ts';
import journalAdapter from '../../../engines/journal/index.ts';
import { formattedTwin, smallOptions } from '../../../engines/journal/twin.fixture.ts';
import { sessionWith } from '../../run/altered-engine.fixture.ts';
import { jobWith } from '../job-file/reading.fixture.ts';
import { createOpChunk } from '../plan/op-chunk.ts';
import { createPlan } from '../plan/plan.ts';
import { runEngineJob } from './run-engine-job.ts';
import { runEngineJobs } from './run-engine-jobs.ts';

/** The journal on a simulated drive: 64 blocks of 4 KiB. */
async function openSession(): Promise<EngineSession> {
  const { drive, platform } = await formattedTwin();
  return journalAdapter.open({ main: drive }, journalAdapter.options.parse(smallOptions), platform);
}

const powercut = ['ioengine=powercut', 'bs=4k', 'size=256k', 'iodepth=4'];

test('a job runs on the volume of an engine, and every write is read back', async () => {
  await using session = await openSession();
  const job = jobWith('rw=randwrite', 'verify=stamp', 'fsync=16', 'loops=2', ...powercut);
  const result = await runEngineJob(job, session, { seed: 5 });
  expect(result).toMatchObject({
    endedBy: 'done',
    engine: { ran: 'engine session' },
    errors: { count: 0 },
    verification: { ops: 128, faultCount: 0, note: '' },
  });
  expect(result.directions.write).toMatchObject({ ops: 128, bytes: 128 * 4096 });
  // As in fio, no sync follows the last write of all.
  expect(result.sync.ops).toBe(7);
  expect(result.sync.durable.count + result.sync.uncoveredWrites).toBe(128);
});

test('a block that the engine has changed is found', async () => {
  await using session = await openSession();
  const changed = sessionWith(session, {
    read: async (block, bytes) => {
      await session.read(block, bytes);
      if (block === 7) bytes[2000]! ^= 1;
    },
  });
  const job = jobWith('rw=randwrite', 'verify=stamp', ...powercut);
  const { verification } = await runEngineJob(job, changed);
  expect(verification).toMatchObject({ ops: 64, faultCount: 1 });
  expect(verification!.faults[0]).toMatchObject({ byteOffset: 7 * 4096, kind: 'corrupt' });
});

test('an operation that the engine refuses is an error and no operation', async () => {
  await using session = await openSession();
  await session.close();
  const result = await runEngineJob(jobWith('rw=write', ...powercut), session);
  expect(result).toMatchObject({ endedBy: 'error', directions: { write: { ops: 0, bytes: 0 } } });
  expect(result.errors.count).toBeGreaterThan(0);
});

test.each([
  ['trims', ['rw=randtrim']],
  ['one volume', ['rw=write', 'filename=a:b', 'verify=stamp']],
  ['blocks of 512', ['rw=write', 'bs=512']],
  ['processors', ['rw=write', 'cpus_allowed=0']],
  ['the volume has 262144', ['rw=write', 'size=512k']],
])('what the engine cannot do is refused before anything is written: %s', async (what, options) => {
  await using session = await openSession();
  const job = jobWith(...powercut, ...options);
  await expect(runEngineJob(job, session)).rejects.toThrow(what);
  expect(session.counters().userBytes).toBe(0);
});

test('writes of the ramp are in no figure but in what the engine counted, and are told apart', async () => {
  await using session = await openSession();
  const job = jobWith('rw=randwrite', 'loops=20', 'ramp_time=2ms', ...powercut);
  const [result] = await runEngineJobs([job], session);
  const { writtenSinceStart, directions, engineCounters } = result!;
  expect(writtenSinceStart).toEqual({ ops: 20 * 64, bytes: 20 * 64 * 4096 });
  expect(directions.write.ops).toBeLessThan(20 * 64);
  const { before, after } = engineCounters!;
  expect(after.userBytes - before.userBytes).toBe(writtenSinceStart.bytes);
});

test('jobs that would run at once are refused, and one after the other each has its own counters', async () => {
  await using session = await openSession();
  const job = jobWith('rw=write', ...powercut);
  await expect(runEngineJobs([job, job], session)).rejects.toThrow('stonewall');
  expect(session.counters().userBytes).toBe(0);
  const later = { ...job, phase: 1, extent: { ...job.extent, ioBytes: 32_768 } };
  const results = await runEngineJobs([job, later], session);
  const written = results.map(({ engineCounters }) => {
    const { before, after } = engineCounters!;
    return after.userBytes - before.userBytes;
  });
  expect(written).toEqual([262_144, 32_768]);
});

test('the same seed issues the operations of the plan, whatever the engine', async () => {
  await using session = await openSession();
  const job = jobWith('rw=randrw', ...powercut);
  const results = [
    await runEngineJob(job, session, { seed: 1 }),
    await runEngineJob(job, session, { seed: 1 }),
    await runEngineJob(job, session, { seed: 2 }),
  ];
  const [first, second, other] = results.map(({ issuedDigest }) => issuedDigest);
  expect(second).toBe(first);
  expect(other).not.toBe(first);
  const chunk = createOpChunk(1024);
  expect(results[0]!.issuedOps).toBe(createPlan(job, 1).fill(chunk));
});
