import type { DeviceRole } from './block-device.ts';
import type { DeviceErrorCode } from './errors.ts';
import type { Availability, OptionSchema, Plugin } from './plugin.ts';
import type { Random } from './random.ts';
import type { Host } from './host.ts';
import type { Nanoseconds } from './units.ts';

export const faultClasses = [
  'power-loss',
  'process-kill',
  'flush-ignored',
  'lost-write',
  'torn-write',
  'misdirected-write',
  'bit-rot',
  'stale-read',
  'read-error',
  'write-error',
  'flush-error',
  'short-write',
  'no-space',
  'slow-device',
] as const;

export type FaultClass = (typeof faultClasses)[number];

/** When a fault comes into force. It fires at the first matching request from then on. */
export type FaultMoment =
  /** Once the workload's n-th operation (from 1) has been invoked. */
  | { readonly atOp: number }
  /** At the n-th flush request the drive receives (from 1) after the workload begins. */
  | { readonly atFlush: number }
  /** At the first request that touches the bytes of the drive, or the engine's area of that name. */
  | { readonly atBytes: ByteRange }
  | { readonly atArea: string }
  /** Once that much time has passed on the clock of the run since the workload began. */
  | { readonly atNs: Nanoseconds };

export interface ByteRange {
  readonly byteOffset: number;
  readonly byteCount: number;
}

/** What the simulated drive does to the requests (or to the medium) that a rule selects. */
export type DriveEffect =
  /**
   * Power is cut. Where that leaves no drive, nothing more happens at all. A drive that is cut alone
   * fails what is in flight, and all that follows, with EIO, once the host has noticed.
   */
  | { readonly kind: 'power-cut' }
  /** The flush is answered OK and persists nothing. */
  | { readonly kind: 'ignore-flush' }
  /** The write is answered OK and lands nowhere. */
  | { readonly kind: 'lose-write' }
  /** The write is answered OK and lands only a seeded, proper, non-empty subset of its units. */
  | { readonly kind: 'tear-write' }
  /** The write is answered OK and lands `shiftUnits` atomic units away from where it should. */
  | { readonly kind: 'misdirect-write'; readonly shiftUnits: number }
  /** `bits` bits of one unit flip on the medium and stay flipped until it is written again. */
  | { readonly kind: 'rot'; readonly bits: number }
  /** The read returns what the units held before their latest version; later reads are right. */
  | { readonly kind: 'stale-read' }
  /** `sticky`: until the unit is written again. */
  | { readonly kind: 'fail-read'; readonly sticky: boolean }
  /** The write fails; a seeded subset of its units (`landed`) has landed all the same. */
  | {
      readonly kind: 'fail-write';
      readonly code: DeviceErrorCode;
      readonly landed: 'none' | 'some';
    }
  /** The flush fails and persists nothing; `drops`: what it covered is gone for good. */
  | { readonly kind: 'fail-flush'; readonly drops: boolean }
  /** The write is answered with fewer bytes than asked; a prefix of whole units has landed. */
  | { readonly kind: 'short-write' }
  /** The request is answered only after `delayNs`. */
  | { readonly kind: 'stall'; readonly delayNs: Nanoseconds };

/** A device by its role, or both at the same instant. */
export type FaultedDevice = DeviceRole | 'both';

/** One fault armed on the twin. */
export interface DriveFaultRule {
  /** Plug-in name, for the history and the report. */
  readonly fault: string;
  readonly faultClass: FaultClass;
  readonly effect: DriveEffect;
  readonly moment: FaultMoment;
  /** How often it fires; `Infinity` is written `'forever'` so that scenarios stay plain data. */
  readonly times: number | 'forever';
  /** Only requests that touch these bytes count (a rot without a range takes any written unit). */
  readonly within?: ByteRange;
  /**
   * Which device it acts on, where there are two. Power is lost by both unless it says otherwise; any
   * other fault acts on the device of the area it aims at, or on `main`. A power cut needs no request
   * to its own drive: it comes with the first request to either, from its moment on. A moment that
   * is an area may be one of the other device. Flushes and bytes are those of the device it acts on;
   * with `both`, the flushes of either and the bytes of `main`.
   */
  readonly device?: FaultedDevice;
}

/** The simulated drive as fault modules see it. */
export interface FaultableDrive {
  /** In force when it returns, or resolves where the drive is served by another process. */
  arm(rule: DriveFaultRule, random: Random): void | Promise<void>;
}

/** See faults/device-mapper: dropped writes are answered OK, and others fail. */
export type MappingCut = 'drop-writes' | 'error-writes';

/** Which requests are damaged: what is read, on its way up, or what is written, on its way down. */
export type DamagedRequests = 'read' | 'write';

/**
 * Device-mapper targets that the rig has put between the engine and its devices. What a scenario does
 * not need is not there.
 */
export interface FaultableMapping {
  /** dm-flakey. Where there are two devices, it is both. */
  readonly flakey?: {
    /** Acknowledgements before the call are real; those after it has resolved are void. */
    cut(how: MappingCut): Promise<void>;
    /** From now on, this byte (from 1) of every request has this value. */
    corruptByte(requests: DamagedRequests, byte: number, value: number): Promise<void>;
    /** From now on, requests are damaged with this probability in thousand millions, drawn by the kernel. */
    corruptRandomly(requests: DamagedRequests, perBillion: number): Promise<void>;
    /** Obeys again. What was dropped, failed or damaged stays so. */
    restore(): Promise<void>;
  };
  /** dm-log-writes. */
  readonly log?: {
    /** ASCII without white space. Has its place in the log when it resolves. */
    mark(text: string): Promise<void>;
    /** `isLogging` is false from when the log was full on: what it has is then not the whole. */
    status(): Promise<{ readonly isLogging: boolean }>;
  };
}

/** What a fault acts on, per layer. */
export interface FaultTargets {
  readonly drive: FaultableDrive;
  readonly 'device-mapper': FaultableMapping;
  readonly process: { kill(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> };
  /** The virtual machine that the engine runs in, seen from outside. */
  readonly machine: { kill(): Promise<void> };
}

export type FaultLayer = keyof FaultTargets;

export interface FaultModule<
  L extends FaultLayer = FaultLayer,
  Options = unknown,
> extends Plugin<'fault'> {
  readonly layer: L;
  readonly faultClass: FaultClass;
  readonly options: OptionSchema<Options>;
  probe(host: Host): Promise<Availability>;
  arm(
    target: FaultTargets[L],
    options: Options,
    timing: FaultTiming,
    random: Random,
  ): Promise<ArmedFault>;
}

export interface FaultTiming {
  readonly moment: FaultMoment;
  readonly times: number | 'forever';
  readonly within?: ByteRange;
}

/** Disposal heals and removes the fault, even after a failed trigger. */
export interface ArmedFault extends AsyncDisposable {
  /**
   * For faults that the harness fires itself (a kill); a drive fault fires by its own rule and its
   * firing is an event of the history.
   */
  trigger(): Promise<void>;
}

/** A fault that did fire. */
export interface FaultFiring {
  readonly fault: string;
  readonly faultClass: FaultClass;
  readonly atNs: Nanoseconds;
  /** Name of the engine's area that was hit, where the engine names its areas. */
  readonly area?: string;
  /**
   * Machine-readable facts: which LBA, which units, which bits; `device`, where it is not the main one.
   * A power cut has it exactly where it took that device alone.
   */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}
