export interface Palette {
  readonly paper: string;
  readonly ink: string;
  /** Secondary text. */
  readonly soft: string;
  readonly rule: string;
  /** Good, and the first series. */
  readonly blue: string;
  readonly blueTint: string;
  /** Bad, and the second series: blue and orange stay apart for every kind of colour vision. */
  readonly orange: string;
  readonly orangeTint: string;
  readonly greyTint: string;
}

export const lightPalette: Palette = {
  paper: '#fcfcfb',
  ink: '#1b1f24',
  soft: '#565e6a',
  rule: '#d9dde3',
  blue: '#0b5cad',
  blueTint: '#e6f0fa',
  orange: '#9a4500',
  orangeTint: '#fcebdc',
  greyTint: '#eff1f4',
};

export const darkPalette: Palette = {
  paper: '#15181c',
  ink: '#e3e6ea',
  soft: '#a3acb8',
  rule: '#343b45',
  blue: '#85bdf7',
  blueTint: '#172f48',
  orange: '#f2a860',
  orangeTint: '#42290f',
  greyTint: '#23282f',
};

/** Stacked parts, the same by day and by night. A further part takes the first fill again. */
export const fills = [
  '#9cc7f0',
  '#f3c08f',
  '#d5dae1',
  '#6ea8de',
  '#e0a166',
  '#aeb6c1',
  '#4b8cc9',
  '#c98a45',
  '#8b949f',
] as const;

/** Text on any of the fills. */
export const fillInk = '#14171b';
