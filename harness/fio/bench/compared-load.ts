import type { FioParameters } from '../../measure/fio.ts';

/** What is held against fio's figure, as the quotient of ours and fio's. */
export interface Bar {
  readonly figure: 'iops' | 'latencyP50Ns' | 'cpuPerOpNs';
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  /** Also met where the quotient lies within what fio does against itself. */
  readonly orWithinNoise: boolean;
}

/** One load that both sides run, by the same options. */
export interface ComparedLoad {
  readonly name: string;
  readonly options: FioParameters;
  /** Options that only one side gets, where the bar is about two ways to do a thing. */
  readonly fioOnly?: FioParameters;
  readonly oursOnly?: FioParameters;
  readonly bars: readonly Bar[];
}

const asQuick: Bar = { figure: 'iops', bound: { atLeast: 0.95 }, orWithinNoise: true };
const asSoon: Bar = { figure: 'latencyP50Ns', bound: { atMost: 1.05 }, orWithinNoise: true };

/**
 * Of no figure of either side: it takes the kernel's scheduler about 0.1 s to move a thread to the
 * processor that its drive interrupts. Where it begins is chance, and on a virtual machine with one
 * queue an operation takes half as long again until then.
 */
const rampTime = '500ms';

/** The loads that the project's bars name; `file` has `fileBytes` bytes, all of them written. */
export function comparedLoads(file: string, fileBytes: number): readonly ComparedLoad[] {
  const ramp_time = rampTime;
  const onFile = { filename: file, size: fileBytes, bs: 4096, direct: 1, ramp_time };
  return [
    ...['randwrite', 'randread'].flatMap((rw) =>
      [1, 8, 32, 128].map((iodepth): ComparedLoad => ({
        name: `4k ${rw}, QD ${iodepth}`,
        options: { ...onFile, rw, ioengine: 'io_uring', iodepth, norandommap: 1 },
        bars: [asQuick, asSoon],
      })),
    ),
    {
      // Then we need one call for an operation, and fio two.
      name: '4k randwrite, QD 8, submission not timed',
      options: {
        ...onFile,
        rw: 'randwrite',
        ioengine: 'io_uring',
        iodepth: 8,
        norandommap: 1,
        disable_slat: 1,
      },
      bars: [asQuick, asSoon],
    },
    ...ceilings(),
    synced('fdatasync=1', { fdatasync: 1 }),
    synced('fsync=32', { fsync: 32 }),
    verified('on the file, QD 32', { ...onFile, ioengine: 'io_uring', iodepth: 32 }),
    verified('without I/O (ioengine=null)', { ...onFile, ioengine: 'null', direct: 0 }),
  ];

  function synced(name: string, options: FioParameters): ComparedLoad {
    return {
      name: `4k randwrite, QD 1, ${name}`,
      options: { ...onFile, rw: 'randwrite', ioengine: 'io_uring', norandommap: 1, ...options },
      bars: [{ ...asQuick, orWithinNoise: false }],
    };
  }
}

/** Where nothing but the processor limits: targets that do their work within the call. */
function ceilings(): readonly ComparedLoad[] {
  const batches = { iodepth_batch: 32, iodepth_batch_complete_max: 32 };
  const load = (
    filename: string,
    rw: string,
    name: string,
    extra: FioParameters,
  ): ComparedLoad => ({
    name: `${filename} ${rw}, QD 32, ${name}`,
    options: {
      ...{ filename, rw, bs: 4096, size: 2 ** 30, direct: 0 },
      ...{ ioengine: 'io_uring', iodepth: 32, ...extra },
    },
    bars: [
      { figure: 'iops', bound: { atLeast: 0.6 }, orWithinNoise: false },
      { figure: 'cpuPerOpNs', bound: { atMost: 1.7 }, orWithinNoise: false },
    ],
  });
  return [
    load('/dev/zero', 'read', 'batches of 32', batches),
    load('/dev/null', 'write', 'batches of 32', batches),
    load('/dev/zero', 'read', "fio's defaults", {}),
    load('/dev/null', 'write', "fio's defaults", {}),
  ];
}

function verified(name: string, options: FioParameters): ComparedLoad {
  return {
    name: `4k write, our stamps against verify=crc32c, ${name}`,
    options: { ...options, rw: 'write', do_verify: 0 },
    fioOnly: { verify: 'crc32c', verify_state_save: 0 },
    oursOnly: { verify: 'stamp' },
    bars: [{ figure: 'iops', bound: { atLeast: 1 }, orWithinNoise: false }],
  };
}
