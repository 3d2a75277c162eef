import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HarnessError, type RunSummary } from '../contract/index.ts';
import type { CliEnvironment } from './command-context.ts';
import { performCommandLine } from './command-line.ts';
import { reportFailure } from './report-failure.ts';
import type { CliServices, ReplayRequest, RunRequest } from './services.ts';

const plugins = path.join(import.meta.dirname, 'test-plugins');
const flags = ['--engine', './engine.mjs', '--workload', './workload.mjs'];
const twoDevices = [
  ...['--engine', './in-place-engine.mjs', '--workload', './workload.mjs'],
  ...['--set', 'dataDevice.capacityBlocks=64'],
];
const killed = ['--rig', 'device', '--fault', './kill-fault.mjs', '--at', 'op=1'];

const capabilities = [
  {
    name: 'system calls',
    available: true,
    reason: 'koffi loads',
    fix: '',
    rigs: ['device'] as const,
  },
  {
    name: 'io_uring',
    available: false,
    reason: 'EPERM',
    fix: 'allow three system calls',
    rigs: ['device'] as const,
  },
];

let asked: { run?: RunRequest; replay?: ReplayRequest };
let runAnswer: () => Promise<RunSummary>;

/** Stands where the harness does: it notes what it was asked and answers what the test says. */
const services: CliServices = {
  runScenarios: (run) => {
    asked = { run };
    return runAnswer();
  },
  verifyRun: () => runAnswer(),
  replayState: (replay) => {
    asked = { replay };
    return Promise.resolve({ exitCode: 1, answer: { lost: 1 }, text: 'one write lost\n' });
  },
  reportRun: () => runAnswer(),
  clean: async () => ({ released: [], problems: [], runningOwners: [] }),
  explainHost: async () => capabilities,
  explainEngines: async () => [
    { name: 'ext4', available: false, reason: 'mke2fs is not installed: install e2fsprogs' },
  ],
};

beforeEach(() => {
  asked = {};
  runAnswer = async () => summaryWith(0);
});

function summaryWith(exitCode: number): RunSummary {
  return { exitCode, runId: 'planted' } as RunSummary;
}

interface Answer {
  readonly exitCode: number;
  readonly out: string;
  readonly error: string;
}

async function perform(words: readonly string[], signal = AbortSignal.any([])): Promise<Answer> {
  let out = '';
  let error = '';
  const environment: CliEnvironment = {
    directory: plugins,
    isTerminal: false,
    columns: 80,
    interrupted: signal,
    services,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  };
  try {
    return { exitCode: await performCommandLine(words, environment), out, error };
  } catch (failure) {
    return { exitCode: reportFailure(failure, words, environment), out, error };
  }
}

