/**
 * Takes control characters out of text from outside (device models, errors of engines), so that it
 * can neither move the cursor nor hide a line. Line ends become spaces.
 */
export function cleanText(text: string): string {
  return text
    .replace(/\s+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '\u00b7')
    .trim();
}

export function truncate(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Breaks at spaces into lines of at most `width`; a longer word stands on a line of its own. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Wrapped text whose first line starts after `label` and whose others are indented to match. */
export function hang(label: string, text: string, columns: number): string {
  const indent = ' '.repeat(label.length);
  const lines = wrapText(cleanText(text), Math.max(columns - label.length, 20));
  return lines.map((line, index) => `${index === 0 ? label : indent}${line}\n`).join('');
}

const counts = new Intl.NumberFormat('en-US');

export function formatCount(count: number): string {
  return counts.format(count);
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
