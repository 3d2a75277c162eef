/**
 * dm-log-writes (Linux drivers/md/dm-log-writes.c): every write that goes through it is copied to a log on
 * another device. harness/drive/write-log reads the log.
 */
import { HarnessError } from '../contract/index.ts';
import { Mapping, sectorsOf, type MappedPart, type MappingResources } from './device-mapper.ts';

export interface LogWritesOptions extends MappedPart {
  readonly name: string;
  /** Where the log goes, from its first byte on. */
  readonly log: string;
}

export interface LogWritesStatus {
  /** Entries given to the log so far; plain writes wait for their flush first. */
  readonly entries: number;
  /** The last sector of 512 bytes of the log device that is taken. */
  readonly highestSector: number;
  /**
   * False when the log device was full or memory was short: the device goes on and nothing is logged any more.
   * Then what the log has is not the whole, and nothing may be concluded from its end.
   */
  readonly isLogging: boolean;
}

/** Of a mark: the header of the entry and a closing zero take the rest of the smallest block. */
const markLengthMax = 512 - 32 - 1;

export class LogWritesDevice implements AsyncDisposable {
  readonly mapping: Mapping;

  private constructor(mapping: Mapping) {
    this.mapping = mapping;
  }

  static async create(
    { name, log, ...part }: LogWritesOptions,
    resources: MappingResources,
  ): Promise<LogWritesDevice> {
    const sectors = await sectorsOf(part);
    await sectorsOf({ device: log });
    const table = { sectors, target: 'log-writes', args: [part.device, log] };
    return new LogWritesDevice(await Mapping.create(name, table, resources));
  }

  get node(): string {
    return this.mapping.node;
  }

  /**
   * Resolves once the mark has its place in the log: after every FUA write and flush that had completed. Also makes
   * the log's count of its entries true.
   */
  async mark(text: string): Promise<void> {
    if (text.length === 0 || text.length > markLengthMax || !/^[\x21-\x7e]+$/.test(text)) {
      throw new HarnessError(
        'CONFIG_INVALID',
        `${JSON.stringify(text)} is no mark, expected 1 to ${markLengthMax} ASCII characters without white space`,
      );
    }
    await this.mapping.message(['mark', text]);
  }

  async status(): Promise<LogWritesStatus> {
    return parseStatus(await this.mapping.status());
  }

  /** Closes the log: what waits for a flush is logged as well, and an end mark after it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.mapping[Symbol.asyncDispose]();
  }
}

/** `<entries> <highest sector>[ logging_disabled]` */
export function parseStatus(words: readonly string[]): LogWritesStatus {
  const [entries, highestSector] = words.slice(0, 2).map(Number);
  if (
    entries === undefined ||
    highestSector === undefined ||
    !Number.isSafeInteger(entries) ||
    !Number.isSafeInteger(highestSector)
  ) {
    throw new HarnessError(
      'SYSTEM_CALL_FAILED',
      `the status of dm-log-writes is "${words.join(' ')}", expected two numbers`,
    );
  }
  return { entries, highestSector, isLogging: !words.includes('logging_disabled') };
}