describe('powercut run', () => {
  it('hands the scenario of the flags to the harness, with its plug-ins loaded', async () => {
    const { exitCode } = await perform([
      'run',
      ...flags,
      ...[
        '--fault',
        './fault.mjs',
        '--at',
        'op=40',
        '--fault',
        './fault.mjs',
        '--at',
        'bytes=0,512',
      ],
      ...[
        '--set',
        'engine.ringPages=64',
        '--set',
        'engine.cache.pages=2',
        '--set',
        'fault2.bits=3',
      ],
      ...[
        '--set',
        'device.logicalBlockBytes=512',
        '--seed',
        '7',
        '--states',
        '50',
        '--rounds',
        '3',
      ],
      ...['--jobs', '2', '--reporter', 'json', '--out', 'out', '--stop-on-failure'],
    ]);
    expect(exitCode).toBe(0);
    expect(asked.run).toMatchObject({
      jobs: 2,
      stopOnFailure: true,
      showProgress: true,
      runDirectory: path.join(plugins, 'out'),
    });
    expect(asked.run?.command).toContain('powercut run --engine ./engine.mjs');
    expect(asked.run?.scenarios[0]).toMatchObject({
      engineConfig: { ringPages: 64, sync: 'always', cache: { pages: 2 } },
      faults: [{ options: { bits: 1 } }, { options: { bits: 3 } }],
      scenario: {
        seed: 7,
        explore: { rounds: 3, states: 50, nestedStates: 10 },
        device: { logicalBlockBytes: 512, capacityBlocks: 131_072 },
        faults: [{ at: { atOp: 40 } }, { at: { atBytes: { byteOffset: 0, byteCount: 512 } } }],
      },
    });
  });

  it.each([0, 1, 4, 5])('exits with what the run came to (%d)', async (exitCode) => {
    runAnswer = async () => summaryWith(exitCode);
    expect((await perform(['run', ...flags, '--reporter', 'json'])).exitCode).toBe(exitCode);
  });

  it('prints the summary alone on standard output with --json', async () => {
    const { out } = await perform(['run', ...flags, '--reporter', 'json', '--json']);
    expect(JSON.parse(out)).toEqual({ exitCode: 0, runId: 'planted' });
  });

  it('changes the scenarios that are named with --set and --durability', async () => {
    const { exitCode } = await perform([
      ...['run', 'power-cut-bank', 'power-cut-fsync-heavy-flush', '--reporter', 'json'],
      ...['--set', 'engine.strict=true', '--set', 'limits.ops=10', '--durability', 'fua'],
    ]);
    expect(exitCode).toBe(0);
    const scenarios = asked.run?.scenarios.map(({ scenario }) => scenario);
    expect(scenarios?.map(({ name }) => name)).toEqual([
      'power-cut-bank',
      'power-cut-fsync-heavy-flush',
    ]);
    for (const scenario of scenarios ?? []) {
      expect(scenario).toMatchObject({
        engine: { with: { ringPages: 64, strict: true, durability: 'fua' } },
        limits: { ops: 10 },
      });
    }
  });

  it('prints the plan and starts nothing with --dry-run', async () => {
    const { exitCode, out } = await perform([
      ...[
        'run',
        ...flags,
        '--fault',
        './fault.mjs',
        '--at',
        'flush=3',
        '--reporter',
        'json',
        '--dry-run',
      ],
    ]);
    expect(exitCode).toBe(0);
    expect(asked.run).toBeUndefined();
    expect(out).toContain('fault.mjs at flush 3');
    expect(out).toContain('nothing was started');
  });

  it.each([
    ['no scenario', [], 'no scenario is named'],
    ['a name that is near one', ['smoek'], 'did you mean "smoke"?'],
    [
      'a file that is not there',
      ['./nowhere.yaml'],
      'scenario file ./nowhere.yaml cannot be read (ENOENT)',
    ],
    ['an engine without a workload', ['--engine', './engine.mjs'], '--workload is missing'],
    [
      'a fault without its moment',
      [...flags, '--fault', './fault.mjs'],
      'one --at for each --fault',
    ],
    [
      'an unknown moment',
      [...flags, '--fault', './fault.mjs', '--at', 'opp=4'],
      '--at opp=4: unknown fault moment "opp" in faults[0].at',
    ],
    [
      'an unknown option',
      [...flags, '--set', 'engine.ringPage=4'],
      '--set engine.ringPage=4: unknown field "ringPage" in engine.with',
    ],
    [
      'an option of the wrong type',
      [...flags, '--set', 'engine.ringPages=some'],
      '--set engine.ringPages=some: engine.with.ringPages is "some", expected a number',
    ],
    ['an unknown part', [...flags, '--set', 'engin.x=4'], 'did you mean "engine"?'],
    [
      'an unknown field of a named scenario',
      ['power-cut-bank', '--set', 'engine.strct=true'],
      '--set engine.strct=true: unknown field "strct" in engine.with',
    ],
    [
      'a fault of a named scenario',
      ['power-cut-at-op-100', '--set', 'fault.x=1'],
      'one of the parts engine, workload, device',
    ],
    [
      'a durability path that there is not',
      ['power-cut-bank', '--durability', 'sync'],
      'Allowed choices are auto, fua, flush, none',
    ],
    ['nothing to change', ['--durability', 'fua'], '--engine is missing'],
    [
      'an unknown plug-in',
      ['--engine', 'journl', '--workload', './workload.mjs'],
      '--engine journl: unknown engine',
    ],
    [
      'a device that nothing uses',
      [...flags, '--device', '/dev/null'],
      'expected --rig device with it',
    ],
    [
      'a data device without a device',
      [...twoDevices, ...killed, '--data-device', '/dev/sdb'],
      'given without --device',
    ],
    [
      'a data device that nothing uses',
      [...flags, ...killed, '--device', '/dev/sda', '--data-device', '/dev/sdb'],
      'no scenario uses a data device',
    ],
    [
      'a device alone where a scenario needs two',
      [...twoDevices, ...killed, '--device', '/dev/sda'],
      'expected --data-device with it',
    ],
    [
      'one device for both',
      [...twoDevices, ...killed, '--device', '/dev/sda', '--data-device', '/dev/sda'],
      'expected two devices',
    ],
    [
      'fewer devices to act on than faults',
      [...flags, ...killed, '--fault', './fault.mjs', '--at', 'op=2', '--on', 'main'],
      '2 --fault and 1 --on',
    ],
    [
      'a fault on a device that is not there',
      [...flags, '--fault', './fault.mjs', '--at', 'op=2', '--on', 'data'],
      '--on data: fault "outside-fault" acts on the data device',
    ],
    ['an unknown reporter', [...flags, '--reporter', 'htm'], 'did you mean "html"?'],
  ])('refuses %s with exit code 2, having started nothing', async (_, words, message) => {
    const { exitCode, error } = await perform(['run', ...words]);
    expect(exitCode).toBe(2);
    expect(error).toContain(message);
    expect(asked.run).toBeUndefined();
  });

  it('hands on a second device, and the device of each fault', async () => {
    const devices = ['--device', '/dev/sda', '--data-device', '/dev/sdb'];
    expect((await perform(['run', ...twoDevices, ...killed, ...devices])).exitCode).toBe(0);
    expect(asked.run).toMatchObject({ device: '/dev/sda', dataDevice: '/dev/sdb' });
    expect(asked.run?.scenarios[0]?.scenario.dataDevice).toMatchObject({ capacityBlocks: 64 });
    const cut = ['--fault', 'power-cut', '--at', 'op=2', '--on', 'data'];
    const { out } = await perform(['run', ...twoDevices, ...cut, '--dry-run']);
    expect(out).toContain('power-cut on data at op 2');
  });

  it.each([
    ['DEVICE_REFUSED', 3],
    ['CONFIG_INVALID', 2],
    ['EVIDENCE_DAMAGED', 4],
    ['SYSTEM_CALL_FAILED', 4],
  ] as const)('tells %s in one line and exits with %d', async (code, expected) => {
    runAnswer = () => Promise.reject(new HarnessError(code, 'planted failure'));
    const { exitCode, error } = await perform(['run', ...flags, '--reporter', 'json']);
    expect(exitCode).toBe(expected);
    expect(error).toMatch(/^(powercut: )?planted failure\n$/);
  });

  it('shows the stack of an unexpected error and exits with 4, as JSON too', async () => {
    runAnswer = () => Promise.reject(new TypeError('planted bug'));
    const { exitCode, error, out } = await perform([
      'run',
      ...flags,
      '--reporter',
      'json',
      '--json',
    ]);
    expect(exitCode).toBe(4);
    expect(error).toContain('TypeError: planted bug\n    at ');
    expect(JSON.parse(out)).toEqual({
      error: { code: 'UNEXPECTED', message: 'planted bug' },
      exitCode: 4,
    });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('exits after %s with %d', async (signal, expected) => {
    runAnswer = () => Promise.reject(new HarnessError('INTERRUPTED', 'interrupted'));
    const words = ['run', ...flags, '--reporter', 'json'];
    expect((await perform(words, AbortSignal.abort(signal))).exitCode).toBe(expected);
  });
});

describe('powercut run with a file', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'powercut-cli-'));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('finds plug-ins from the file, and lets flags override what it says', async () => {
    const file = path.join(directory, 'planted.yaml');
    const engine = path.join(plugins, 'engine.mjs');
    const workload = path.join(plugins, 'workload.mjs');
    writeFileSync(
      file,
      `name: planted\nbecause: tests\nseed: 3\nengine: ${engine}\nworkload: ${workload}\n`,
    );
    expect((await perform(['run', file, '--seed', '9', '--reporter', 'json'])).exitCode).toBe(0);
    expect(asked.run?.scenarios[0]?.scenario.seed).toBe(9);
  });

  it('gives a fifth of --states to crashes during recovery, whatever the file says', async () => {
    const file = path.join(directory, 'nested.yaml');
    const use = (name: string): string => path.join(plugins, name);
    writeFileSync(
      file,
      `name: planted
because: tests
engine: ${use('engine.mjs')}
workload: ${use('workload.mjs')}
explore: { nestedStates: 100 }
`,
    );
    const { exitCode } = await perform(['run', file, '--states', '50', '--reporter', 'json']);
    expect(exitCode).toBe(0);
    expect(asked.run?.scenarios[0]?.scenario.explore).toMatchObject({
      states: 50,
      nestedStates: 10,
    });
  });
});

