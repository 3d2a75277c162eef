import { describe, expect, it } from 'vitest';
import { OverlayDevice } from './overlay-device.ts';
import { emptyTwin, wholeImage } from './tool-site.fixture.ts';

describe('an overlay', () => {
  it('reads what was written to it over what lies below, which stays as it was', async () => {
    const twin = await emptyTwin(512);
    const before = wholeImage(twin);
    const overlay = new OverlayDevice(twin.drive);
    const source = overlay.allocate(1024).fill(7);
    expect(await overlay.write(3, source)).toBe(1024);
    source.fill(9);
    const target = overlay.allocate(2048);
    expect(await overlay.read(2, target)).toBe(2048);
    expect(target.subarray(0, 512)).toEqual(before.subarray(1024, 1536));
    expect(new Set(target.subarray(512, 1536))).toEqual(new Set([7]));
    expect(target.subarray(1536)).toEqual(before.subarray(2560, 3072));
    expect(Buffer.compare(wholeImage(twin), before)).toBe(0);
  });
});
