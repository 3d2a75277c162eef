/**
 * Types of records. Bit 15: a reader that does not know the type must refuse. Bit 14: the payload is
 * encrypted (never written: pages are encrypted whole). The numbers 0x100 to 0x1ff are the engine's own; all others belong
 * to the caller of `append`.
 */
export const requiredBit = 0x8000;
export const encryptedBit = 0x4000;
const numberMask = 0x3fff;

export const recordTypes = {
  blockWrite: 0x8100,
  txnBegin: 0x8101,
  txnBlock: 0x8102,
  txnCommit: 0x8103,
  txnAbort: 0x8104,
  epochStart: 0x8106,
  segmentHeader: 0x8107,
  undo: 0x8108,
  clr: 0x8109,
  mapUpdate: 0x810b,
  consumerMark: 0x810c,
} as const;

export function isCallersType(type: number): boolean {
  const number = type & numberMask;
  return number < 0x100 || number > 0x1ff;
}
