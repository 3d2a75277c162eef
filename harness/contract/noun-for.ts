/** The noun as it stands behind a count: `1 round`, `2 rounds`, `0 rounds`. */
export function nounFor(count: number, singular: string, plural = `${singular}s`): string {
  return count === 1 ? singular : plural;
}
