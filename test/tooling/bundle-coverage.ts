import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from '@jridgewell/sourcemap-codec';
import type { BundledLines } from './line-coverage.ts';

/** V8's coverage of a script. Inner ranges come last, and override outer ones. */
export interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/**
 * The lines of the sources that ran in a bundle, by path from the folder above the bundle's.
 * @param scripts one per process: the code of the bundle that it ran
 */
export function linesRun(
  bundle: string,
  map: SourceMap,
  scripts: Iterable<ScriptCoverage>,
): ReadonlyMap<string, BundledLines> {
  const segments = segmentsOf(bundle, map);
  const offsets = Float64Array.from(segments, ({ offset }) => offset);
  const ever = new Uint8Array(segments.length);
  for (const { functions } of scripts) {
    const now = new Uint8Array(segments.length);
    for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
      now.fill(count > 0 ? 1 : 0, firstFrom(offsets, startOffset), firstFrom(offsets, endOffset));
    }
    for (const [index, isRun] of now.entries()) if (isRun === 1) ever[index] = 1;
  }
  const files = new Map<string, { mapped: Set<number>; run: Set<number> }>();
  for (const [index, { source, line }] of segments.entries()) {
    const file = files.get(source) ?? { mapped: new Set(), run: new Set() };
    files.set(source, file);
    file.mapped.add(line);
    if (ever[index] === 1) file.run.add(line);
  }
  return files;
}

/** The coverage of a script in a folder's reports. Skips incomplete reports of killed processes. */
export function* scriptsIn(folder: string, scriptUrl: string): Generator<ScriptCoverage> {
  for (const file of readdirSync(folder)) {
    let report: { readonly result: readonly ScriptCoverage[] };
    try {
      report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    } catch {
      continue;
    }
    yield* report.result.filter(({ url }) => url === scriptUrl);
  }
}

function segmentsOf(bundle: string, { sources, mappings }: SourceMap) {
  const paths = sources.map((source) => source.replace(/^(?:\.\.\/)+/, ''));
  let lineStart = 0;
  const lines = bundle.split('\n').map((text) => {
    const start = lineStart;
    lineStart += text.length + 1;
    return start;
  });
  return decode(mappings).flatMap((segments, generatedLine) =>
    segments.flatMap((segment) => {
      const [column, source, line] = segment;
      const path = source === undefined ? undefined : paths[source];
      if (path === undefined || line === undefined || !path.startsWith('src/')) return [];
      return [{ offset: (lines[generatedLine] ?? 0) + column, source: path, line: line + 1 }];
    }),
  );
}

/** The index of the first offset that is not below the given one; the offsets are ascending. */
function firstFrom(offsets: Float64Array, offset: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] as number) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
