/** Every set of the numbers from 0 to `count` - 1. */
export function subsetsOf(count: number): readonly (readonly number[])[] {
  return Array.from({ length: 2 ** count }, (_, bits) =>
    Array.from({ length: count }, (_unused, index) => index).filter((index) => (bits >> index) & 1),
  );
}
