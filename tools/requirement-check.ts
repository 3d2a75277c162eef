/** The numbers of REQUIREMENTS: K the card, A to C the documents behind it, D our own. */
export const requirementNumbers: readonly string[] = Object.entries({
  K: 7,
  A: 7,
  B: 17,
  C: 11,
  D: 6,
}).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
);

/** The numbers that a test cites, as in `@req C3` or `@req D1, D2`. */
export function citedRequirements(source: string): readonly string[] {
  return [...source.matchAll(/@req\s+([A-Z]\d+(?:\s*,\s*[A-Z]\d+)*)/g)].flatMap((match) =>
    match[1]!.split(',').map((number) => number.trim()),
  );
}

/**
 * Every requirement is cited by a test, or listed in docs/requirements.md as deferred with a reason.
 * `cited` is what all tests cite together.
 */
export function requirementProblems(
  document: string,
  cited: ReadonlySet<string>,
): readonly string[] {
  const rows = parseRows(document);
  return [
    ...requirementNumbers.flatMap((number) => problemsOf(number, rows.get(number), cited)),
    ...[...cited]
      .filter((number) => !requirementNumbers.includes(number))
      .map((number) => `a test cites ${number}, which is no requirement`),
  ];
}

function problemsOf(
  number: string,
  state: string | undefined,
  cited: ReadonlySet<string>,
): readonly string[] {
  if (state === undefined) return [`${number} has no row in docs/requirements.md`];
  if (state.startsWith('Deferred')) {
    return /^Deferred \([^)]+\): .{10,}/.test(state)
      ? []
      : [`${number} is deferred without a reason, expected "Deferred (to what): why"`];
  }
  return cited.has(number)
    ? []
    : [`${number} is said to be shown, and no test cites @req ${number}`];
}

/** `| C3 | text | state |` by its number. */
function parseRows(document: string): ReadonlyMap<string, string> {
  const rows = document.matchAll(/^\| ([A-Z]\d+) +\|[^|]*\| *([^|]*?) *\|$/gm);
  return new Map([...rows].map((match) => [match[1]!, match[2]!]));
}
