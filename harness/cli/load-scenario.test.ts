import { describe, expect, it } from 'vitest';
import type { HarnessError } from '../contract/index.ts';
import type { AnyReadyScenario } from '../run/plugin-sources.ts';
import { loadScenarios } from './load-scenario.ts';
import { builtInNames } from './registry.ts';
import { formatScenario, parseScenarios } from './scenario-file.ts';

const here = import.meta.dirname;

async function load(text: string): Promise<readonly AnyReadyScenario[]> {
  const { sources, problems } = parseScenarios(text, 'x.yaml', here);
  return loadScenarios(sources, problems);
}

/** The lines of the error, which it must be. */
async function problemsOf(text: string): Promise<readonly string[]> {
  try {
    await load(text);
  } catch (error) {
    expect((error as HarnessError).code).toBe('CONFIG_INVALID');
    return (error as HarnessError).message.split('\n');
  }
  throw new Error('it was accepted');
}

const head = `name: planted
because: tests of the loader
engine: ./test-plugins/engine.mjs
workload: ./test-plugins/workload.mjs
`;

/** An engine that keeps its blocks on a data device, where there is one. */
const onTwo = head.replace('/engine.mjs', '/in-place-engine.mjs');

describe('a scenario file', () => {
  it('may model flash behind a simulated drive, and behind no other', async () => {
    const [ready] = await load(`${head}flash: { preconditioning: empty }\n`);
    expect(ready?.scenario.flash).toEqual({
      pageBytes: 4096,
      pagesPerEraseBlock: 256,
      overProvisioning: 0.07,
      preconditioning: 'empty',
    });
    const [again] = await load(formatScenario(ready!.scenario));
    expect(again?.scenario.flash).toEqual(ready!.scenario.flash);
    expect((await load(head))[0]?.scenario).not.toHaveProperty('flash');
    expect(await problemsOf(`${head}rig: device\nflash: {}\n`)).toEqual([
      expect.stringContaining('flash is modelled on rig sim only'),
    ]);
    expect(await problemsOf(`${head}device: { capacityBlocks: 200 }\nflash: {}\n`)).toEqual([
      expect.stringMatching(/^x\.yaml:\d+.*less than 16 pages of 4096 bytes/),
    ]);
    expect(await problemsOf(`${head}flash: { pageBytes: 6000 }\n`)).toEqual([
      expect.stringMatching(/flash.pageBytes is 6000.*4096/),
    ]);
  });

  it('gives a scenario with the defaults of everything that it leaves out', async () => {
    const [ready] = await load(head);
    expect(ready?.scenario).toMatchObject({
      name: 'planted',
      seed: 1,
      rig: 'sim',
      faults: [],
      device: {
        logicalBlockBytes: 4096,
        capacityBlocks: 16384,
        atomicWriteBlocks: 1,
        writeCache: 'volatile',
        supportsFua: true,
      },
      limits: { ops: 200, queueDepth: 8, durationMs: 120_000 },
      explore: { rounds: 1, states: 2000, nestedStates: 200 },
      expect: { verdict: 'pass' },
    });
    expect(ready?.engineConfig).toEqual({ ringPages: 16, sync: 'always', cache: { pages: 0 } });
    expect(ready?.workloadOptions).toEqual({ stride: 1 });
  });

  it('makes of a lying write cache a volatile one whose flushes are ignored', async () => {
    const [ready] = await load(`${head}device: { writeCache: lying }\n`);
    expect(ready?.scenario.device.writeCache).toBe('volatile');
    expect(ready?.scenario.faults).toEqual([
      { use: 'lying-flush', at: { atFlush: 1 }, times: 'forever', during: 'workload' },
    ]);
  });

  it('names a plug-in that was given by path by its URL, which holds in every directory', async () => {
    const [ready] = await load(head);
    expect(ready?.scenario.engine.use).toBe(ready?.sources.engine);
    expect(ready?.sources.engine).toMatch(/^file:.*\/test-plugins\/engine\.mjs$/);
  });

  it('reads every form of a fault moment', async () => {
    const [ready] = await load(`${head}faults:
  - { use: ./test-plugins/fault.mjs, at: { op: 40 } }
  - { use: ./test-plugins/fault.mjs, at: { flush: 3 }, times: forever }
  - { use: ./test-plugins/fault.mjs, at: { area: journal }, during: recovery }
  - { use: ./test-plugins/fault.mjs, at: { bytes: [4096, 512] }, within: [0, 8192] }
  - { use: ./test-plugins/fault.mjs, at: { ms: 2.5 }, times: 3, with: { bits: 7 } }
`);
    const faults = ready?.faults.map(({ spec, options }) => ({ ...spec, use: '', options }));
    expect(faults).toEqual([
      { use: '', at: { atOp: 40 }, times: 1, during: 'workload', options: { bits: 1 } },
      { use: '', at: { atFlush: 3 }, times: 'forever', during: 'workload', options: { bits: 1 } },
      { use: '', at: { atArea: 'journal' }, times: 1, during: 'recovery', options: { bits: 1 } },
      {
        use: '',
        at: { atBytes: { byteOffset: 4096, byteCount: 512 } },
        within: { byteOffset: 0, byteCount: 8192 },
        times: 1,
        during: 'workload',
        options: { bits: 1 },
      },
      {
        use: '',
        at: { atNs: 2_500_000 },
        times: 3,
        during: 'workload',
        with: { bits: 7 },
        options: { bits: 7 },
      },
    ]);
  });

  it('may keep its data on a second device, and aim faults at either', async () => {
    const [ready] = await load(`${onTwo}dataDevice: { writeCache: lying, capacityBlocks: 1024 }
faults:
  - { use: power-cut, at: { area: blocks }, device: main }
  - { use: power-cut, at: { op: 3 }, device: both }
  - { use: bit-rot, at: { area: blocks } }
  - { use: bit-rot, at: { bytes: [0, 4096] }, device: data }
`);
    expect(ready?.scenario.dataDevice).toMatchObject({
      capacityBlocks: 1024,
      writeCache: 'volatile',
    });
    expect(ready?.scenario.faults.map(({ use, device }) => [use, device])).toEqual([
      ['power-cut', 'main'],
      ['power-cut', 'both'],
      ['bit-rot', undefined],
      ['bit-rot', 'data'],
      ['lying-flush', 'data'],
    ]);
    const [again] = await load(formatScenario(ready!.scenario));
    expect(again?.scenario).toEqual(ready?.scenario);
  });

  it('may be JSON, and may hold several scenarios', async () => {
    const one = {
      because: 'tests',
      engine: './test-plugins/engine.mjs',
      workload: { use: './test-plugins/workload.mjs', with: { stride: 4 } },
      expect: { verdict: 'fail', kinds: ['lost'], why: 'it keeps nothing' },
    };
    const text = JSON.stringify({
      scenarios: [
        { name: 'a', ...one },
        { name: 'b', ...one },
      ],
    });
    const ready = await load(text);
    expect(ready.map(({ scenario }) => scenario.name)).toEqual(['a', 'b']);
    expect(ready[1]?.workloadOptions).toEqual({ stride: 4 });
  });

  it('is what a scenario is written back as', async () => {
    const [ready] = await load(`${head}device: { logicalBlockBytes: 512 }
expect: { verdict: fail, kinds: [lost, stale], why: planted }
faults:
  - { use: ./test-plugins/fault.mjs, at: { bytes: [4096, 512] }, within: [0, 8192] }
  - { use: ./test-plugins/fault.mjs, at: { ms: 0.001 }, with: { bits: 2 } }
`);
    const [again] = await load(formatScenario(ready!.scenario));
    expect(again?.scenario).toEqual(ready?.scenario);
  });
});

