import { expect, test } from 'vitest';
import { describeErrno, errnoName, systemCallError } from './system-call-error.ts';

test('an errno has the name that programs use', () => {
  expect([1, 11, 16, 95, 122].map(errnoName)).toEqual([
    'EPERM',
    'EAGAIN',
    'EBUSY',
    'EOPNOTSUPP',
    'EDQUOT',
  ]);
  expect(errnoName(999)).toBe('errno 999');
});

test('a failure names the call, the errno, its meaning and what to do', () => {
  const error = systemCallError('io_uring_setup', 1, 'ask the owner of the machine');
  expect(error.code).toBe('SYSTEM_CALL_FAILED');
  expect(error.message).toBe(
    'io_uring_setup failed: EPERM (operation not permitted): ask the owner of the machine',
  );
  expect(describeErrno(999)).toBe('errno 999');
});
