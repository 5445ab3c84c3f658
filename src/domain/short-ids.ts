/** So many characters at least, so that a short id stays unique while few ids are added. */
const least = 6;

/**
 * The shortest suffix of each id, of six characters or more, that no other of the ids ends with.
 * @param ids all ids among which a reference is looked up, such as those of a project's sessions
 * @returns the suffixes by id
 */
export function shortIds(ids: Iterable<string>): ReadonlyMap<string, string> {
  // Sorted from the end, ids with the longest common suffix are neighbours.
  const sorted = [...new Set(ids)].map((id) => ({ id, reversed: [...id].reverse().join('') }));
  sorted.sort((a, b) => (a.reversed < b.reversed ? -1 : 1));
  return new Map(
    sorted.map(({ id, reversed }, index) => {
      const shared = Math.max(
        sharedStart(reversed, sorted[index - 1]?.reversed),
        sharedStart(reversed, sorted[index + 1]?.reversed),
      );
      return [id, id.slice(-Math.max(least, shared + 1))];
    }),
  );
}

/** The shortest suffix of an id, of six characters or more, that is unique by the given look-up. */
export function leastSuffix(id: string, isUnique: (suffix: string) => boolean): string {
  for (let length = least; length < id.length; length += 1) {
    const suffix = id.slice(-length);
    if (isUnique(suffix)) return suffix;
  }
  return id;
}

function sharedStart(text: string, other = ''): number {
  let length = 0;
  while (length < text.length && text[length] === other[length]) length += 1;
  return length;
}
