import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explainKill, type KillReason } from './killed-process.ts';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-killed-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

function explain(said: readonly string[], errors = ''): KillReason {
  const consoleFile = path.join(folder, 'console');
  fs.writeFileSync(consoleFile, said.join('\r\n'));
  return explainKill({ signal: 'SIGSEGV', errors, consoleFile, memoryMiB: 400 });
}

const boot = ['[    0.100000] Booting Linux', '[    1.200000] node (71): no fault at all'];
const segfault = '[   17.2] node[147]: segfault at 8 ip 00000000012 sp 00007ffd error 4 in node';

describe('why a process was killed', () => {
  it('is memory where the kernel had to choose somebody', () => {
    const killed = '[   17.2] Out of memory: Killed process 147 (node) total-vm:1302688kB';
    const { text, isOutOfMemory } = explain([...boot, segfault, killed]);
    expect(isOutOfMemory).toBe(true);
    expect(text).toMatch(/ended by SIGSEGV: the guest ran out of its 400 MiB of memory; give/);
  });

  it('is what the kernel last said of a crash', () => {
    expect(explain([...boot, '[ 2.0] traps: older', segfault])).toEqual({
      text: `was ended by SIGSEGV: ${segfault}`,
      isOutOfMemory: false,
    });
  });

  it('is its own last word where the kernel said nothing', () => {
    expect(explain(boot, 'a warning\nFATAL ERROR: heap\n').text).toMatch(/: FATAL ERROR: heap$/);
    expect(explain([]).text).toBe('was ended by SIGSEGV: it said nothing');
  });
});
