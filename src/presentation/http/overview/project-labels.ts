/** For each path its last folder, preceded by as many of the folders above it as tell it from the other paths. */
export function labelsOf(paths: readonly string[]): readonly string[] {
  const parts = paths.map((path) => path.split(/[/\\]/).filter((part) => part !== ''));
  const labels = [...paths];
  let open = paths.map((_, index) => index);
  for (let count = 1; open.length > 0; count += 1) {
    const ends = parts.map((own) => own.slice(-count).join('/'));
    const seen = new Map<string, number>();
    for (const end of ends) seen.set(end, (seen.get(end) ?? 0) + 1);
    open = open.filter((index) => {
      // All of its folders do not tell it from another path: the path stays.
      if (count >= (parts[index]?.length ?? 0)) return false;
      if ((seen.get(ends[index] ?? '') ?? 0) > 1) return true;
      labels[index] = ends[index] ?? '';
      return false;
    });
  }
  return labels;
}
