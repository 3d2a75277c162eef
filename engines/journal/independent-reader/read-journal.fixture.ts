import { appendedIn, marksIn, watermarks, type Mark } from './consumers.fixture.ts';
import { readLog, type Log } from './log.fixture.ts';
import { Refusal, type Medium } from './medium.fixture.ts';
import type { LogRecord } from './record.fixture.ts';
import { newest, readSlots, type Slot } from './superblock.fixture.ts';
import { readVolume, type Volume } from './volume.fixture.ts';

/** All that README.md says can be read of a journal that nobody has open. */
export interface JournalView {
  readonly slots: readonly Slot[];
  readonly log: Log;
  /** As recovery would serve it. */
  readonly volume: Volume;
  readonly appended: readonly LogRecord[];
  readonly marks: readonly Mark[];
  /** By the name of the consumer. */
  readonly watermarks: ReadonlyMap<string, number>;
}

/**
 * A second reader of the format, written from README.md. It shares no code with the engine, so an error
 * that both make must be in the document too. Throws Refusal where there is nothing to serve.
 */
export function readJournal(medium: Medium): JournalView {
  const slots = readSlots(medium.journal);
  const found = newest(slots);
  checkDevices(medium, found);
  const log = readLog(medium, found);
  const marks = marksIn(log.records);
  const known = watermarks(log.superblock, marks);
  return {
    slots,
    log,
    volume: readVolume(medium, log),
    appended: appendedIn(log, known),
    marks,
    watermarks: known,
  };
}

function checkDevices({ journal, data }: Medium, found: ReturnType<typeof newest>): void {
  const isSame =
    found.journalBytes === journal.byteCount - (journal.byteCount % 4096) &&
    found.logicalBlockBytes === journal.logicalBlockBytes &&
    found.isDataApart === (data !== undefined) &&
    found.dataBytes === (data === undefined ? 0 : data.byteCount - (data.byteCount % 4096));
  if (!isSame) throw new Refusal('device', 'the journal was made for other devices');
}
