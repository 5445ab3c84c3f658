import { startOf } from '../../../domain/cut-text.ts';

/** A CLI's records as they come: nothing about them is certain, whatever its documentation says. */
export type Json = Readonly<Record<string, unknown>>;

export function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(asJson) : [];
}

/** Without halves of characters: stores and files would keep something else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.toWellFormed() : '';
}

/** The argument of a tool that tells most: what it runs, reads or asks. */
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
    // Nested deeper than it can be written; that the tool was used is told all the same.
    return '';
  }
}
