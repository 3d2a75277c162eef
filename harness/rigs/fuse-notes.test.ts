import { describe, expect, it } from 'vitest';
import { NoteReceiver, NoteSender, noteKinds, noteRingWords } from './fuse-notes.ts';

function startRing(): readonly [NoteSender, () => string[]] {
  const words = new Uint32Array(noteRingWords);
  const receiver = new NoteReceiver(words);
  const taken = (): string[] => {
    const notes: string[] = [];
    receiver.drain((kind, value) => notes.push(`${kind}:${value}`));
    return notes;
  };
  return [new NoteSender(words), taken];
}

describe('notes to the twin', () => {
  it('come in their order, once', () => {
    const [sender, taken] = startRing();
    expect(taken()).toEqual([]);
    sender.offer(noteKinds.mark, 0);
    sender.offer(noteKinds.op, 2 ** 32 - 1);
    expect(taken()).toEqual(['0:0', '1:4294967295']);
    expect(taken()).toEqual([]);
  });

  it('are refused while the ring is full, and none is lost over many rounds of it', () => {
    const [sender, taken] = startRing();
    const seen: string[] = [];
    for (let value = 0; value < 20_000; value++) {
      if (!sender.offer(noteKinds.mark, value)) {
        seen.push(...taken());
        expect(sender.offer(noteKinds.mark, value)).toBe(true);
      }
    }
    seen.push(...taken());
    expect(seen).toEqual(Array.from({ length: 20_000 }, (_, value) => `0:${value}`));
  });

  it('are words', () => {
    const [sender] = startRing();
    expect(() => sender.offer(noteKinds.mark, 2 ** 32)).toThrow(/word/);
    expect(() => sender.offer(noteKinds.mark, -1)).toThrow(/word/);
  });
});
