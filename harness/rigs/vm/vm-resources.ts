/** Told of what is about to be made, so that it can be taken away whatever happens. */
export interface VmResources {
  /** Makes an empty directory that goes away with the run. */
  makeDirectory(name: string): string;
  /** Disposing the answer ends the process, where it has not ended by itself. */
  holdProcess(pid: number): AsyncDisposable;
}
