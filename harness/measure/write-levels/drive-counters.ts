import { execa } from 'execa';

/**
 * What a drive counted itself since it was made, or why it says nothing. Counted for the whole
 * controller, whoever wrote.
 */
export interface DriveCounters {
  /** Bytes that the host wrote, in whole units of `hostUnitBytes`, rounded up. */
  readonly hostBytes: bigint | DriveSilence;
  /** Bytes programmed to the medium, for the host and for the drive's own ends. */
  readonly mediaBytes: bigint | DriveSilence;
}

/** Why there is no number. It is never 0 instead. */
export interface DriveSilence {
  readonly notReported: string;
}

/** NVMe's data unit: a thousand times 512 bytes (NVM Express base specification, SMART log 02h). */
export const hostUnitBytes = 512_000n;

/** Answers what a tool printed, or why it could not be asked. */
export type AskTool = (args: readonly string[]) => Promise<string | DriveSilence>;

/**
 * Asks an NVMe drive through nvme-cli: data units written of the SMART log, and physical media units
 * written of the OCP log C0h. `disk` is the kernel name of a namespace, `nvme0n1`.
 */
export async function readDriveCounters(
  disk: string,
  ask: AskTool = askNvme,
): Promise<DriveCounters> {
  if (!/^nvme\d+n\d+$/.test(disk)) {
    const silence = { notReported: `${disk} is no NVMe drive` };
    return { hostBytes: silence, mediaBytes: silence };
  }
  const node = `/dev/${disk}`;
  const smart = await ask(['smart-log', node, '--output-format=json']);
  const extended = await ask(['ocp', 'smart-add-log', node, '--output-format=json']);
  return {
    hostBytes: typeof smart === 'string' ? hostBytesOf(smart) : smart,
    mediaBytes: typeof extended === 'string' ? mediaBytesOf(extended) : extended,
  };
}

/** From the JSON of `nvme smart-log`. A drive that does not count says 0. */
export function hostBytesOf(json: string): bigint | DriveSilence {
  const units = wholeNumber(/"data_units_written"\s*:\s*"?(\d+)/.exec(json)?.[1]);
  return units === undefined || units === 0n ? drivesSilence : units * hostUnitBytes;
}

/**
 * From the JSON of `nvme ocp smart-add-log`, whose names changed with its second form. Its halves may
 * be too large for a double, so they are read as text. The unit is bytes.
 */
export function mediaBytesOf(json: string): bigint | DriveSilence {
  const halves = /"physical[ _]media[ _]units[ _]written"\s*:\s*\{([^}]*)\}/i.exec(json)?.[1] ?? '';
  const low = wholeNumber(/"lo"\s*:\s*"?(\d+)/.exec(halves)?.[1]);
  const high = wholeNumber(/"hi"\s*:\s*"?(\d+)/.exec(halves)?.[1]);
  const bytes = low === undefined ? undefined : ((high ?? 0n) << 64n) + low;
  return bytes === undefined || bytes === 0n ? drivesSilence : bytes;
}

const drivesSilence: DriveSilence = { notReported: 'not reported by this drive' };

function wholeNumber(digits: string | undefined): bigint | undefined {
  return digits === undefined ? undefined : BigInt(digits);
}

const program = 'nvme';

async function askNvme(args: readonly string[]): Promise<string | DriveSilence> {
  const answer = await execa(program, args, { reject: false, stdin: 'ignore', timeout: 10_000 });
  if (answer.code === 'ENOENT') {
    return { notReported: 'nvme-cli is not installed, so the drive was not asked' };
  }
  // A drive without that log, and a kernel that does not let us ask, both end here.
  return answer.exitCode === 0 ? answer.stdout : drivesSilence;
}
