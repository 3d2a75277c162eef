import { describe, expect, it } from 'vitest';
import { serverArguments, shareScript, type SharedFolder } from './shared-folder.ts';

const root: SharedFolder = { tag: 'root', folder: '/', socket: '/t/v m/socket', isWritable: false };
const run: SharedFolder = { tag: 'shared', folder: '/run 1', socket: '/t/s', isWritable: true };

describe('the server of a shared folder', () => {
  it('sees every mount read-only where the guest must not write', () => {
    const script = shareScript({ program: '/usr/lib/qemu/virtiofsd', kind: 'qemu' }, root);
    expect(script).toContain('remount,bind,ro');
    expect(script).toContain("mount --bind '/t/v m' '/t/v m'");
  });

  it('can write where the guest may', () => {
    const script = shareScript({ program: '/usr/lib/qemu/virtiofsd', kind: 'qemu' }, run);
    expect(script).not.toContain('remount');
    expect(script).toContain("'source=/run 1'");
  });

  it('leaves its lock file where nobody else sees it', () => {
    const script = shareScript({ program: '/usr/lib/qemu/virtiofsd', kind: 'qemu' }, run);
    expect(script).toContain('mount -t tmpfs -o mode=700 powercut /run/virtiofsd');
  });

  it('is given its options in the way that it knows', () => {
    expect(serverArguments('rust', run)).toEqual([
      '--socket-path=/t/s',
      '--shared-dir=/run 1',
      '--sandbox=chroot',
      '--cache=auto',
      '--log-level=error',
    ]);
    expect(serverArguments('qemu', root)).toContain('cache=always');
  });
});
