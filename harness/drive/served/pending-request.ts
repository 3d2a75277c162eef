import type { DeviceErrorCode, Nanoseconds } from '../../contract/index.ts';

export type StoreAnswer = 'ok' | DeviceErrorCode;

/** A request that was read and is not answered yet. */
export interface PendingRequest {
  /** How long a fault holds the answer back. */
  readonly stallNs: Nanoseconds;
  /** Does what was asked and records it: to be called once, just before the answer is sent. */
  finish(): StoreAnswer;
}

export function answered(answer: StoreAnswer): PendingRequest {
  return { stallNs: 0, finish: () => answer };
}

/** Answers the first failure; what did not fail is done all the same. */
export function allOf(pieces: readonly PendingRequest[]): PendingRequest {
  return {
    stallNs: Math.max(...pieces.map(({ stallNs }) => stallNs)),
    finish: () => {
      const answers = pieces.map((piece) => piece.finish());
      return answers.find((answer) => answer !== 'ok') ?? 'ok';
    },
  };
}
