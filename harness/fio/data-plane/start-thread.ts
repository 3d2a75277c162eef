import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Starts a module as a thread. The built tool runs JavaScript; a checkout runs its TypeScript, on Node
 * 20 through tsx, which has to be registered anew in each thread. `entry` is without its ending.
 */
export function startThread({ href }: URL, workerData: unknown): Worker {
  // Files are opened here and closed here, whatever a thread does with them.
  const options = { workerData, trackUnmanagedFds: false };
  const runsSource = import.meta.url.endsWith('.ts');
  const entry = new URL(`${href}.${runsSource ? 'ts' : 'js'}`);
  if (!runsSource) return new Worker(entry, options);
  const tsxRoot = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('dist/esm/api/index.mjs', tsxRoot).href;
  const boot = `import { register } from '${tsx}'; register(); await import('${entry.href}');`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(boot)}`), options);
}
