import { startOf } from './cut-text.ts';

/** The candidate that `text` most likely means, allowing a few typing errors; null if none is close. */
export function nearest(text: string, candidates: Iterable<string>): string | null {
  // A longer text is not a mistyped name, and the comparison takes quadratic time.
  const wanted = startOf(text, 80).toLowerCase();
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    const most = Math.max(1, Math.floor(candidate.length / 3));
    // Where every letter differs, nothing was mistyped.
    if (distance > most || distance >= candidate.length || distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

/** Number of insertions, deletions, replacements and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? at(beforeLast, j - 2) + 1 : replaced;
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1));
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
