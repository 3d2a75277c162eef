/** What can be known of this machine before anything is tried on it. Each probe is cheap and safe. */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly kernelRelease: string;
  readonly isRoot: boolean;
  hasSystemCalls(): Promise<boolean>;
  hasIoUring(): Promise<boolean>;
  hasLoopDevices(): Promise<boolean>;
  hasFuse(): Promise<boolean>;
}
