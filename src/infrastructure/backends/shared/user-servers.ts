import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ParseError, parse } from 'jsonc-parser';
import { asJson } from './json-values.ts';

const maxServers = 1_000;

/**
 * The MCP servers that the user has set up for a CLI which can leave them out by name only.
 * @param files its settings in JSON, also with comments; those that are not there count for nothing
 * @param key the object that holds servers by name
 */
export function serversIn(files: readonly string[], key: string): readonly string[] {
  const names = files.flatMap((file) => Object.keys(asJson(asJson(settingsIn(file))[key])));
  return [...new Set(names)].slice(0, maxServers);
}

/** Each of these names in the folder and in every folder above it. */
export function upwards(folder: string, names: readonly string[]): readonly string[] {
  const here = names.map((name) => join(folder, name));
  const above = dirname(folder);
  return above === folder ? here : [...upwards(above, names), ...here];
}

function settingsIn(file: string): unknown {
  try {
    const errors: ParseError[] = [];
    return parse(readFileSync(file, 'utf8'), errors, { allowTrailingComma: true });
  } catch {
    // Missing or not readable: the CLI reads no servers in it either, or says what is wrong itself.
    return null;
  }
}
