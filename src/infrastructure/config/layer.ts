import type { ParsedText } from '../../application/ports/parsed-text.ts';
import { MaosError } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';
import { isSetting, type SettingGroup } from './setting.ts';
import { settingsByKey, settingsTable } from './settings-table.ts';
import { escaped, shown } from './shown-value.ts';

/** The settings of one source, by key path. */
export type Layer = ReadonlyMap<string, unknown>;

/** The source of a layer, as named in messages: the quoted path of a file, "The variable MAOS_LOG", ... */
export interface LayerSource {
  readonly name: string;
  /** False for a project's file, which may not decide what programs run. */
  readonly mayNamePrograms: boolean;
  /** The user's own file, where a setting that is refused here belongs. */
  readonly userFile: string;
  /** For a file. */
  readonly positionOf?: ParsedText['positionOf'];
}

/** Keys that are not settings yet, but would name programs. */
const programNames = /^(backends\.[^.]+\.(path|args|extraArgs|command|env)|customBackends)(\.|$)/;

/**
 * Validates an object in the shape of config.json, key by key.
 * @throws MaosError CONFIG_INVALID listing everything wrong with it
 */
export function layerOf(content: unknown, source: LayerSource): Layer {
  const values = new Map<string, unknown>();
  const problems: string[] = [];
  collect(content, settingsTable, '', source, values, (path, problem) => {
    const position = source.positionOf?.(path);
    const place = position === undefined ? '' : `line ${position.line}, column ${position.column}: `;
    problems.push(place + problem);
  });
  const [first] = problems;
  if (first === undefined) return values;
  const message =
    problems.length === 1
      ? `${source.name}: ${first}`
      : `${source.name} has ${problems.length} problems:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
  throw new MaosError('CONFIG_INVALID', message, { details: { source: source.name, problems } });
}

function collect(
  content: unknown,
  group: SettingGroup,
  prefix: string,
  source: LayerSource,
  values: Map<string, unknown>,
  report: (path: readonly string[], problem: string) => void,
): void {
  const groups = prefix.split('.').slice(0, -1);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    const subject = prefix === '' ? 'the content' : prefix.slice(0, -1);
    report(
      groups,
      `${subject} is ${shown(content)}; it must be an object with keys such as ${someKeys(group)}.`,
    );
    return;
  }
  for (const [key, value] of Object.entries(content)) {
    // A flag that was not given.
    if (value === undefined) continue;
    const path = prefix + key;
    const node = Object.hasOwn(group, key) ? group[key] : undefined;
    const namesPrograms = node !== undefined && isSetting(node) ? node.userOnly : programNames.test(path);
    if (namesPrograms && !source.mayNamePrograms) {
      report(
        [...groups, key],
        `${path} decides which programs run and what they receive, so it is allowed only in your own settings: move it to ${source.userFile}.`,
      );
    } else if (node === undefined) {
      report([...groups, key], unknownKey(path, group, prefix));
    } else if (!isSetting(node)) {
      collect(value, node, `${path}.`, source, values, report);
    } else {
      const problem = wrongValue(path, value);
      if (problem === null) values.set(path, node.kind.schema.parse(value));
      else report([...groups, key], problem);
    }
  }
}

/** What is wrong with the value of an existing setting; null when it is valid. */
export function wrongValue(path: string, value: unknown): string | null {
  const kind = settingsByKey.get(path)?.kind;
  if (kind === undefined || kind.schema.safeParse(value).success) return null;
  return kind.problem?.(value, path) ?? `${path} is ${shown(value)}; it must be ${kind.allowed}.`;
}

function unknownKey(path: string, group: SettingGroup, prefix: string): string {
  // The key may be misspelt or misplaced: "machine" instead of "maxConcurrentAgents.machine".
  const siblings = Object.keys(group).map((key) => prefix + key);
  const own = path.slice(prefix.length);
  const meant =
    nearest(path, siblings) ??
    [...settingsByKey.keys()].find((key) => key.split('.').at(-1) === own) ??
    nearest(path, settingsByKey.keys());
  const hint = meant === null ? `known keys here: ${someKeys(group)}` : `did you mean ${meant}?`;
  return `${escaped(path)} is not a setting; ${hint}${hint.endsWith('?') ? '' : '.'}`;
}

function someKeys(group: SettingGroup): string {
  return Object.keys(group).join(', ') || '(none)';
}
