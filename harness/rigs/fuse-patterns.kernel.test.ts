import { execa } from 'execa';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { kernelTwinGap } from './fuse.ts';
import {
  TwinForTest,
  ext4Options,
  markOf,
  requestsOf,
  writeFile,
  xfsOptions,
} from './kernel-twin.fixture.ts';

const canRun = kernelTwinGap() === undefined;

describe.runIf(canRun)('what file systems write', () => {
  interface Pattern {
    readonly name: string;
    readonly type: 'ext4' | 'xfs';
    readonly make?: readonly string[];
    readonly options?: string;
    /** Of a new file of 4 KiB and its fsync. */
    readonly created: RegExp;
    /** Of an overwrite of it and its fdatasync. */
    readonly overwritten: RegExp;
  }
  const patterns: readonly Pattern[] = [
    {
      name: 'ext4 data=ordered: data and journal, flush, commit record, flush',
      type: 'ext4',
      created: /^(W\d+ )+F W1 F$/,
      overwritten: /^W1 F$/,
    },
    {
      name: 'ext4 data=journal: every write goes through the journal',
      type: 'ext4',
      options: 'data=journal',
      created: /^(W\d+ )+F W1 F W1 F$/,
      overwritten: /^(W\d+ )+F W1 F( W1 F)?$/,
    },
    {
      name: 'ext4 nobarrier: no flush at all',
      type: 'ext4',
      options: 'nobarrier',
      created: /^(W\d+ ?)+$/,
      overwritten: /^W1$/,
    },
    {
      name: 'ext4 journal_async_commit: one flush',
      type: 'ext4',
      options: 'data=writeback,journal_async_commit',
      created: /^(W\d+ )+F$/,
      overwritten: /^W1 F$/,
    },
    {
      name: 'ext4 fast_commit: a log of its own instead of a transaction',
      type: 'ext4',
      make: ['-O', 'fast_commit'],
      created: /^(W\d+ )+F (W\d+ F)?$/,
      overwritten: /^W1 F$/,
    },
    {
      name: 'XFS: data, flush, log, flush',
      type: 'xfs',
      created: /^W\d+ F W\d+ F$/,
      overwritten: /^W1 F$/,
    },
  ];

  it.each(patterns)('$name', async ({ type, make = [], options, created, overwritten }) => {
    await using test = await TwinForTest.start();
    const standard = type === 'ext4' ? ext4Options : xfsOptions;
    const root = await test.make(type, [...standard, ...make], options);
    const file = path.join(root, 'file');
    // What was made is on the drive, so that only the file itself is seen.
    await execa('sync', ['--file-system', root]);
    await test.twin.mark(1);
    await writeFile(file, 'w', 'sync');
    await test.twin.mark(2);
    await writeFile(file, 'r+', 'datasync');
    await test.twin.mark(3);
    const history = await test.twin.cut();
    const requests = requestsOf(history, markOf(history, 1));
    const at = requests.indexOf('M2');
    expect(requests.slice(0, at).join(' ')).toMatch(created);
    expect(requests.slice(at + 1, requests.indexOf('M3')).join(' ')).toMatch(overwritten);
  });
});
