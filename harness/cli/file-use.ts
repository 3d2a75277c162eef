import { readFile, readdir, realpath } from 'node:fs/promises';

/** What uses a regular file as a disk or as swap space, in words. */
export async function usesOfFile(path: string): Promise<readonly string[]> {
  const real = await realpath(path);
  const uses: string[] = [];
  for (const name of await readdir('/sys/block').catch(() => [])) {
    if (!name.startsWith('loop')) continue;
    const backing = await readText(`/sys/block/${name}/loop/backing_file`);
    if (backing.trim() === real) uses.push(`under ${name}`);
  }
  const swaps = (await readText('/proc/swaps')).split('\n').slice(1);
  if (swaps.some((line) => line.split(/\s/)[0] === real)) uses.push('swap space in use');
  return uses;
}

/** Empty where there is no such file: which ones there are depends on the kernel and its drivers. */
function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