describe('a wrong scenario file', () => {
  it('is told every mistake at once, each with its place, value and nearest name', async () => {
    const problems = await problemsOf(`name: Not A Name
becuase: typing
engine: { with: { ringPagse: 8 }, use: ./test-plugins/engine.mjs }
workload: bnak
seed: -1
rig: simm
device:
  logicalBlockBytes: 1000
  capacityBloks: 8
limits: { ops: many }
faults:
  - use: ./test-plugins/fault.mjs
    at: { opp: 3 }
  - use: ./test-plugins/fault.mjs
    at: { op: 3, flush: 2 }
    times: never
    with: { bits: 65 }
  - at: { op: 1 }
explore: { states: 10, nestedStates: 20 }
expect: { verdict: fail, kinds: [losst] }
`);
    expect(problems).toEqual([
      'x.yaml:1:1: because is missing, expected text',
      'x.yaml:1:7: name is "Not A Name", expected lower-case letters, digits, hyphens and dots',
      `x.yaml:2:1: unknown field "becuase", expected one of ${fields}; did you mean "because"?`,
      'x.yaml:3:19: unknown field "ringPagse" in engine.with, expected one of ringPages, sync, cache; did you mean "ringPages"?',
      `x.yaml:4:11: unknown workload "bnak", expected one of ${workloads}, a path that starts with ./ or /, or an installed package; did you mean "bank"?`,
      'x.yaml:5:7: seed is -1, expected at least 0',
      'x.yaml:6:6: rig is "simm", expected sim, fuse, device or vm; did you mean "sim"?',
      'x.yaml:8:22: device.logicalBlockBytes is 1000, expected 512 or 4096',
      `x.yaml:9:3: unknown field "capacityBloks" in device, expected one of ${deviceFields}; did you mean "capacityBlocks"?`,
      'x.yaml:10:16: limits.ops is "many", expected a number',
      'x.yaml:13:11: unknown fault moment "opp" in faults[0].at, expected one of op, flush, area, bytes, ms; did you mean "op"?',
      'x.yaml:15:9: faults[1].at is {"op":3,"flush":2}, expected exactly one of op, flush, area, bytes, ms',
      'x.yaml:16:12: faults[1].times is "never", expected a whole number from 1, or forever',
      'x.yaml:17:19: faults[1].with.bits is 65, expected at most 64',
      'x.yaml:18:5: faults[2].use is missing, expected text',
      'x.yaml:19:38: explore.nestedStates is 20, expected at most the number of states, of which they are a part',
      'x.yaml:20:9: expect.why is missing, expected text',
      `x.yaml:20:34: expect.kinds[0] is "losst", expected ${kinds}; did you mean "lost"?`,
    ]);
  });

  it.each([
    [
      'an option of the wrong type, deep inside',
      'engine: { use: ./test-plugins/engine.mjs, with: { cache: { pages: some } } }',
      'x.yaml:5:67: engine.with.cache.pages is "some", expected a number',
    ],
    [
      'an option with a mistyped value',
      'engine: { use: ./test-plugins/engine.mjs, with: { sync: alwasy } }',
      'x.yaml:5:57: engine.with.sync is "alwasy", expected always or never; did you mean "always"?',
    ],
    [
      'options that do not fit the device',
      'engine: { use: ./test-plugins/engine.mjs, with: { ringPages: 4096 } }',
      'x.yaml:5:49: engine "outside-engine" does not fit: a ring of 16777216 bytes is over 1 MiB',
    ],
    [
      'options that a schema of another make refuses',
      'workload: { use: ./test-plugins/workload.mjs, with: { stripe: 3 } }',
      'x.yaml:5:63: workload.with.stripe is 3, not an option',
    ],
    [
      'a workload that asks for more than the engine does',
      'workload: ./test-plugins/transaction-workload.mjs',
      'x.yaml:5:11: workload "outside-transactions" needs transaction, which engine "outside-engine" does not do (it does write, flush)',
    ],
    [
      'an area that the engine does not have',
      'faults: [{ use: ./test-plugins/fault.mjs, at: { area: jounal } }]',
      'x.yaml:5:55: unknown area "jounal" of engine "outside-engine", expected one of journal; did you mean "journal"?',
    ],
    [
      'a fault of a layer that the rig does not have',
      'faults: [{ use: ./test-plugins/kill-fault.mjs, at: { op: 1 } }]',
      'x.yaml:5:17: fault "outside-kill" acts on the process, which rig sim does not offer, expected a fault of the drive',
    ],
    [
      'bytes that are not on the device',
      'faults: [{ use: ./test-plugins/fault.mjs, at: { bytes: [67108860, 8] } }]',
      'x.yaml:5:56: bytes 67108860 to 67108868 are not on the device, expected at most 67108864',
    ],
    [
      'a plug-in that is not one',
      'faults: [{ use: ./test-plugins/engine.mjs, at: { op: 1 } }]',
      expect.stringContaining('x.yaml:5:17: fault file:') as string,
    ],
  ])('is told of %s', async (_, line, problem) => {
    const field = line.slice(0, line.indexOf(':'));
    const others = head.split('\n').map((text) => (text.startsWith(`${field}:`) ? '#' : text));
    expect(await problemsOf(others.join('\n') + line)).toEqual([problem]);
  });

  const data = 'dataDevice: { capacityBlocks: 64 }';

  it.each([
    [
      'a data device for an engine that has no use for one',
      `${head}${data}`,
      'x.yaml:5:13: engine "outside-engine" keeps everything on one device, expected no dataDevice',
    ],
    [
      'a fault on a data device that is not there',
      `${onTwo}faults: [{ use: power-cut, at: { op: 1 }, device: data }]`,
      'x.yaml:5:51: fault "power-cut" acts on the data device, and the scenario has none, expected main or a dataDevice',
    ],
    [
      'a fault on both devices that is no power cut',
      `${onTwo}${data}\nfaults: [{ use: bit-rot, at: { op: 1 }, device: both }]`,
      'x.yaml:6:49: fault "bit-rot" acts on one device at a time, expected main or data',
    ],
    [
      'a fault on one device that aims at an area of the other',
      `${onTwo}${data}\nfaults: [{ use: bit-rot, at: { area: blocks }, device: main }]`,
      'x.yaml:6:56: fault "bit-rot" acts on the main device, and the area "blocks" does not lie there, expected the device of the area',
    ],
    [
      'bytes that are not on the data device',
      `${onTwo}${data}\nfaults: [{ use: bit-rot, at: { bytes: [262144, 1] }, device: data }]`,
      'x.yaml:6:39: bytes 262144 to 262145 are not on the device, expected at most 262144',
    ],
    [
      'a field of the data device that there is not',
      `${onTwo}dataDevice: { sectors: 64 }`,
      `x.yaml:5:15: unknown field "sectors" in dataDevice, expected one of ${deviceFields}`,
    ],
  ])('is told of %s', async (_, text, problem) => {
    expect(await problemsOf(text)).toEqual([problem]);
  });

  it('is told where the syntax breaks', async () => {
    expect(await problemsOf('name: [planted\nengine: x\n')).toEqual([
      expect.stringMatching(/^x\.yaml:2:1: /) as string,
    ]);
  });

  it.each([
    [
      'just text',
      'x.yaml:1:1: not a scenario, expected fields such as name and engine, or a scenarios list',
    ],
    [
      '',
      'x.yaml:1:1: not a scenario, expected fields such as name and engine, or a scenarios list',
    ],
    ['scenarios: []', 'x.yaml:1:1: scenarios is empty, expected a list of scenarios'],
  ])('is told that %j holds no scenario', async (text, problem) => {
    expect(await problemsOf(text)).toEqual([problem]);
  });

  it('is told of problems in every scenario of a list, and of a name that is used twice', async () => {
    const one = `because: t, engine: ./test-plugins/engine.mjs, workload: ./test-plugins/workload.mjs`;
    expect(
      await problemsOf(`scenarios:\n- { name: a, ${one}, seed: x }\n- { name: B, ${one} }\n`),
    ).toEqual([
      expect.stringMatching(/^x\.yaml:2:\d+: seed is "x"/) as string,
      expect.stringMatching(/^x\.yaml:3:11: name is "B"/) as string,
    ]);
    expect(await problemsOf(`scenarios:\n- { name: a, ${one} }\n- { name: a, ${one} }\n`)).toEqual([
      'scenario name "a" is used twice, expected it once',
    ]);
  });
});

