import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'jsonc-parser';
import { asJson, type Json } from './json-values.ts';

const maxServers = 1_000;

/**
 * The user's settings of a CLI, from each existing file.
 * @param files JSON, optionally with comments
 */
export function settingsIn(files: readonly string[]): readonly Json[] {
  return files.flatMap((file) => {
    try {
      return [readSettings(readFileSync(file, 'utf8'))];
    } catch {
      // Missing or not readable: the CLI cannot read it either, or reports the problem itself.
      return [];
    }
  });
}

export function readSettings(text: string): Json {
  return asJson(parse(text, [], { allowTrailingComma: true, allowEmptyContent: true }));
}

/**
 * Names of the MCP servers, for a CLI that can only exclude them by name.
 * @param key the key of the object with the servers
 */
export function serversOf(settings: readonly Json[], key: string): readonly string[] {
  const names = settings.flatMap((given) => Object.keys(asJson(given[key])));
  return [...new Set(names)].slice(0, maxServers);
}

/** The paths of these names in the folder and all its parents, the topmost first. */
export function upwards(folder: string, names: readonly string[]): readonly string[] {
  const here = names.map((name) => join(folder, name));
  const above = dirname(folder);
  return above === folder ? here : [...upwards(above, names), ...here];
}
