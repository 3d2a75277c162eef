import type { DeviceGeometries, DeviceNumber, EngineDevices } from './block-device.ts';
import type { ByteRange, FaultClass } from './fault.ts';
import type { Host } from './host.ts';
import type { Op, OpKind, Outcome } from './op.ts';
import type { Platform } from './platform.ts';
import type { Availability, OptionSchema, Plugin } from './plugin.ts';
import type { EngineTools } from './tools.ts';
import type { BlockNumber, Nanoseconds } from './units.ts';

/**
 * What an engine says of a fault class.
 * `survives`: nothing acknowledged is lost and nothing wrong is served.
 * `detects`: it may refuse to open or to answer, but never serves wrong data.
 * `nothing`: no promise; what happened is reported and does not convict, unless a scenario expects it.
 */
export interface FaultPromise {
  readonly level: 'survives' | 'detects' | 'nothing';
  /**
   * `not-carried`: an acknowledged operation may vanish undetected while no operation invoked after
   * its acknowledgement has itself been acknowledged (JOURNAL-ENGINE §4.6, residual ambiguity).
   */
  readonly except?: 'not-carried';
  /** Where the promise is written down, or why nothing can be promised. */
  readonly citation: string;
}

/** What the engine promises in a configuration. Verifiers judge against this, never against taste. */
export interface DurabilityContract {
  readonly durableWhen: 'acknowledged' | 'flushed';
  /** What is all-or-nothing after a crash: one block, or a whole operation. */
  readonly atomicUnit: 'block' | 'operation';
  /** `prefix`: if an operation survived, so did every one acknowledged before it was invoked. */
  readonly ordering: 'none' | 'prefix';
  /**
   * What a crash may leave of a block with an operation that is not owed: one that was acknowledged
   * and not flushed (under `durableWhen: 'flushed'`), or that was on its way. `old-or-new`: one whole
   * version of the block. `anything`: also garbage, half of one, or what lay elsewhere, as ext4 says of
   * data=writeback (REQUIREMENTS B9). A block whose every operation is owed is exact under either.
   */
  readonly unflushedContents: 'old-or-new' | 'anything';
  /** A crash during recovery, and a second recovery, lead to the same logical contents. */
  readonly recoveryIsIdempotent: boolean;
  /** Most device requests one recovery may take, on all devices; more is a failure to end. */
  readonly recoveryRequestsMax: number;
  /** Per fault class; by the engine's area that was hit where the promise differs by area. */
  readonly promises: Readonly<Record<FaultClass, FaultPromise | AreaPromises>>;
}

export interface AreaPromises {
  readonly byArea: Readonly<Record<string, FaultPromise>>;
}

/** The blocks an engine offers, numbered from 0. */
export interface VolumeSpace {
  readonly blockBytes: number;
  readonly blockCount: number;
}

/** A named byte range of a device, so that faults can be aimed and bytes attributed. */
export interface EngineArea extends ByteRange {
  readonly name: string;
  readonly device: DeviceNumber;
}

export interface EngineAdapter<Config = unknown> extends Plugin<'engine'> {
  readonly supports: {
    readonly ops: readonly OpKind[];
    /** Whether it takes a second device, for the volume's blocks. */
    readonly dataDevice: boolean;
  };
  readonly options: OptionSchema<Config>;
  /** Depends on the configuration and on what the devices promise. */
  contractFor(config: Config, geometries: DeviceGeometries): DurabilityContract;
  areasOf(config: Config, geometries: DeviceGeometries): readonly EngineArea[];
  probe(host: Host): Promise<Availability>;
  format(devices: EngineDevices, config: Config, platform: Platform): Promise<void>;
  /** Runs recovery; throws EngineRefusal rather than serve wrong data. */
  open(devices: EngineDevices, config: Config, platform: Platform): Promise<EngineSession>;
  /** Tools for its medium, where it has any; loaded only when they are used. */
  tools?(): Promise<EngineTools>;
}

/** Disposal abandons: it frees handles and never flushes. */
export interface EngineSession extends AsyncDisposable {
  readonly space: VolumeSpace;
  readonly recovery: RecoverySummary;
  /**
   * `payload` holds the operation's blocks in the order of `changesOf(op)`, or the bytes to append.
   * The engine must not keep it past the returned promise.
   */
  submit(op: Op, payload: Uint8Array): Promise<Outcome>;
  /** Reads whole blocks; throws EngineRefusal where it cannot vouch for them. */
  read(block: BlockNumber, target: Uint8Array): Promise<void>;
  /** The appended records that survive, oldest first. Present when `append` is supported. */
  replay?(): AsyncIterable<Uint8Array>;
  counters(): EngineCounters;
  /** What the engine found, measured or settled when it was opened, for the report. */
  facts?(): EngineFacts;
  /** Clean shutdown, for scenarios that ask for one. */
  close(): Promise<void>;
}

/**
 * How an engine is set up as it runs, by names in camel case. A name ends in its unit where there is one
 * (`pageBytes`, `journalFuaMedianNs`). Never a secret: it goes into the run directory and the report.
 */
export type EngineFacts = Readonly<Record<string, EngineFact>>;
export type EngineFact = string | number | boolean;

export interface RecoverySummary {
  readonly recordsReplayed: number;
  readonly blocksWritten: number;
  readonly tookNs: Nanoseconds;
  /** One line for the report: what recovery found and decided. */
  readonly note: string;
}

/** Bytes are what the engine itself submitted; the drive's own counters are kept beside them. */
export interface EngineCounters {
  readonly userBytes: number;
  /** Bytes written by purpose, for example `journal`, `padding`, `superblock`, `destage`. */
  readonly writtenBytes: Readonly<Record<string, number>>;
  readonly flushes: number;
  readonly fuaWrites: number;
}
