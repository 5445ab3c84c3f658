import { startOf } from '../../domain/cut-text.ts';
/** The candidate that `text` most likely stands for, by a few slips of the keyboard; null when none is close. */
export function nearest(text: string, candidates: Iterable<string>): string | null {
  // Nothing longer than this is a slip, and the comparison takes time with the square of the length.
  const wanted = startOf(text, 80).toLowerCase();
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance > Math.max(1, Math.floor(candidate.length / 3)) || distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

/** Levenshtein distance: how many characters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
