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

/** Reads the line counts of an lcov report (records `SF`, `LF`, `LH`), sorted by path. */
export function lineCoverage(lcov: string): FileCoverage[] {
  return lcov
    .split('end_of_record')
    .map(
      (record) =>
        new Map(Array.from(record.matchAll(/^(SF|LF|LH):(.*)$/gm), ([, key, value]) => [key, value])),
    )
    .filter((fields) => fields.has('SF'))
    .map((fields) => {
      const lines = Number(fields.get('LF'));
      const hit = Number(fields.get('LH'));
      const path = String(fields.get('SF')).replaceAll('\\', '/');
      return { path, lines, hit, percent: percent(hit, lines) };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Says which gates are not met, one sentence each. A gate for a folder without any measured file is not met. */
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

/** Of all lines of a folder's files together. */
export function percentOf(folder: string, files: readonly FileCoverage[]): number {
  const inside = files.filter(({ path }) => path.startsWith(folder));
  return percent(sum(inside.map((file) => file.hit)), sum(inside.map((file) => file.lines)));
}

const percent = (part: number, whole: number) => (whole === 0 ? 100 : (100 * part) / whole);
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
