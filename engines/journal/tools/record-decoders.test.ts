import { describe, expect, it } from 'vitest';
import { recordTypes } from '../format/record-types.ts';
import { payloadFields, recordName } from './record-decoders.ts';

describe('the decoders of records', () => {
  it.each(Object.entries(recordTypes))('know %s', (_, type) => {
    expect(recordName(type)).not.toContain('unknown');
  });

  it('name what is not the engine’s, or not known', () => {
    expect(recordName(0x8001)).toBe("caller's");
    expect(recordName(0x81fe)).toBe('unknown, required');
    expect(recordName(0x01fe)).toBe('unknown, may be passed over');
    expect(payloadFields(0x8001, Uint8Array.of(1, 2))).toEqual({ begins: '0102' });
  });

  it('show a payload that is too short for its type as bytes', () => {
    expect(payloadFields(recordTypes.txnCommit, new Uint8Array(3))).toEqual({ begins: '000000' });
  });
});
