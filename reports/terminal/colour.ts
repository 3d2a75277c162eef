import { styleText } from 'node:util';
import type { CellState } from '../../harness/contract/index.ts';

export type ColourChoice = 'auto' | 'always' | 'never';
type Format = Parameters<typeof styleText>[0];

export interface Painter {
  paint(format: Format, text: string): string;
}

/**
 * Colours text, or leaves it as it is. `auto` colours a terminal unless NO_COLOR is set
 * (no-color.org: any value that is not empty).
 */
export function createPainter(choice: ColourChoice, isTerminal: boolean): Painter {
  const refused = (process.env['NO_COLOR'] ?? '') !== '';
  const coloured = choice === 'always' || (choice === 'auto' && isTerminal && !refused);
  return {
    paint: (format, text) => (coloured ? styleText(format, text, { validateStream: false }) : text),
  };
}

/** Blue for good and yellow for bad can be told apart with any kind of colour blindness. */
export const stateFormats: Readonly<Record<CellState, Format>> = {
  pass: 'blue',
  'expected-fail': 'cyan',
  fail: ['yellow', 'bold'],
  'unexpected-pass': ['yellow', 'bold'],
  error: 'magenta',
  inconclusive: 'magenta',
  skip: 'dim',
};
