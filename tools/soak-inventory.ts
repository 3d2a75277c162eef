/**
 * What is on this machine that a run of Powercut may have left there: mounts, loop devices,
 * device-mapper devices, processes, sockets and temporary files. Other runs go on meanwhile, so what
 * is of the runs in question is told by their temporary directory, and by a mark in the environment
 * that every child process inherits.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** What tells the things of some runs from those of others. */
export interface Mark {
  /** Their TMPDIR, without symbolic links: nothing else is below it. */
  readonly directory: string;
  /** `NAME=value` in the environment of their processes. */
  readonly variable: string;
}

/** Each thing in words; the same thing has the same words the next time. */
export function marked(mark: Mark): readonly string[] {
  return everything()
    .filter((thing) => isMarked(thing, mark))
    .map(({ what }) => what)
    .concat(temporaryFiles(mark.directory).map((file) => `file ${file}`));
}

/** Of the whole machine, for when nothing else runs on it. */
export function inventory(mark: Mark): readonly string[] {
  const files = [...temporaryFiles(mark.directory), ...temporaryFiles(os.tmpdir())];
  return [...everything().map(({ what }) => what), ...files.map((file) => `file ${file}`)];
}

interface Thing {
  readonly what: string;
  /** Names of files by which it can be known whose it is. */
  readonly files: readonly string[];
  readonly environment?: readonly string[];
}

function isMarked({ files, environment = [] }: Thing, { directory, variable }: Mark): boolean {
  const isInside = files.some((file) => file.startsWith(`${directory}/`));
  return isInside || environment.includes(variable);
}

function everything(): readonly Thing[] {
  return [
    ...mounts(),
    ...fuseConnections(),
    ...loops(),
    ...mappings(),
    ...processes(),
    ...sockets(),
  ];
}

function mounts(): readonly Thing[] {
  return linesOf('/proc/self/mountinfo').map((line) => {
    // proc_pid_mountinfo(5): field 5 is the place, and the type follows a lone dash.
    const place = line.split(' ')[4]!;
    const type = line.split(' - ')[1]?.split(' ')[0] ?? '';
    return { what: `mount of ${type} on ${place}`, files: [place] };
  });
}

/** Whose they are is not to be seen from outside once their mount is gone. */
function fuseConnections(): readonly Thing[] {
  return namesIn('/sys/fs/fuse/connections').map((name) => ({
    what: `connection ${name} of FUSE`,
    files: [],
  }));
}

function loops(): readonly Thing[] {
  return namesIn('/sys/block').flatMap((name) => {
    const file = textOf(`/sys/block/${name}/loop/backing_file`);
    return file === '' ? [] : [{ what: `loop device ${name} over ${file}`, files: [file] }];
  });
}

/** One is known by the loop devices below it. */
function mappings(): readonly Thing[] {
  return namesIn('/sys/block')
    .filter((name) => name.startsWith('dm-'))
    .map((name) => ({
      what: `device-mapper device ${textOf(`/sys/block/${name}/dm/name`)} (${name})`,
      files: namesIn(`/sys/block/${name}/slaves`).map((below) =>
        textOf(`/sys/block/${below}/loop/backing_file`),
      ),
    }));
}

/** One that is over and only waits for its parent (state Z) holds nothing. */
function processes(): readonly Thing[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => !/^\d+ \(.*\) [ZX]/s.test(textOf(`/proc/${pid}/stat`)))
    .map((pid) => {
      const words = textOf(`/proc/${pid}/cmdline`).split('\0').filter(Boolean);
      const name = words.join(' ').slice(0, 120) || textOf(`/proc/${pid}/comm`);
      return {
        what: `process ${pid}: ${name}`,
        files: words,
        environment: textOf(`/proc/${pid}/environ`).split('\0'),
      };
    });
}

/** Of those with a name; the others are gone with their process. */
function sockets(): readonly Thing[] {
  const names = linesOf('/proc/net/unix')
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/)[7] ?? []);
  return [...new Set(names)].map((name) => ({ what: `socket ${name}`, files: [name] }));
}

/** The folder of runs itself stays, and so does what the loader of TypeScript keeps between starts. */
function temporaryFiles(folder: string): readonly string[] {
  const kept = new Set(['powercut']);
  const isKept = (name: string): boolean => kept.has(name) || name.startsWith('tsx-');
  return [
    ...namesIn(folder).filter((name) => !isKept(name)),
    ...namesIn(path.join(folder, 'powercut')).map((name) => `powercut/${name}`),
  ].map((name) => path.join(folder, name));
}

/** What goes away while it is looked at is not there. */
function namesIn(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function linesOf(file: string): readonly string[] {
  return textOf(file).split('\n').filter(Boolean);
}
