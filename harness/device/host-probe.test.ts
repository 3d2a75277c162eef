import { expect, test } from 'vitest';
import { probeHost } from './host-probe.ts';

test('every capability says what was found, and what to do where it is missing', async () => {
  const host = probeHost();
  const capabilities = await host.explain();
  expect(capabilities.map((capability) => capability.name)).toEqual([
    'system calls',
    'io_uring',
    'root',
    'loop devices',
    'FUSE',
  ]);
  for (const { available, reason, fix } of capabilities) {
    expect(reason).not.toBe('');
    expect(fix === '').toBe(available);
  }
});

test('the answers of the host are those of its explanation', async () => {
  const host = probeHost();
  const [systemCalls, ioUring, root, loopDevices, fuse] = await host.explain();
  expect(await host.hasSystemCalls()).toBe(systemCalls?.available);
  expect(await host.hasIoUring()).toBe(ioUring?.available);
  expect(host.isRoot).toBe(root?.available);
  expect(await host.hasLoopDevices()).toBe(loopDevices?.available);
  expect(await host.hasFuse()).toBe(fuse?.available);
});
