import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { execa } from 'execa';

/** One line of fio's write_iolog; a sync has no place. */
export interface LoggedOp {
  readonly kind: string;
  readonly file: string;
  readonly byteOffset: number;
  readonly byteCount: number;
}

/**
 * Runs fio 3.33 or later on its null engine, all jobs in one process, and answers what each issued, in
 * its order. Fails where fio is not installed, since then nothing holds the generator to it.
 */
export async function loggedRuns(
  jobs: readonly (readonly string[])[],
): Promise<readonly (readonly LoggedOp[])[]> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fio-log-'));
  try {
    const sections = jobs.map((options, index) =>
      [`[j${index}]`, ...options, `write_iolog=${index}.log`].join('\n'),
    );
    fs.writeFileSync(
      path.join(directory, 'all.fio'),
      ['[global]', 'ioengine=null', ...sections].join('\n'),
    );
    await execa('fio', ['all.fio'], { cwd: directory, stdin: 'ignore' });
    return jobs.map((_, index) =>
      parseLog(fs.readFileSync(path.join(directory, `${index}.log`), 'utf8')),
    );
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** fio's names of syncs in a log, and ours. */
const syncNames: Readonly<Record<string, string>> = { sync: 'fsync', datasync: 'fdatasync' };

function parseLog(text: string): readonly LoggedOp[] {
  const ops: LoggedOp[] = [];
  for (const line of text.split('\n')) {
    const found = /^\d+ (\S+) (read|write|trim|sync|datasync) (\d+) (\d+)$/.exec(line);
    if (found === null) continue;
    const [, file = '', kind = '', offset, count] = found;
    const sync = syncNames[kind];
    ops.push({
      kind: sync ?? kind,
      file,
      byteOffset: sync === undefined ? Number(offset) : 0,
      byteCount: Number(count),
    });
  }
  return ops;
}
