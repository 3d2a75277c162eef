import type { CompleteEvent, DeviceErrorCode } from '../contract/index.ts';

/** Numbers of the history file (history-file.ts); a change of one is a new version of the format. */
export const eventCodes = {
  mark: 0,
  fault: 1,
  rot: 2,
  submitRead: 3,
  submitFlush: 4,
  submitDiscard: 5,
  submitWrite: 6,
  completeRead: 7,
  completeFlush: 8,
  completeDiscard: 9,
  completeWrite: 10,
  cut: 11,
} as const;

export const answers: readonly ('ok' | DeviceErrorCode)[] = [
  'ok',
  'EIO',
  'ENOSPC',
  'EINVAL',
  'EOPNOTSUPP',
];

export const effects: readonly CompleteEvent['effect'][] = [
  'whole',
  'partial',
  'none',
  'elsewhere',
  'persisted',
  'ignored',
  'dropped',
];
