import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createRandom,
  type DriveEffect,
  type DriveFaultRule,
  type Random,
} from '../../../harness/contract/index.ts';
import { someOf } from './damaged-states.fixture.ts';
import { crashStates, judge, recovered } from './explore.fixture.ts';
import { contentsOf, problemOf, recordText, type Operation } from './model.fixture.ts';
import { formatted, openOn } from './journals.fixture.ts';
import { runOnNew, type ScriptRun } from './script-run.fixture.ts';
import { scripts } from './scripts.fixture.ts';
import { plainSetup, runs, setups, type Setup } from './setups.fixture.ts';

/** Goal: an error reaches exactly those whom it concerns, and nobody is told otherwise ever after. */
const effects: readonly (Pick<DriveFaultRule, 'faultClass' | 'effect'> & {
  readonly request: 'write' | 'flush';
})[] = [
  rule('write', 'write-error', { kind: 'fail-write', code: 'EIO', landed: 'some' }),
  rule('write', 'no-space', { kind: 'fail-write', code: 'ENOSPC', landed: 'none' }),
  rule('write', 'short-write', { kind: 'short-write' }),
  rule('flush', 'flush-error', { kind: 'fail-flush', drops: false }),
  rule('flush', 'flush-error', { kind: 'fail-flush', drops: true }),
];

function rule(
  request: 'write' | 'flush',
  faultClass: DriveFaultRule['faultClass'],
  effect: DriveEffect,
): (typeof effects)[number] {
  return { request, faultClass, effect };
}

test('I13 after any failed write or flush nothing is acknowledged any more, and what was is kept (@req C6)', async () => {
  let failures = 0;
  await fc.assert(
    fc.asyncProperty(
      setups({ cache: ['flush', 'flush', 'fua'] }),
      scripts({ minLength: 15, maxLength: 25 }, { write: 10, transaction: 3, append: 2, flush: 1 }),
      fc.constantFrom(...effects),
      async (setup, steps, { request, ...failing }) => {
        const whole = await runOnNew({ setup, steps, seed: 13 });
        for (const atNs of someOf(momentsOf(whole, request), 10)) {
          const fault = { fault: 'planned', ...failing, moment: { atNs }, times: 1 };
          const failed = await runOnNew({
            setup,
            steps,
            seed: 13,
            onOpened: ({ drive }) => {
              drive.arm(fault, createRandom(atNs));
              drive.beginWorkload();
            },
          });
          const run = { ...failed, operations: inOrderOf(whole, failed) };
          if (run.twin.drive.firings.length === 0) continue;
          failures += 1;
          expectNothingAfterFailure(run);
          for (const state of crashStates(run.history, { statesMax: 4 })) {
            judge(run, state, (await recovered(state, setup)).contents);
          }
          await expectKeptAfterReopening(run, setup);
        }
      },
    ),
    runs(10),
  );
  expect(failures).toBeGreaterThan(50);
});

/** From the first on that a run without a failure sends to the open journal, in time since then. */
function momentsOf({ history, openedAt }: ScriptRun, request: 'write' | 'flush'): number[] {
  const openedNs = history.events[openedAt - 1]!.atNs;
  const sent = history.events.flatMap((event) =>
    event.kind === 'submit' && event.request === request && event.seq > openedAt
      ? [event.atNs - openedNs]
      : [],
  );
  return [...new Set(sent)];
}

/** Until the failure the two runs are the same, so what has no LSN would have had that of the other. */
function inOrderOf(whole: ScriptRun, { operations }: ScriptRun): Operation[] {
  const lsns = new Map(whole.operations.map(({ version, lsn }) => [version, lsn]));
  return operations.map((operation) => ({
    ...operation,
    lsn: operation.lsn ?? lsns.get(operation.version),
  }));
}

