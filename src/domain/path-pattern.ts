import { MaosError, quote, showPath } from './errors.ts';

const maxPatternLength = 400;

/**
 * The pattern of a path claim. It matches a path and everything below it; `*` matches any characters of a name, `?` a
 * single one, and the name `**` any number of folders. Stored as an absolute path with `/` between names and without
 * `.` and `..`.
 * @param text relative to the root, or absolute below it
 * @param root absolute path of the project's folder
 * @throws MaosError INVALID_INPUT for a path outside the project, and for brace alternatives, which are not supported
 */
export function pathPattern(text: string, root: string): string {
  if (text === '' || text.includes('\0')) throw invalid(`${quote(text)} is not a path.`, text);
  if (/\{[^/{}]*,[^/{}]*\}/.test(text)) {
    throw invalid(`${quote(text)} has alternatives in braces. Name each path by itself.`, text);
  }
  const names: string[] = [];
  for (const name of (text.startsWith('/') ? text : `${root}/${text}`).split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name === '**' ? name : name.replaceAll(/\*+/g, '*'));
  }
  while (names.at(-1) === '**') names.pop();
  const pattern = `/${names.join('/')}`;
  const top = root === '/' ? '' : root;
  if (pattern !== root && !pattern.startsWith(`${top}/`)) {
    throw invalid(
      `${quote(text)} is outside the project ${showPath(root)}: only its paths can be claimed.`,
      text,
    );
  }
  if (pattern.length - root.length > maxPatternLength) {
    throw invalid(
      `${quote(text)} is longer than ${maxPatternLength} characters. Claim a folder above it.`,
      text,
    );
  }
  return pattern;
}

/** Whether {@link pathPattern} takes the text, relative to any root. */
export function isPathPattern(text: string): boolean {
  try {
    pathPattern(text, '/');
    return true;
  } catch {
    // It throws nothing else.
    return false;
  }
}

/** The pattern relative to the root; `.` for the root itself. */
export function patternFrom(root: string, pattern: string): string {
  if (pattern === root) return '.';
  return pattern.startsWith(`${root}/`) ? pattern.slice(root.length + 1) : pattern;
}

/** Whether a path can exist that is, or is below, both patterns. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [namesOf(one), namesOf(other)];
  const known = new Map<number, boolean>();
  const from = (i: number, j: number): boolean => {
    const [left, right] = [a[i], b[j]];
    // A pattern that has ended includes everything below.
    if (left === undefined || right === undefined) return true;
    const key = i * (b.length + 1) + j;
    const found = known.get(key);
    if (found !== undefined) return found;
    const result =
      left === '**' || right === '**'
        ? from(left === '**' ? i + 1 : i, left === '**' ? j : j + 1) ||
          from(left === '**' ? i : i + 1, left === '**' ? j + 1 : j)
        : namesOverlap(left, right) && from(i + 1, j + 1);
    known.set(key, result);
    return result;
  };
  return from(0, 0);
}

/**
 * Whether a path is, or is below, one that the pattern matches. No character of the path has a special meaning.
 * @param path relative to the root that the pattern is absolute below
 */
export function covers(pattern: string, path: string): boolean {
  const [wanted, names] = [namesOf(pattern), namesOf(path)];
  // The positions in the path that the names of the pattern so far can end at.
  let ends = new Set([0]);
  for (const name of wanted) {
    const next = new Set<number>();
    for (const end of ends) {
      if (name === '**') for (let at = end; at <= names.length; at++) next.add(at);
      else if (end < names.length && matchesName(name, names[end] as string)) next.add(end + 1);
    }
    ends = next;
  }
  return ends.size > 0;
}

/** Retries only the last `*`, which suffices, so the time is at most the product of the lengths. */
function matchesName(wanted: string, name: string): boolean {
  const [marks, letters] = [[...wanted], [...name]];
  let [at, star, retry] = [0, -1, 0];
  for (let letter = 0; letter < letters.length; ) {
    if (marks[at] === '*') [star, retry, at] = [at, letter, at + 1];
    else if (marks[at] === '?' || (at < marks.length && marks[at] === letters[letter])) {
      at++;
      letter++;
    } else if (star >= 0) [at, retry, letter] = [star + 1, retry + 1, retry + 1];
    else return false;
  }
  return marks.slice(at).every((mark) => mark === '*');
}

function namesOf(pattern: string): readonly string[] {
  return pattern.split('/').filter((name) => name !== '');
}

/** Whether a name can match both patterns. Dynamic programming over the prefixes of both. */
function namesOverlap(one: string, other: string): boolean {
  const isPlain = (name: string): boolean => !/[*?]/.test(name);
  if (one === '*' || other === '*') return true;
  if (isPlain(one) && isPlain(other)) return one === other;
  const [a, b] = [[...one], [...other]];
  let above: boolean[] = [];
  for (let i = 0; i <= a.length; i++) {
    const row: boolean[] = [];
    for (let j = 0; j <= b.length; j++) {
      const [left, right] = [a[i - 1], b[j - 1]];
      if (i === 0 && j === 0) row.push(true);
      else if (left === '*' && (above[j] || (j > 0 && row[j - 1]))) row.push(true);
      else if (right === '*' && (row[j - 1] || (i > 0 && above[j]))) row.push(true);
      else {
        const isSame = left === right || left === '?' || right === '?';
        row.push(
          left !== undefined &&
            right !== undefined &&
            left !== '*' &&
            right !== '*' &&
            isSame &&
            above[j - 1] === true,
        );
      }
    }
    above = row;
  }
  return above[b.length] === true;
}

function invalid(message: string, value: string): MaosError {
  return new MaosError('INVALID_INPUT', message, { details: { value: value.slice(0, 200) } });
}
