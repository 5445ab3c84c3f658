import { startOf } from '../../../domain/cut-text.ts';

/** A CLI's record, of which nothing is guaranteed, whatever its documentation says. */
export type Json = Readonly<Record<string, unknown>>;

export function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(asJson) : [];
}

/** Without lone surrogates, which stores and files would replace. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.toWellFormed() : '';
}

/** The most informative argument of a tool: what it runs, reads or asks. */
export function describeInput(input: Json): string {
  for (const key of [
    'command',
    'file_path',
    'filePath',
    'path',
    'pattern',
    'query',
    'url',
    'description',
    'prompt',
  ]) {
    const value = input[key];
    if (typeof value === 'string') return startOf(textOf(value.split('\n', 1)[0]), 200);
  }
  try {
    const text = JSON.stringify(input);
    return text === '{}' ? '' : startOf(text, 200);
  } catch {
    // Too deep to serialize; the tool use itself is still reported.
    return '';
  }
}
