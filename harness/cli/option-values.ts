import { InvalidArgumentError } from './typed-commander.ts';

/** Parsers of option values: commander names the option, they say what was expected. */
export function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least}`);
  };
}

/** For an option that may be given more than once. */
export function collect(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), text];
}

/** The same, with several values between commas. */
export function collectNames(
  text: string,
  previous: readonly string[] | undefined,
): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('expected names between commas');
  return [...(previous ?? []), ...names];
}
