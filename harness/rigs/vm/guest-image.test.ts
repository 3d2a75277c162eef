import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCachedGuest, prepareGuest, type GuestImage } from './guest-image.ts';
import { bootModules } from './guest-modules.ts';
import { installedKernels, type KernelFiles } from './kernel-source.ts';
import { moduleFile } from './module-file.fixture.ts';

let folder: string;
let cacheFolder: string;
let kernel: KernelFiles;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-guest-'));
  cacheFolder = path.join(folder, 'cache');
  kernel = layOut('6.1.0-1-amd64', bootModules);
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A machine with a kernel installed, as far as a guest is built from it. */
function layOut(release: string, modules: readonly string[]): KernelFiles {
  const root = path.join(folder, 'machine');
  const modulesFolder = path.join(root, 'lib/modules', release);
  fs.mkdirSync(path.join(modulesFolder, 'kernel'), { recursive: true });
  fs.mkdirSync(path.join(root, 'boot'), { recursive: true });
  fs.writeFileSync(path.join(root, 'boot', `vmlinuz-${release}`), `kernel ${release}`);
  for (const name of modules) {
    fs.writeFileSync(path.join(modulesFolder, 'kernel', `${name}.ko`), moduleFile(['depends=']));
  }
  const kernelFile = path.join(root, 'boot', `vmlinuz-${release}`);
  return { release, kernelFile, modulesFolder, origin: 'a test' };
}

function prepare(of: KernelFiles = kernel): Promise<GuestImage> {
  const makeDirectory = (name: string): string => fs.mkdtempSync(path.join(folder, `${name}-`));
  return prepareGuest({ resources: { makeDirectory }, cacheFolder, kernel: of });
}

describe('a guest', () => {
  it('is built once and then taken from the cache', async () => {
    const first = await prepare();
    const made = fs.statSync(first.kernelFile).mtimeMs;
    fs.rmSync(path.join(folder, 'machine'), { recursive: true });
    const second = await prepare();
    expect(second).toEqual(first);
    expect(fs.statSync(second.kernelFile).mtimeMs).toBe(made);
  });

  it('has its kernel, its modules and the tables for them', async () => {
    const guest = await prepare();
    expect(guest).toMatchObject({ release: '6.1.0-1-amd64', origin: 'a test' });
    expect(guest.missingModules).toContain('f2fs');
    expect(fs.readFileSync(guest.kernelFile, 'utf8')).toBe('kernel 6.1.0-1-amd64');
    const table = fs.readFileSync(path.join(guest.modulesFolder, 'modules.dep'), 'utf8');
    expect(table).toContain('kernel/nvme.ko:');
  });

  it.each(['initramfs', 'modules/kernel/nvme.ko', 'guest.json'])(
    'is made anew when its %s is damaged',
    async (file) => {
      const { folder: place } = await prepare();
      const whole = fs.readFileSync(path.join(place, file));
      fs.writeFileSync(path.join(place, file), whole.subarray(0, whole.byteLength - 1));
      expect(findCachedGuest(cacheFolder)).toBeUndefined();
      await prepare();
      expect(whole.equals(fs.readFileSync(path.join(place, file)))).toBe(true);
    },
  );

  it('is whole although several runs make it at once', async () => {
    const guests = await Promise.all([prepare(), prepare(), prepare()]);
    expect(new Set(guests.map((guest) => guest.folder)).size).toBe(1);
    expect(fs.readdirSync(cacheFolder)).toHaveLength(1);
  });

  it('of another kernel does not stand in for the one that was asked for', async () => {
    await prepare();
    const other = await prepare(layOut('6.12.0-1-amd64', bootModules));
    expect(other.release).toBe('6.12.0-1-amd64');
    expect(findCachedGuest(cacheFolder)?.release).toBe('6.12.0-1-amd64');
    expect(findCachedGuest(cacheFolder, '6.1.0-1-amd64')?.release).toBe('6.1.0-1-amd64');
  });

  it('that could not start is not built, and the reason names what is missing', async () => {
    const lame = layOut(
      '5.0.0-1-amd64',
      bootModules.filter((name) => name !== 'virtiofs'),
    );
    await expect(prepare(lame)).rejects.toThrow(/Linux 5.0.0-1-amd64 has no virtiofs/);
    expect(findCachedGuest(cacheFolder)).toBeUndefined();
  });

  it('takes a long abandoned build out of the cache', async () => {
    const abandoned = path.join(cacheFolder, 'incoming-1');
    fs.mkdirSync(abandoned, { recursive: true });
    fs.utimesSync(abandoned, 0, 0);
    await prepare();
    expect(fs.existsSync(abandoned)).toBe(false);
  });
});

describe('the kernels of a machine', () => {
  it('are those from which a guest can start, the newest first', () => {
    layOut('6.12.0-1-amd64', bootModules);
    layOut('6.9.0-1-amd64', bootModules);
    layOut('7.0.0-1-amd64', ['nvme']);
    const releases = installedKernels(path.join(folder, 'machine')).map(({ release }) => release);
    expect(releases).toEqual(['6.12.0-1-amd64', '6.9.0-1-amd64', '6.1.0-1-amd64']);
  });
});
