import { HarnessError } from '../../contract/index.ts';
import { loadSystemCalls } from '../../sys/libc.ts';
import type { FileDriver, FileDriverOptions } from '../file-driver.ts';
import { FileOps } from '../file-ops.ts';

/**
 * Performs file operations in this process, which stands still meanwhile: for a process of a machine that can be killed
 * as a whole, whatever its calls wait for. Throws UNAVAILABLE where system calls cannot be made.
 */
export async function openLocalFileDriver(
  options: Pick<FileDriverOptions, 'root' | 'seed' | 'syncPolicy'>,
): Promise<FileDriver> {
  const loaded = await loadSystemCalls();
  if (!loaded.available) throw new HarnessError('UNAVAILABLE', loaded.reason);
  const ops = new FileOps({ ...options, calls: loaded.calls });
  return {
    perform: async (id, op) => ops.perform(id, op),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
