/**
 * Names for the numbers that cross module borders. They are plain numbers (never bigint: 2^53 bytes
 * is 8 PiB); the name of a field says its unit, the alias says what it counts.
 */

/** Index of a logical block of a device. Never a byte offset. */
export type Lba = number;
/** Index of a block of an engine's volume (`VolumeSpace.blockBytes` each). Never an LBA. */
export type BlockNumber = number;
/** Nanoseconds, on the clock of the run (virtual on the twin). */
export type Nanoseconds = number;
/** Counts power cycles within a run: every crash starts a new one, from 1. */
export type Epoch = number;
/** Number of an operation in the ledger, from 1, unique within a run. */
export type OpId = number;
/**
 * Place of a record in the ledger, from 1. Order between operations is by position, never by clock.
 */
export type LedgerPosition = number;
/** Sequence number of an event in a drive history, from 1, unique over all drives of the history. */
export type EventSeq = number;
