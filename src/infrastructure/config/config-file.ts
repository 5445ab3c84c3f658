import { readFileSync, statSync } from 'node:fs';
import { type ParsedText, TextFormatError } from '../../application/ports/parsed-text.ts';
import { systemCause, systemCode } from '../../application/system-error.ts';
import { MaosError } from '../../domain/errors.ts';
import { parseJson } from '../text-formats/json.ts';

/** Far above any real settings; prevents reading a wrong file completely. */
const largestFile = 256 * 1024;

function invalid(path: string, what: string, details: object = {}, cause?: unknown): MaosError {
  return new MaosError('CONFIG_INVALID', `${JSON.stringify(path)} ${what}`, {
    details: { source: path, ...details },
    cause,
  });
}

/**
 * The content of a settings file: JSON, optionally with comments and trailing commas. Undefined when the file is
 * missing.
 * @throws MaosError CONFIG_INVALID when it cannot be read, is too large or is not such JSON (naming line and column)
 */
export function readConfigFile(path: string): ParsedText | undefined {
  const source = readText(path);
  return source === undefined ? undefined : parseConfig(path, source);
}

/** Parses new content for a settings file. @throws MaosError as {@link readConfigFile} */
export function parseConfig(path: string, text: string): ParsedText {
  const source = text.replace(/^\uFEFF/, '');
  if (source.trim() === '') {
    throw invalid(path, 'is empty: write {} or remove it.', { line: 1, column: 1 });
  }
  try {
    return parseJson(source, { comments: true });
  } catch (error) {
    if (!(error instanceof TextFormatError)) throw error;
    const { line, column } = error.position;
    const what = `is not valid JSON: line ${line}, column ${column}: ${error.message}.`;
    throw invalid(path, what, { line, column }, error);
  }
}

/** The text of a settings file; undefined when it is missing. @throws MaosError as {@link readConfigFile} */
export function readText(path: string): string | undefined {
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
