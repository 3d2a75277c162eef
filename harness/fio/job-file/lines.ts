import type { Place, ProblemList } from './problem.ts';

/** `key=value`, or a bare `key`, as it stands in a section. */
export interface OptionLine extends Place {
  readonly name: string;
  /** Undefined for a bare option. */
  readonly value: string | undefined;
}

export interface Section extends Place {
  readonly name: string;
  readonly options: readonly OptionLine[];
}

/** Finds the text of an included file, or undefined where there is none. */
export type IncludeReader = (name: string, includedFrom: string) => string | undefined;

const includeDepthMax = 8;

interface Splitting {
  readonly problems: ProblemList;
  readonly readInclude: IncludeReader;
}

/**
 * Splits a job file into sections, as fio does: a comment begins with `;` or `#` anywhere in a line,
 * blanks around a line do not count, and `include FILE` puts the options of a file there.
 */
export function splitSections(
  text: string,
  file: string,
  splitting: Splitting,
): readonly Section[] {
  const { problems } = splitting;
  const sections: { name: string; file: string; line: number; options: OptionLine[] }[] = [];
  for (const { content, line, raw } of contentLines(text, file, problems)) {
    const place = { file, line };
    if (content.startsWith('[')) {
      sections.push({ name: sectionName(content, place, problems), ...place, options: [] });
      continue;
    }
    const section = sections.at(-1);
    if (section === undefined) {
      problems.error(
        place,
        `"${raw}" stands before any section`,
        'begin with [global] or [a name]',
      );
      continue;
    }
    section.options.push(...optionsOf(content, place, splitting, 0));
  }
  return sections;
}

/** Lines without comments and outer blanks; empty ones left out. */
function* contentLines(
  text: string,
  file: string,
  problems: ProblemList,
): Generator<{ readonly content: string; readonly line: number; readonly raw: string }> {
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const comment = raw.search(/[;#]/);
    const content = (comment === -1 ? raw : raw.slice(0, comment)).trim();
    const line = index + 1;
    if (comment > 0 && content !== '' && /\S/.test(raw[comment - 1]!)) {
      problems.warning(
        { file, line },
        `everything from "${raw.slice(comment)}" on is taken for a comment, as fio takes it`,
        `put a blank before the comment, or use a value without "${raw[comment]!}"`,
      );
    }
    if (content !== '') yield { content, line, raw: raw.trim() };
  }
}

function sectionName(content: string, place: Place, problems: ProblemList): string {
  const name = /^\[(.*)\]$/.exec(content)?.[1];
  if (name === undefined) {
    problems.error(place, `"${content}" is no section`, 'write [name] with nothing behind it');
    return content;
  }
  if (name.trim() === '') problems.error(place, 'the section has no name', 'name it: [randwrite]');
  return name;
}

function optionsOf(
  content: string,
  place: Place,
  splitting: Splitting,
  depth: number,
): readonly OptionLine[] {
  const included = /^include\s+(.+)$/.exec(content)?.[1];
  if (included !== undefined) return includedOptions(included, place, splitting, depth);
  const equals = content.indexOf('=');
  if (equals === -1) return [{ ...place, name: content, value: undefined }];
  const name = content.slice(0, equals).trimEnd();
  const value = content.slice(equals + 1);
  if (/^\s/.test(value)) {
    splitting.problems.error(
      place,
      'a blank follows the "=", which fio takes for a part of the value',
      `write ${name}=${value.trim()}`,
      name,
    );
  }
  return [{ ...place, name, value: value.trim() }];
}

function includedOptions(
  name: string,
  place: Place,
  splitting: Splitting,
  depth: number,
): readonly OptionLine[] {
  const { problems, readInclude } = splitting;
  const text = depth < includeDepthMax ? readInclude(name, place.file) : undefined;
  if (text === undefined) {
    const why =
      depth < includeDepthMax
        ? `"${name}" cannot be read`
        : `"${name}" is included ${includeDepthMax} deep, so it most likely includes itself`;
    problems.error(
      place,
      why,
      'check the path: it is taken from where the job file lies',
      'include',
    );
    return [];
  }
  return [...contentLines(text, name, problems)].flatMap(({ content, line }) => {
    const inner = { file: name, line };
    if (!content.startsWith('[')) return optionsOf(content, inner, splitting, depth + 1);
    problems.error(
      inner,
      'an included file must not have sections',
      'keep only its options',
      'include',
    );
    return [];
  });
}
