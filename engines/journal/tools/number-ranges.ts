/** `0-3, 5` for 0, 1, 2, 3, 5; the numbers ascend. */
export function formatRanges(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let start = 0, index = 1; index <= numbers.length; index++) {
    if (index < numbers.length && numbers[index] === numbers[index - 1]! + 1) continue;
    const [first, last] = [numbers[start]!, numbers[index - 1]!];
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
    start = index;
  }
  return ranges.join(', ');
}

/** `page 7`, `pages 7-9`: a word with the numbers that it counts. */
export function named(word: string, numbers: readonly number[]): string {
  return `${word}${numbers.length === 1 ? '' : 's'} ${formatRanges(numbers)}`;
}
