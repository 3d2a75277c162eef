import { execa } from 'execa';
import { expect, test } from 'vitest';

/** Makes `import('koffi')` fail in a process, as it does on a platform without a prebuilt one. */
const withoutKoffi = `
  import { register } from 'node:module';
  const hook = "export async function resolve(name, context, next) {" +
    " if (name === 'koffi') throw new Error('no prebuilt koffi for this platform');" +
    " return next(name, context); }";
  register('data:text/javascript,' + encodeURIComponent(hook));
`;

test('where koffi does not load, system calls are unavailable for a reason, and nothing throws', async () => {
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    const { loadSystemCalls } = await import(${url('../sys/libc.ts')});
    const { openUringDevice } = await import(${url('./uring-device.ts')});
    const answer = await loadSystemCalls();
    const failure = await openUringDevice('/nonexistent').catch((error) => error);
    console.log(JSON.stringify({ answer, code: failure.code, message: failure.message }));
  `;
  const { stdout } = await execa(process.execPath, [
    '--import',
    'tsx',
    '--import',
    `data:text/javascript,${encodeURIComponent(withoutKoffi)}`,
    '--input-type=module',
    '--eval',
    script,
  ]);
  expect(JSON.parse(stdout)).toEqual({
    answer: {
      available: false,
      reason: 'koffi does not load: no prebuilt koffi for this platform',
    },
    code: 'UNAVAILABLE',
    message: 'no io_uring device: koffi does not load: no prebuilt koffi for this platform',
  });
});
