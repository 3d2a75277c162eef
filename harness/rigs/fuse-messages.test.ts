import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { FrameReader, frameOf, jsonFrameOf, jsonOf } from './fuse-messages.ts';

it.each([1, 2, 3, 4, 5, 6, 7, 11, 64, 1000])(
  'frames come out whole however the stream is cut: in pieces of %d bytes',
  (pieceBytes) => {
    const bodies = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(300, 7), Buffer.alloc(0)];
    const stream = Buffer.concat(bodies.map((body, place) => frameOf(place + 1, body)));
    const reader = new FrameReader();
    const found: { kind: number; body: string }[] = [];
    for (let at = 0; at < stream.length; at += pieceBytes) {
      for (const { kind, body } of reader.take(stream.subarray(at, at + pieceBytes))) {
        found.push({ kind, body: body.toString('hex') });
      }
    }
    expect(found).toEqual(
      bodies.map((body, place) => ({ kind: place + 1, body: body.toString('hex') })),
    );
  },
);

it('a frame carries plain data', () => {
  const [frame] = [...new FrameReader().take(jsonFrameOf(3, { seed: 4 }))];
  expect(jsonOf(frame!)).toEqual({ seed: 4 });
});
