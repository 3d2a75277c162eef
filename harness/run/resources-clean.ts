import * as fs from 'node:fs';
import * as path from 'node:path';
import { mayBeAlive, type ProcessIdentity } from './resources-process.ts';
import { describeResource, takeAway, type Resource } from './resources-removal.ts';
import { assertOwnRoot, temporaryRoot } from './resources-root.ts';
import type { LedgerLine } from './resources.ts';

export interface CleanReport {
  readonly released: readonly Resource[];
  readonly problems: readonly string[];
  /** Runs that are still alive, and so were left alone. */
  readonly runningOwners: readonly number[];
}

/** Takes away what dead runs left behind. Runs that are still alive are not touched. */
export async function cleanLeftovers(): Promise<CleanReport> {
  const released: Resource[] = [];
  const problems: string[] = [];
  const runningOwners: number[] = [];
  for (const file of resourceFiles()) {
    const { owner, left } = readResourceFile(file);
    if (owner === undefined && isNew(file)) continue;
    if (owner !== undefined && mayBeAlive(owner)) {
      runningOwners.push(owner.pid);
      continue;
    }
    const failed = await takeAwayAll(left, released, problems);
    if (!failed) fs.rmSync(file, { force: true });
  }
  return { released, problems, runningOwners };
}

async function takeAwayAll(
  left: readonly Resource[],
  released: Resource[],
  problems: string[],
): Promise<boolean> {
  let failed = false;
  for (const resource of [...left].reverse()) {
    try {
      await takeAway(resource);
      released.push(resource);
    } catch (error) {
      failed = true;
      problems.push(`${describeResource(resource)}: ${String(error)}`);
    }
  }
  return failed;
}

/** A file without its first line is one that a run is just about to write, unless it has stayed so. */
function isNew(file: string): boolean {
  return Date.now() - fs.statSync(file).mtimeMs < 60_000;
}

function resourceFiles(): string[] {
  if (!fs.existsSync(temporaryRoot())) return [];
  assertOwnRoot(temporaryRoot());
  return fs
    .readdirSync(temporaryRoot())
    .filter((name) => name.endsWith('.resources.jsonl'))
    .map((name) => path.join(temporaryRoot(), name));
}

interface ResourceFile {
  readonly owner: ProcessIdentity | undefined;
  readonly left: readonly Resource[];
}

/** A torn last line is a resource whose making had not begun, so it is left out. */
function readResourceFile(file: string): ResourceFile {
  const [first, ...rest] = fs.readFileSync(file, 'utf8').split('\n');
  const held = new Map<number, Resource>();
  for (const text of rest) {
    const line = parseLine(text) as LedgerLine | undefined;
    if (line === undefined) continue;
    if (line.action === 'add' && line.resource !== undefined) held.set(line.id, line.resource);
    else held.delete(line.id);
  }
  return {
    owner: parseLine(first ?? '') as ProcessIdentity | undefined,
    left: [...held.values()],
  };
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
