import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'jsonc-parser';
import { asJson, type Json } from './json-values.ts';

const maxServers = 1_000;

/**
 * What the user has set for a CLI, of each file that is there.
 * @param files in JSON, also with comments
 */
export function settingsIn(files: readonly string[]): readonly Json[] {
  return files.flatMap((file) => {
    try {
      return [readSettings(readFileSync(file, 'utf8'))];
    } catch {
      // Missing or not readable: the CLI finds nothing in it either, or says what is wrong itself.
      return [];
    }
  });
}

export function readSettings(text: string): Json {
  return asJson(parse(text, [], { allowTrailingComma: true, allowEmptyContent: true }));
}

/**
 * The MCP servers, for a CLI which can leave them out by name only.
 * @param key the object that holds servers by name
 */
export function serversOf(settings: readonly Json[], key: string): readonly string[] {
  const names = settings.flatMap((given) => Object.keys(asJson(given[key])));
  return [...new Set(names)].slice(0, maxServers);
}

/** Each of these names in the folder and in every folder above it, the topmost first. */
export function upwards(folder: string, names: readonly string[]): readonly string[] {
  const here = names.map((name) => join(folder, name));
  const above = dirname(folder);
  return above === folder ? here : [...upwards(above, names), ...here];
}
