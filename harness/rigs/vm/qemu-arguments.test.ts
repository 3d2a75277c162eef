import { describe, expect, it } from 'vitest';
import { modulesFor } from './guest-modules.ts';
import { qemuArguments, serialOf, type GuestDrive, type QemuPlan } from './qemu-arguments.ts';

const drive: GuestDrive = {
  name: 'main',
  source: { kind: 'file', path: '/images/main, the first' },
  cache: 'writeback',
};

const plan: QemuPlan = {
  accelerator: 'tcg',
  memoryMiB: 512,
  processors: 2,
  kernelFile: '/kernel',
  initramfsFile: '/initramfs',
  consoleFile: '/run,1/console',
  drives: [drive],
  shares: [{ tag: 'powercut-root', folder: '/', socket: '/s/socket', isWritable: false }],
  stewardDescriptor: 3,
  messagesFile: '/messages',
};

function valuesOf(option: string, of: Partial<QemuPlan> = {}): readonly string[] {
  const words = qemuArguments({ ...plan, ...of });
  return words.filter((_word, index) => words[index - 1] === option);
}

function blockNodeOf(of: Partial<GuestDrive>): unknown {
  return JSON.parse(valuesOf('-blockdev', { drives: [{ ...drive, ...of }] })[0]!) as unknown;
}

describe('the machine', () => {
  it('has a drive with a volatile cache that the kernel knows by its serial number', () => {
    expect(serialOf(drive)).toBe('powercut-main');
    expect(valuesOf('-device')).toContain(
      'nvme,drive=drive-main,serial=powercut-main,logical_block_size=512,physical_block_size=512,write-cache=on',
    );
    expect(blockNodeOf({})).toMatchObject({
      driver: 'raw',
      file: { driver: 'file', filename: '/images/main, the first' },
    });
  });

  it.each([
    ['writeback', false, false],
    ['none', true, false],
    ['unsafe', false, true],
  ] as const)('says what cache mode %s means at every level', (cache, direct, noFlush) => {
    const expected = { direct, 'no-flush': noFlush };
    expect(blockNodeOf({ cache })).toMatchObject({ cache: expected, file: { cache: expected } });
  });

  it('can log the writes of a drive, in the units of the guest', () => {
    const logged = blockNodeOf({ writeLogFile: '/log', logicalBlockBytes: 4096 });
    expect(logged).toMatchObject({
      driver: 'blklogwrites',
      log: { driver: 'file', filename: '/log' },
      'log-sector-size': 4096,
      'log-super-update-interval': 1,
    });
  });

  it('can have a drive whose blocks another process keeps', () => {
    const source = { kind: 'nbd', socket: '/nbd', exportName: 'twin' } as const;
    expect(blockNodeOf({ source })).toMatchObject({
      file: { driver: 'nbd', server: { type: 'unix', path: '/nbd' }, export: 'twin' },
    });
    // QEMU's NVMe would hand on FUA writes as if they were none.
    expect(valuesOf('-device', { drives: [{ ...drive, source }] })).toContain(
      'virtio-blk-pci,num-queues=1,drive=drive-main,serial=powercut-main,logical_block_size=512,physical_block_size=512,write-cache=on',
    );
    expect(modulesFor([{ ...drive, source }])).toEqual(['virtio_blk']);
    expect(modulesFor([drive])).toEqual([]);
  });

  it('passes discards on to whoever keeps the blocks, and to no file', () => {
    const source = { kind: 'nbd', socket: '/nbd', exportName: 'twin' } as const;
    const passing = { discard: 'unmap', file: { discard: 'unmap' } };
    expect(blockNodeOf({ source })).toMatchObject(passing);
    expect(blockNodeOf({})).toMatchObject({ discard: 'ignore', file: { discard: 'ignore' } });
  });

  it('takes a comma in a path for a part of it', () => {
    expect(valuesOf('-chardev')[0]).toBe('file,id=console,append=on,path=/run,,1/console');
  });

  it('hands messages over in the thread of the guest’s own processor', () => {
    expect(valuesOf('-device')).toContain('virtio-serial-pci,id=ports,ioeventfd=off');
  });

  it('has no port where there is nobody to speak to', () => {
    const devices = valuesOf('-device', { stewardDescriptor: undefined, drives: [], shares: [] });
    expect(devices).toEqual([]);
  });
});
