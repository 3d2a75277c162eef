import { describe, expect, it } from 'vitest';
import { editDistance, nearestName, suggestion } from './nearest-name.ts';

const known = ['journal', 'bank', 'bit-rot', 'torn-write', 'lost-write'];

describe('nearestName', () => {
  it('finds what a typing mistake most likely meant', () => {
    expect(nearestName('journl', known)).toBe('journal');
    expect(nearestName('bit-rto', known)).toBe('bit-rot');
    expect(nearestName('tron-write', known)).toBe('torn-write');
    expect(nearestName('Journal', known)).toBe('journal');
    expect(nearestName('bnak', known)).toBe('bank');
  });

  it('suggests nothing where nothing is near', () => {
    expect(nearestName('ext4', known)).toBeUndefined();
    expect(suggestion('zfs', known)).toBe('');
    expect(suggestion('anything', [])).toBe('');
  });
});

describe('editDistance', () => {
  it('counts insertions, deletions, substitutions and swaps of neighbours', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('abc', 'abc')).toBe(0);
    expect(editDistance('abc', 'axc')).toBe(1);
    expect(editDistance('abc', 'acb')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });
});
