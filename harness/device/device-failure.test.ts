import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { deviceErrorOf } from './device-failure.ts';

const { EIO, ENOSPC, EDQUOT, EINVAL, EOPNOTSUPP, ENXIO, EBADF, ETIMEDOUT } = constants.errno;

test.each([
  [EIO, 'EIO'],
  [ENOSPC, 'ENOSPC'],
  [EDQUOT, 'ENOSPC'],
  [EINVAL, 'EINVAL'],
  [EOPNOTSUPP, 'EOPNOTSUPP'],
  [ENXIO, 'EIO'],
  [EBADF, 'EIO'],
  [ETIMEDOUT, 'EIO'],
])('errno %d is %s for an engine', (errno, code) => {
  expect(deviceErrorOf(errno, 'write', 'LBA 7').code).toBe(code);
});

test('the text keeps the name that the kernel gave', () => {
  const error = deviceErrorOf(ENXIO, 'read', '4096 bytes at LBA 7');
  expect(error.message).toBe(
    'read failed with EIO: ENXIO (no such device or address), 4096 bytes at LBA 7',
  );
  expect(error.operation).toBe('read');
});
