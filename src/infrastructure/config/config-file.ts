import { readFileSync, statSync } from 'node:fs';
import { systemCause, systemCode } from '../../application/system-error.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError } from '../../domain/errors.ts';
import { findJsonError } from './json-position.ts';

/** Far above any settings; keeps a wrong file from being read whole. */
const largestFile = 256 * 1024;

function invalid(path: string, what: string, details: object = {}, cause?: unknown): MaosError {
  return new MaosError('CONFIG_INVALID', `${JSON.stringify(path)} ${what}`, {
    details: { source: path, ...details },
    cause,
  });
}

/**
 * The content of a settings file; undefined when there is none.
 * @throws MaosError CONFIG_INVALID when it cannot be read, is too large, or is no JSON (naming line and column)
 */
export function readConfigFile(path: string): unknown {
  const source = readText(path)?.replace(/^\uFEFF/, '');
  if (source === undefined) return undefined;
  try {
    return JSON.parse(source);
  } catch (error) {
    const { line, column } = findJsonError(source) ?? { line: 1, column: 1 };
    const what = source.trim() === '' ? 'is empty: write {} or remove it' : 'is not valid JSON';
    const why = source.trim() === '' || !(error instanceof Error) ? '' : ` (${firstLine(error.message)})`;
    throw invalid(path, `${what}: line ${line}, column ${column}${why}.`, { line, column }, error);
  }
}

function firstLine(message: string): string {
  return startOf(message.split('\n')[0] as string, 200);
}

function readText(path: string): string | undefined {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw invalid(path, 'is not a file: settings are a JSON file.');
    if (stats.size > largestFile) {
      throw invalid(
        path,
        `has ${stats.size} bytes, and settings at most ${largestFile}: is it the right file?`,
      );
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof MaosError) throw error;
    const system = systemCode(error);
    if (system === 'ENOENT') return undefined;
    const said = error instanceof Error ? error.message : String(error);
    const why = systemCause(error)?.[1] ?? 'make it readable for this user, or remove it';
    throw invalid(path, `cannot be read (${said}): ${why}.`, { system }, error);
  }
}
