import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { encodeArchive } from './cpio.ts';
import { guestCacheFolder, type GuestImage } from './guest-image.ts';
import { bootSettingsScript, probeSign } from './guest-init.ts';
import { startHeld } from './held-process.ts';
import { qemuArguments, qemuProgram, type QemuPlan } from './qemu-arguments.ts';
import type { VmResources } from './vm-resources.ts';

/** How the guest's processors are made: by the processor itself, or by an emulator. */
export interface Accelerator {
  readonly kind: 'kvm' | 'tcg';
  /** Why, for people. */
  readonly reason: string;
}

/** A guest under KVM is there in less than two seconds. */
const probeWithinMs = 8000;

/**
 * KVM where a guest really starts with it: /dev/kvm may be there and be of no use, in a machine that
 * is a guest itself. What was found holds until this machine is started again.
 */
export async function chooseAccelerator(
  image: GuestImage,
  resources: VmResources,
  cacheFolder = guestCacheFolder(),
): Promise<Accelerator> {
  const missing = whyNoKvm();
  if (missing !== undefined) return { kind: 'tcg', reason: missing };
  const file = path.join(cacheFolder, `accelerator-${identityOf(image)}.json`);
  const known = readAnswer(file);
  if (known !== undefined) return known;
  const answer = await probeKvm(image, resources);
  writeAnswer(file, answer);
  return answer;
}

function whyNoKvm(): string | undefined {
  try {
    fs.accessSync('/dev/kvm', fs.constants.R_OK | fs.constants.W_OK);
    return undefined;
  } catch (error) {
    return `/dev/kvm: ${(error as NodeJS.ErrnoException).code ?? 'not usable'}`;
  }
}

/** Of this start of this machine, and of the guest. */
function identityOf({ folder }: GuestImage): string {
  const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return createHash('sha256').update(`${bootId} ${folder}`).digest('hex').slice(0, 16);
}

async function probeKvm(image: GuestImage, resources: VmResources): Promise<Accelerator> {
  const problem = await whyNoGuest('kvm', image, resources);
  if (problem === undefined) return { kind: 'kvm', reason: 'a guest starts with it' };
  return { kind: 'tcg', reason: `KVM does not work here: ${problem}` };
}

/** Starts a guest that ends as soon as it has come up. Undefined where it did. */
export async function whyNoGuest(
  kind: Accelerator['kind'],
  image: GuestImage,
  resources: VmResources,
  withinMs = probeWithinMs,
): Promise<string | undefined> {
  const folder = resources.makeDirectory('probe');
  const consoleFile = path.join(folder, 'console');
  const initramfsFile = path.join(folder, 'initramfs');
  fs.writeFileSync(initramfsFile, probeArchive(image));
  const plan: QemuPlan = {
    accelerator: kind,
    memoryMiB: 256,
    processors: 2,
    kernelFile: image.kernelFile,
    initramfsFile,
    consoleFile,
    drives: [],
    shares: [],
    stewardDescriptor: undefined,
    messagesFile: undefined,
  };
  const machine = startHeld([qemuProgram, ...qemuArguments(plan)], resources);
  const timer = setTimeout(() => machine.child.kill('SIGKILL'), withinMs);
  await machine.ended;
  clearTimeout(timer);
  const said = fs.existsSync(consoleFile) ? fs.readFileSync(consoleFile, 'utf8') : '';
  fs.rmSync(folder, { recursive: true, force: true });
  if (said.includes(probeSign)) return undefined;
  const complaint = machine.errors().split('\n').at(-1) ?? '';
  return complaint === '' ? `no guest came up in ${withinMs / 1000} s` : complaint;
}

function probeArchive(image: GuestImage): Uint8Array {
  const settings = bootSettingsScript({
    steward: [],
    modulesFolder: image.modulesFolder,
    sharedFolder: undefined,
    isProbe: true,
  });
  const own = encodeArchive([
    { kind: 'file', path: 'settings.sh', content: Buffer.from(settings) },
  ]);
  return Buffer.concat([fs.readFileSync(image.initramfsFile), own]);
}

const answerSchema = z.strictObject({ kind: z.enum(['kvm', 'tcg']), reason: z.string() });

function readAnswer(file: string): Accelerator | undefined {
  if (!fs.existsSync(file)) return undefined;
  try {
    return answerSchema.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    // Cut short, or of another version: it is found out anew.
    return undefined;
  }
}

/** Answers of earlier starts of this machine say nothing any more. */
function writeAnswer(file: string, answer: Accelerator): void {
  const folder = path.dirname(file);
  fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(folder)) {
    if (name.startsWith('accelerator-')) fs.rmSync(path.join(folder, name), { force: true });
  }
  fs.writeFileSync(file, JSON.stringify(answer));
}