const fields =
  'name, because, seed, rig, engine, workload, faults, verifiers, device, dataDevice, flash, limits, explore, expect';
const deviceFields =
  'logicalBlockBytes, capacityBlocks, atomicWriteBlocks, writeCache, supportsFua';
const workloads = builtInNames('workload').join(', ');
const kinds =
  'lost, stale, torn, misdirected, corrupt, resurrected, zeroed, reordered, not-atomic, ' +
  'invariant, exposed, inconsistent, recovery-failed or recovery-not-idempotent';

describe('a scenario of a file system', () => {
  const onExt4 = `name: files
because: tests of the loader
rig: fuse
engine: ext4
workload: file-mix
`;

  it('is accepted with a workload of files, and with one of blocks, which writes a file', async () => {
    const [ofFiles] = await load(onExt4);
    expect(ofFiles?.workload).toMatchObject({ name: 'file-mix', medium: 'files' });
    const [ofBlocks] = await load(onExt4.replace('file-mix', 'fsync-heavy'));
    expect(ofBlocks?.workload).toMatchObject({ name: 'fsync-heavy', medium: 'files' });
  });

  it('is refused with what a file cannot do, and blocks with a workload of files', async () => {
    expect(await problemsOf(onExt4.replace('file-mix', 'append-log'))).toEqual([
      expect.stringContaining('workload "append-log" needs append'),
    ]);
    expect(await problemsOf(onExt4.replace('ext4', 'journal').replace('fuse', 'sim'))).toEqual([
      expect.stringContaining('workload "file-mix" is of files, and engine "journal" is of blocks'),
    ]);
  });

  it('is refused on the simulated rig, with areas, and on a drive that is too small', async () => {
    expect(await problemsOf(onExt4.replace('rig: fuse', 'rig: sim'))).toEqual([
      expect.stringContaining('a file system of the kernel, which rig sim does not have'),
    ]);
    const small = await problemsOf(`${onExt4}device: { capacityBlocks: 100 }\n`);
    expect(small).toEqual([expect.stringContaining('100 blocks of 4096 bytes are too few')]);
    const inArea = `${onExt4}faults: [{ use: lying-flush, at: { area: ring } }]\n`;
    expect(await problemsOf(inArea)).toEqual([expect.stringContaining('unknown area "ring"')]);
  });
});
