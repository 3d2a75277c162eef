import { describe, expect, it } from 'vitest';
import { refuseUnlessNamed, type FoundContents } from './overwrite-rules.ts';

const uuid = '9f2c41aa-0b0c-4d0e-8f10-111213141516';
const nothing: FoundContents = { partitions: [], signatures: [], journal: undefined };

function refusal(found: Partial<FoundContents>, ...force: string[]): string {
  try {
    refuseUnlessNamed('/dev/x', { ...nothing, ...found }, force);
    return 'admitted';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('what may be overwritten', () => {
  it('is what holds nothing', () => {
    expect(refusal({})).toBe('admitted');
  });

  it('is a file system only by its name, and all of them (@req D6)', () => {
    const found = { signatures: ['ext2, ext3 or ext4 file system', 'wipefs: ext4'] };
    expect(refusal(found)).toContain('carries ext2, ext3 or ext4 file system');
    expect(refusal(found, 'xfs')).toContain('nothing was written');
    expect(refusal(found, 'EXT4')).toBe('admitted');
    const two = { signatures: [...found.signatures, 'XFS file system'] };
    expect(refusal(two, 'ext4')).toContain('carries XFS file system');
    expect(refusal(two, 'ext4', 'xfs')).toBe('admitted');
    expect(refusal(found, 'e')).toContain('nothing was written');
  });

  it('is never a partitioned disk', () => {
    expect(refusal({ partitions: ['partition sda1'] }, 'partition')).toContain('it is partitioned');
  });

  it('is a journal only by its own uuid, or what is left of one by that word', () => {
    expect(refusal({ journal: uuid })).toContain(`--force ${uuid}`);
    expect(refusal({ journal: uuid }, 'journal')).toContain('nothing was written');
    expect(refusal({ journal: uuid }, '9f2c41a')).toContain('nothing was written');
    expect(refusal({ journal: uuid }, '9F2C41AA')).toBe('admitted');
    expect(refusal({ journal: 'journal' })).toContain('what is left of a journal');
    expect(refusal({ journal: 'journal' }, 'journal')).toBe('admitted');
  });
});
