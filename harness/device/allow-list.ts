import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';

/** A disk that the owner of this machine gives away to be overwritten. */
export interface AllowedDevice {
  readonly serial: string;
  readonly byteCount: number;
}

export type AllowList =
  | { readonly usable: true; readonly devices: readonly AllowedDevice[] }
  | { readonly usable: false; readonly reason: string };

export const allowListPath = '/etc/powercut/devices.json';

const schema = z.strictObject({
  devices: z.array(
    z.strictObject({ serial: z.string().min(1), byteCount: z.number().int().positive() }),
  ),
});

const writableByOthers = 0o022;

/** The list counts only when nobody but root can have written it. Never throws. */
export async function readAllowList(path: string = allowListPath): Promise<AllowList> {
  try {
    const { uid, mode } = await stat(path);
    if (uid !== 0) return { usable: false, reason: `${path} belongs to user ${uid}, not to root` };
    if ((mode & writableByOthers) !== 0) {
      return { usable: false, reason: `${path} can be written by others than root` };
    }
    const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    if (parsed.success) return { usable: true, devices: parsed.data.devices };
    return { usable: false, reason: `${path}: ${z.prettifyError(parsed.error)}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? `${path} does not exist` : `${path}: ${message}`;
    return { usable: false, reason };
  }
}
