/**
 * What a run has made on the machine and must take away again. Every resource is written to a file
 * before it comes to be, so that `powercut clean` can take it away even after SIGKILL. Released in
 * reverse order. A resource is only ever named by something that this run chose itself (a directory
 * under its own temporary root, a backing file in it, a child process with its start time), so that
 * cleaning up cannot touch anything else.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { identityOf } from './resources-process.ts';
import { takeAway, type Resource } from './resources-removal.ts';
import { makeTemporaryRoot, temporaryRoot } from './resources-root.ts';

/** Of the file: after the owner's identity, what was about to be made and what is gone again. */
export interface LedgerLine {
  readonly action: 'add' | 'release';
  readonly id: number;
  readonly resource?: Resource;
}

export interface HeldResource extends AsyncDisposable {
  readonly resource: Resource;
}

export class ResourceLedger implements AsyncDisposable {
  readonly #file: string;
  readonly #held = new Map<number, Resource>();
  #nextId = 1;

  private constructor(file: string) {
    this.#file = file;
  }

  static open(): ResourceLedger {
    makeTemporaryRoot();
    const file = path.join(temporaryRoot(), `${randomUUID()}.resources.jsonl`);
    const owner = identityOf(process.pid);
    fs.writeFileSync(file, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
    return new ResourceLedger(file);
  }

  /** Makes an empty directory that goes away with the run. */
  makeDirectory(name: string): string {
    const directory = path.join(temporaryRoot(), `${name}-${randomUUID()}`);
    this.hold({ kind: 'directory', path: directory });
    fs.mkdirSync(directory, { mode: 0o700 });
    return directory;
  }

  /** Must be called before the resource is made; disposing the answer takes it away. */
  hold(resource: Resource): HeldResource {
    const id = this.#nextId++;
    this.#append({ action: 'add', id, resource });
    this.#held.set(id, resource);
    return { resource, [Symbol.asyncDispose]: () => this.#release(id) };
  }

  holdMount(directory: string): HeldResource {
    return this.hold({ kind: 'mount', path: directory });
  }

  /** All loop devices over the file; the kernel chooses their names. */
  holdLoop(backingFile: string): HeldResource {
    return this.hold({ kind: 'loop', backingFile });
  }

  /** A device-mapper device, by its name. */
  holdMapping(name: string): HeldResource {
    return this.hold({ kind: 'device-mapper', name });
  }

  holdProcess(pid: number): HeldResource {
    return this.hold({ kind: 'process', ...identityOf(pid) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const problems: unknown[] = [];
    for (const id of [...this.#held.keys()].reverse()) {
      try {
        await this.#release(id);
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0)
      throw new AggregateError(problems, 'could not take away all resources');
    fs.rmSync(this.#file, { force: true });
  }

  async #release(id: number): Promise<void> {
    const resource = this.#held.get(id);
    if (resource === undefined) return;
    await takeAway(resource);
    this.#held.delete(id);
    this.#append({ action: 'release', id });
  }

  #append(line: LedgerLine): void {
    fs.appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}