describe('a command line', () => {
  it.each([
    ['an unknown command', ['rum'], 'Did you mean run?'],
    ['an unknown option', ['run', '--engin', 'x'], 'Did you mean --engine?'],
    ['an unknown section', ['list', 'fauts'], 'Allowed choices are engines'],
    ['a value that is no number', ['run', '--seed', 'one'], 'expected a whole number from 0'],
    ['a missing argument', ['verify'], "missing required argument 'directory'"],
    ['nothing at all', [], 'Usage: powercut'],
    [
      'a run directory that is not there',
      ['verify', 'nowhere'],
      'run directory "nowhere" does not exist',
    ],
    ['a replay without a state', ['replay', 'results'], 'expected DIRECTORY#STATE'],
    [
      'a rig that does not exist',
      ['run', 'smoke', '--rig', 'cloud'],
      'Allowed choices are sim, fuse, device, vm',
    ],
  ])('with %s exits with 2', async (_, words, message) => {
    const { exitCode, error } = await perform(words);
    expect(exitCode).toBe(2);
    expect(error).toContain(message);
  });

  it.each(['run', 'list', 'doctor', 'verify', 'replay', 'report', 'clean'])(
    'for the help of %s shows examples and exits with 0',
    async (command) => {
      const { exitCode, out } = await perform([command, '--help']);
      expect(exitCode).toBe(0);
      expect(out).toContain(`  $ powercut ${command}`);
    },
  );

  it('names the state to replay', async () => {
    const { exitCode, out } = await perform(['replay', '.#cell:0:12/3']);
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: 'one write lost\n' });
    expect(asked.replay).toMatchObject({ runDirectory: plugins, state: 'cell:0:12/3' });
  });
});

describe('powercut doctor', () => {
  it('says what runs here, and how to get what is missing', async () => {
    const { exitCode, out } = await perform(['doctor']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^rig sim +runs here$/m);
    expect(out).toMatch(/^rig device +does not run here: io_uring missing$/m);
    expect(out).toMatch(
      /How to get what is missing:\n( .*\n)* {2}io_uring +allow three system calls\n/,
    );
    expect(out).toMatch(/^missing +engine ext4 +for scenarios with it +mke2fs is not installed$/m);
    expect(out).toMatch(/^ {2}engine ext4 +install e2fsprogs$/m);
  });

  it('answers the same as JSON', async () => {
    const { out } = await perform(['doctor', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      rigs: [
        { rig: 'sim', available: true },
        { rig: 'fuse', available: true },
        { rig: 'device', available: false, missing: ['io_uring'] },
        { rig: 'vm', available: true },
      ],
    });
  });
});
