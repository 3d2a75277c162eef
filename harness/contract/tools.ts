import type { BlockDevice, EngineDevices } from './block-device.ts';
import type { Platform } from './platform.ts';

/** A paragraph, or a table whose columns are to be aligned. */
export type ToolText = readonly (string | readonly (readonly string[])[])[];

/** What a tool found or did. */
export interface ToolAnswer {
  /** Plain data, as JSON prints it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The same for people. */
  readonly text: ToolText;
  /** `damaged`: acknowledged data is missing, or may be. `unknown`: what decides it cannot be read. */
  readonly outcome: 'ok' | 'damaged' | 'unknown';
}

/** What a tool works on. Tools that only read never write to the devices, not even to repair. */
export interface ToolSite {
  readonly devices: EngineDevices;
  readonly platform: Platform;
  /** The tool's own options, as the user gave them; it says what is wrong with them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Aborted when the user wants it to end: it leaves the medium in order, and answers what it has. */
  readonly interrupted?: AbortSignal;
}

/** What the medium itself says of how it must be opened: an image file has no block size of its own. */
export interface MediumIdentity {
  readonly uuid: string;
  readonly logicalBlockBytes: number;
  /** Of the device that it was made on. */
  readonly byteCount: number;
  /** The volume's blocks are on a device of their own. */
  readonly hasDataDevice: boolean;
}

/**
 * What an engine offers for looking at its medium and mending it, outside of any run. Everything is a
 * function of the devices and the platform, so the same code works on the twin. Throws EngineRefusal
 * where the medium is none of this engine's or cannot be used, and what the schema of its options
 * throws.
 */
export interface EngineTools {
  /**
   * Undefined where nothing of this engine is to be seen; throws EngineRefusal where what is left of
   * it cannot be read. Reads only.
   */
  identify(device: BlockDevice, platform: Platform): Promise<MediumIdentity | undefined>;
  /** Destroys what was there. */
  format(site: ToolSite): Promise<ToolAnswer>;
  /** Reads only. */
  info(site: ToolSite): Promise<ToolAnswer>;
  /** Reads only; one answer per item, each as soon as it is known. */
  dump(site: ToolSite): AsyncIterable<ToolAnswer>;
  /** The verdict that recovery would come to, and the evidence for it. Reads only. */
  check(site: ToolSite): Promise<ToolAnswer>;
  /** Opens, which recovers, and closes cleanly. */
  recover(site: ToolSite): Promise<ToolAnswer>;
  /** Writes to a medium that is in order, and leaves it in order. */
  bench(site: ToolSite): Promise<ToolAnswer>;
}