function expectNothingAfterFailure({ history, operations }: ScriptRun): void {
  const failed = history.events.find(
    (event) =>
      event.kind === 'complete' &&
      (event.answer !== 'ok' || event.effect === 'partial' || event.effect === 'dropped'),
  )!;
  const marks = history.events.filter((event) => event.kind === 'mark');
  const before = marks.findLast(({ seq }) => seq < failed.seq)?.position ?? 0;
  for (const { ackedAt, version } of operations) {
    if (ackedAt !== Infinity) expect(ackedAt, `version ${version}`).toBeLessThanOrEqual(before);
  }
  const late = history.events.filter(({ kind, seq }) => kind === 'submit' && seq > failed.seq);
  expect(late.filter((event) => event.kind === 'submit' && event.request !== 'read')).toEqual([]);
}

async function expectKeptAfterReopening(run: ScriptRun, setup: Setup): Promise<void> {
  run.twin.drive.cutPower();
  const { journal } = await openOn(run.twin.drive.image.fork(), setup, 14);
  const end = run.history.events.findLast((event) => event.kind === 'mark')!.position;
  const window = { first: end, last: end };
  expect(problemOf(run, await contentsOf(journal), window)).toBeUndefined();
}

test('I14 what is refused has no effect, and the error of one waiter never becomes the success of another', async () => {
  const setup = plainSetup({ cache: 'flush' });
  const narrow = {
    ...setup,
    config: { ...setup.config, queueBytesMax: 40_000, transactionBytesMax: 16_384 },
  };
  const seen = { refused: 0, acknowledged: 0 };
  const wish = fc.record({
    kind: fc.constantFrom('append', 'append', 'too large', 'bad type', 'write', 'outside', 'many'),
    byteCount: fc.integer({ min: 1, max: 9000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(wish, { minLength: 20, maxLength: 40, size: 'max' }),
      async (wishes) => {
        const fresh = await formatted(narrow);
        const { journal, history } = await openOn(fresh.image.fork(), narrow, 14);
        const random = createRandom(14);
        const outcomes = wishes.map(({ kind, byteCount }, index) => {
          const payload = payloadOf(index, byteCount, random);
          const text = recordText(0x8000, index, 0, payload);
          const done = submitted(kind, index, payload).then(
            (lsn) => ({ lsn, text }),
            (error: unknown) => ({ error: error as Error, text }),
          );
          return done;
        });
        const settled = await Promise.all(outcomes);
        const textOf = new Map<number, string>();
        for (const outcome of settled) {
          if ('error' in outcome) {
            expect(['EngineRefusal', 'RangeError']).toContain(outcome.error.name);
            seen.refused += 1;
          } else {
            expect(textOf.has(outcome.lsn), 'two waiters have one LSN').toBe(false);
            textOf.set(outcome.lsn, outcome.text);
            seen.acknowledged += 1;
          }
        }
        for (const state of someOf([...crashStates(history, { statesMax: 20 })], 4)) {
          const after = await openOn(state.image.fork(), narrow, state.digest);
          for await (const { lsn, type, tenant, vshard, payload } of after.journal.replay()) {
            expect(recordText(type, tenant, vshard, payload)).toBe(textOf.get(lsn));
          }
        }

        function submitted(kind: string, index: number, payload: Uint8Array): Promise<number> {
          if (kind === 'too large') return journal.append(0x8000, index, 0, new Uint8Array(60_000));
          if (kind === 'bad type') return journal.append(0x8100, index, 0, payload);
          if (kind === 'outside') return journal.write(27, new Uint8Array(8192));
          if (kind === 'many') return journal.write(0, new Uint8Array(20_480));
          if (kind === 'write') return journal.write(index % 20, new Uint8Array(4096).fill(index));
          return journal.append(0x8000, index, 0, payload);
        }
      },
    ),
    runs(12),
  );
  expect(seen.refused).toBeGreaterThan(80);
  expect(seen.acknowledged).toBeGreaterThan(80);
});

function payloadOf(index: number, byteCount: number, random: Random): Uint8Array {
  const payload = new Uint8Array(byteCount);
  random.fork(`payload-${index}`).fill(payload);
  return payload;
}
