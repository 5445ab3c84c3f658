import { readFileSync } from 'node:fs';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { schemaFile } from '../tooling/cli-documents.ts';
import { commandOf } from './command-lines.ts';

type Json = Readonly<Record<string, unknown>>;

/** The schemas of docs/cli.schema.json, with a validator that is independent of the one that wrote it. */
class CliSchemas {
  readonly #ajv = new AjvJsonSchemaValidator();
  readonly #definitions: Readonly<Record<string, Json>> = JSON.parse(readFileSync(schemaFile, 'utf8')).$defs;

  /** The name of the schema for what these words print: the longest that they contain. */
  of(words: readonly string[]): string | null {
    const called = [commandOf(words).name, ...words.slice(1)];
    const fitting = Object.keys(this.#definitions).filter((name) => {
      const [command, ...more] = name.split(' ');
      return command === called[0] && more.every((word) => called.includes(word));
    });
    return fitting.toSorted((a, b) => b.length - a.length)[0] ?? null;
  }

  /** @returns what is wrong with the document, or null */
  fault(name: string, document: unknown): string | null {
    const schema = { ...this.#definitions[name], $defs: this.#definitions };
    const { valid, errorMessage } = this.#ajv.getValidator(schema)(document);
    return valid ? null : `${name}: ${errorMessage} in ${JSON.stringify(document).slice(0, 2_000)}`;
  }
}

export const cliSchemas = new CliSchemas();

/** The documents on stdout: one over several lines, or one a line. */
export function documentsIn(stdout: string): readonly unknown[] {
  try {
    return [JSON.parse(stdout)];
  } catch {
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }
}

/** Keys that are not MAOS's own: settings, and names of capabilities, roles and the like. */
const foreign = new Set(['value', 'aliases', 'env']);

/** Paths of keys that are not in snake_case, and not the older spelling beside one that is. */
export function oddKeys(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((element) => oddKeys(element, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const snake = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isOdd = snake !== key && !Object.hasOwn(value, snake);
    return [
      ...(isOdd ? [`${path}.${key}`] : []),
      ...(foreign.has(key) ? [] : oddKeys(field, `${path}.${key}`)),
    ];
  });
}
