export interface Gate {
  /** From the repository's root, with a slash at the end. */
  folder: string;
  minimumPercent: number;
}

export interface FileCoverage {
  /** From the repository's root, with slashes. */
  path: string;
  lines: number;
  hit: number;
  percent: number;
}

/** Line numbers of a file, from 1. */
export interface BundledLines {
  /** Lines with code in the bundle. */
  readonly mapped: ReadonlySet<number>;
  /** Lines that a process ran in the bundle. */
  readonly run: ReadonlySet<number>;
}

/** The lines of a file that have code or belong to it, in order. */
export interface FileLines {
  readonly path: string;
  readonly lines: readonly { readonly line: number; readonly isHit: boolean }[];
}

/**
 * Reads the lines of an lcov report (records `SF` and `DA`).
 * @param bundled coverage of the bundle, by path: a line counts as run if it ran in either way
 */
export function linesOf(
  lcov: string,
  bundled: ReadonlyMap<string, BundledLines> = new Map(),
): readonly FileLines[] {
  return lcov.split('end_of_record').flatMap((record) => {
    const file = /^SF:(.*)$/m.exec(record)?.[1]?.replaceAll('\\', '/');
    if (file === undefined) return [];
    const inBundle = bundled.get(file);
    // A line without code (a comment, a brace) counts like the one before it.
    let wasRun = false;
    const lines = Array.from(record.matchAll(/^DA:(\d+),(\d+)$/gm), ([, line, count]) => {
      if (inBundle?.mapped.has(Number(line))) wasRun = inBundle.run.has(Number(line));
      return { line: Number(line), isHit: Number(count) > 0 || wasRun };
    });
    return [{ path: file, lines }];
  });
}

/** What two runs have run together. */
export function together(one: readonly FileLines[], other: readonly FileLines[]): readonly FileLines[] {
  const others = new Map(other.map(({ path, lines }) => [path, lines]));
  return one.map(({ path, lines }) => {
    const hit = new Set(others.get(path)?.flatMap(({ line, isHit }) => (isHit ? [line] : [])));
    return { path, lines: lines.map(({ line, isHit }) => ({ line, isHit: isHit || hit.has(line) })) };
  });
}

/** How much of each file was run, sorted by path. */
export function lineCoverage(files: readonly FileLines[]): FileCoverage[] {
  return files
    .map(({ path, lines }) => {
      const hit = lines.filter(({ isHit }) => isHit).length;
      return { path, lines: lines.length, hit, percent: percent(hit, lines.length) };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The gates that are not met, one sentence each. A gate of a folder without measured files is not met. */
export function unmet(gates: readonly Gate[], files: readonly FileCoverage[]): string[] {
  return gates.flatMap(({ folder, minimumPercent }) => {
    const inside = files.filter(({ path }) => path.startsWith(folder));
    if (inside.length === 0) return [`no file of ${folder} was measured.`];
    const lines = sum(inside.map((file) => file.lines));
    const reached = percentOf(folder, files);
    if (reached >= minimumPercent) return [];
    return [
      `${folder} reaches ${reached.toFixed(1)} % of its ${lines} lines; ${minimumPercent} % are required.`,
    ];
  });
}

/** The coverage of all lines of a folder's files together. */
export function percentOf(folder: string, files: readonly FileCoverage[]): number {
  const inside = files.filter(({ path }) => path.startsWith(folder));
  return percent(sum(inside.map((file) => file.hit)), sum(inside.map((file) => file.lines)));
}

const percent = (part: number, whole: number) => (whole === 0 ? 100 : (100 * part) / whole);
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
