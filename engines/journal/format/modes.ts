/**
 * What a journal does with the blocks of its volume. The names are those of ext4's data modes where
 * there is one; README.md, "Modes", says what each promises. The place in the list is the number in
 * the superblock, so the lists only ever grow at the end.
 */
export const volumeModes = ['journal', 'ordered', 'writeback', 'undo-redo', 'none'] as const;
export type VolumeModeName = (typeof volumeModes)[number];

/**
 * What is written twice before the first copy may be lost. `destage`: blocks and map pages written in
 * place. `full`: pages of the log as well.
 */
export const doubleWriteModes = ['off', 'destage', 'full'] as const;
export type DoubleWriteMode = (typeof doubleWriteModes)[number];

/** How a completed write on a device becomes durable. */
export const durabilityPaths = ['none', 'fua', 'flush'] as const;
export type DurabilityPath = (typeof durabilityPaths)[number];
