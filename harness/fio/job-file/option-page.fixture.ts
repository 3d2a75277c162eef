import { ignoredOptions, refusedOptions } from './other-options.ts';
import { optionNames, optionOf, readers } from './option-table.ts';

/** The option that each group of the table begins with, and what the group is about. */
const groups: Readonly<Record<string, string>> = {
  name: 'job and files',
  rw: 'pattern',
  ioengine: 'engine and order',
  fsync: 'durability',
  runtime: 'time and rate',
  zero_buffers: 'contents',
  verify: 'verification',
  group_reporting: 'report',
};

/** The tables of docs/fio.md, from the tables that job files are read with. */
export function optionTables(): string {
  return [
    '### Honoured',
    '',
    ...table(['Group', 'Options'], supportedRows()),
    '',
    '### Without effect',
    '',
    'What cannot change which bytes go where, or when they are durable, is named in a warning.',
    '',
    ...table(
      ['Option', 'Why it makes no difference'],
      Object.entries(ignoredOptions).map(([name, why]) => [`\`${name}\``, why]),
    ),
    '',
    '### Refused',
    '',
    'What could change a result is an error, with the line and what to write instead.',
    '',
    ...table(
      ['Option', 'Why', 'Instead'],
      Object.entries(refusedOptions).map(([name, { why, instead }]) => [
        `\`${name}\``,
        why,
        instead,
      ]),
    ),
  ].join('\n');
}

function supportedRows(): readonly (readonly string[])[] {
  const rows: { group: string; options: string[] }[] = [];
  for (const name of Object.keys(readers)) {
    const group = Object.hasOwn(groups, name) ? groups[name] : undefined;
    if (group !== undefined) rows.push({ group, options: [] });
    rows.at(-1)!.options.push(withAliases(name));
  }
  return rows.map(({ group, options }) => [group, options.join(' ')]);
}

function withAliases(name: string): string {
  const others = optionNames.filter((other) => other !== name && optionOf(other) === name);
  return [name, ...others].map((one) => `\`${one}\``).join('=');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
