import type { ToolText } from '../contract/index.ts';
import { formatTable } from './text-table.ts';

/** Paragraphs and tables, a blank line between them; an indented table stands under its heading. */
export function formatToolText(text: ToolText): string {
  let formatted = '';
  for (const part of text) {
    const isUnderHeading = typeof part !== 'string' && part[0]?.[0]?.startsWith(' ') === true;
    if (formatted !== '' && !isUnderHeading) formatted += '\n';
    formatted += typeof part === 'string' ? `${part}\n` : formatTable(part);
  }
  return formatted;
}
