import { expect, test } from 'vitest';
import { darkPalette, fillInk, fills, lightPalette, type Palette } from './palette.ts';

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(first: string, second: string): number {
  const [dim = 0, bright = 0] = [luminance(first), luminance(second)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const channel = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const textOn: readonly (readonly [keyof Palette, keyof Palette])[] = [
  ['ink', 'paper'],
  ['soft', 'paper'],
  ['blue', 'paper'],
  ['orange', 'paper'],
  ['blue', 'blueTint'],
  ['orange', 'orangeTint'],
  ['ink', 'greyTint'],
  ['soft', 'greyTint'],
];

test.each([
  ['light', lightPalette],
  ['dark', darkPalette],
] as const)('text has a contrast of at least 4.5 in the %s theme', (_, palette) => {
  const weak = textOn.filter(([text, ground]) => contrast(palette[text], palette[ground]) < 4.5);
  expect(weak).toEqual([]);
});

test('text on each part of a stack has a contrast of at least 4.5', () => {
  expect(fills.filter((fill) => contrast(fillInk, fill) < 4.5)).toEqual([]);
});
