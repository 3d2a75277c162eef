import { z } from 'zod';
import { encryptionOption } from './tool-keys.ts';

export const dumpOptions = z.strictObject({
  ...encryptionOption,
  /** Begin with this page, by its absolute number (page_seq), or with the one that holds this LSN. */
  fromPage: z.int().min(0).optional(),
  fromLsn: z.int().min(1).optional(),
  /** Pages to look at. Default: as far as the ring holds anything but old laps. */
  count: z.int().min(1).optional(),
  records: z.boolean().default(false),
  hex: z.boolean().default(false),
});

export type DumpOptions = z.output<typeof dumpOptions>;
