import { describe, expect, test } from 'vitest';
import {
  createRandom,
  type FaultableMapping,
  type FaultModule,
} from '../../harness/contract/index.ts';
import corrupt from './dm-corrupt/index.ts';
import flakey from './dm-flakey/index.ts';
import logWrites from './dm-log-writes/index.ts';

/** A rig's mapping that writes down what it is told. */
class TracedMapping implements Required<FaultableMapping> {
  readonly calls: string[] = [];
  isLogging = true;
  fails = false;

  readonly flakey = {
    cut: (how: string) => this.#note(`cut ${how}`),
    corruptByte: (requests: string, byte: number, value: number) =>
      this.#note(`corrupt ${requests} ${byte} ${value}`),
    corruptRandomly: (requests: string, perBillion: number) =>
      this.#note(`corrupt ${requests} at ${perBillion}`),
    restore: () => this.#note('restore'),
  };

  readonly log = {
    mark: (text: string) => this.#note(`mark ${text}`),
    status: async () => ({ isLogging: this.isLogging }),
  };

  async #note(call: string): Promise<void> {
    this.calls.push(call);
    if (this.fails && call !== 'restore') throw new Error('refused');
  }
}

const timing = { moment: { atOp: 1 }, times: 1 } as const;

async function arm<Options>(
  fault: FaultModule<'device-mapper', Options>,
  mapping: FaultableMapping,
  options: unknown = {},
): ReturnType<typeof fault.arm> {
  return fault.arm(mapping, fault.options.parse(options), timing, createRandom(1));
}

describe('dm-flakey', () => {
  test('cuts when it is triggered, by failing writes unless told otherwise, and restores once', async () => {
    const mapping = new TracedMapping();
    const armed = await arm(flakey, mapping);
    expect(mapping.calls).toEqual([]);
    await armed.trigger();
    await armed[Symbol.asyncDispose]();
    await armed[Symbol.asyncDispose]();
    expect(mapping.calls).toEqual(['cut error-writes', 'restore']);
  });

  test('drops writes where that is asked for', async () => {
    const mapping = new TracedMapping();
    await using armed = await arm(flakey, mapping, { mode: 'drop-writes' });
    await armed.trigger();
    expect(mapping.calls).toEqual(['cut drop-writes']);
  });

  test('restores after a trigger that failed, and not without one', async () => {
    const mapping = new TracedMapping();
    mapping.fails = true;
    const armed = await arm(flakey, mapping);
    await expect(armed.trigger()).rejects.toThrow('refused');
    await armed[Symbol.asyncDispose]();
    expect(mapping.calls).toEqual(['cut error-writes', 'restore']);
    const untouched = new TracedMapping();
    await (await arm(flakey, untouched))[Symbol.asyncDispose]();
    expect(untouched.calls).toEqual([]);
  });
});

describe('dm-corrupt', () => {
  test('damages one byte of every read, or what the kernel picks', async () => {
    const mapping = new TracedMapping();
    await (await arm(corrupt, mapping, { byte: 7, value: 255 })).trigger();
    await (await arm(corrupt, mapping, { requests: 'write', perBillion: 1000 })).trigger();
    expect(mapping.calls).toEqual(['corrupt read 7 255', 'corrupt write at 1000']);
  });

  test('refuses bytes and values that there are not', () => {
    expect(() => corrupt.options.parse({ byte: 0 })).toThrow();
    expect(() => corrupt.options.parse({ value: 256 })).toThrow();
  });
});

describe('dm-log-writes', () => {
  test('marks the end of what is explored and leaves the engine alone', async () => {
    const mapping = new TracedMapping();
    const armed = await arm(logWrites, mapping);
    await armed.trigger();
    await armed[Symbol.asyncDispose]();
    expect(mapping.calls).toEqual(['mark cut']);
  });

  test('says so where the log had stopped: nothing can be concluded from it', async () => {
    const mapping = new TracedMapping();
    mapping.isLogging = false;
    const armed = await arm(logWrites, mapping);
    await expect(armed.trigger()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

test.each([flakey, corrupt, logWrites] as FaultModule<'device-mapper'>[])(
  '$name is refused by a rig without its target',
  async (fault) => {
    await expect(arm(fault, {})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  },
);
