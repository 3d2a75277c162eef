import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endOfConsole } from './console-end.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-console-'));
  file = path.join(folder, 'console');
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `[ ${n}.0] line ${n}`);
}

describe('what is told of a console', () => {
  it('is why the kernel gave up, not the trace behind it', () => {
    const panic = '[ 2.2] Kernel panic - not syncing: VFS: Unable to mount root fs';
    fs.writeFileSync(file, [...numbered(50), panic, ...numbered(20), ''].join('\r\n'));
    expect(endOfConsole(file)).toBe(panic);
  });

  it('is its end where nothing says why', () => {
    fs.writeFileSync(file, `${numbered(50).join('\n')}\n`);
    expect(endOfConsole(file).split('\n')).toEqual(numbered(50).slice(-12));
  });

  it('is nothing of a boot long before', () => {
    const panic = '[ 2.2] Kernel panic - not syncing: of the boot before';
    fs.writeFileSync(file, [panic, ...numbered(400)].join('\n'));
    expect(endOfConsole(file)).not.toContain('panic');
  });

  it('is empty where it said nothing', () => {
    expect(endOfConsole(file)).toBe('');
  });
});
