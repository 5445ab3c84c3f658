import { realpathSync, statSync } from 'node:fs';
import { applyEdits, modify } from 'jsonc-parser';
import { unknownSetting } from '../../application/unknown-setting.ts';
import { MaosError } from '../../domain/errors.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { fileMode } from '../files/disk/folders.ts';
import { configPath } from './config.ts';
import { parseConfig, readText } from './config-file.ts';
import { layerOf, wrongValue } from './layer.ts';
import type { Setting } from './setting.ts';
import { settingsByKey } from './settings-table.ts';

/** A settings file. */
export interface ConfigPlace {
  readonly home: string;
  /** The project whose file to change; null: the user's own file. */
  readonly projectHash: string | null;
}

/** A change of one setting in a settings file. */
export interface ConfigEdit extends ConfigPlace {
  readonly key: string;
  /** The value as typed on a command line: JSON or plain text; null: remove the setting from the file. */
  readonly text: string | null;
}

/**
 * Changes one setting in a file and keeps everything else, including comments. Writes the file only if all of its new
 * content is valid. The file's folder must exist.
 * @returns the file, and whether it was changed
 * @throws MaosError INVALID_INPUT (unknown setting, or invalid value), FORBIDDEN (allowed only in the user's own file),
 *   CONFIG_INVALID (the file has another problem), and errors of writing
 */
export async function editConfig({ home, projectHash, key, text }: ConfigEdit): Promise<EditedConfig> {
  const { key: settingKey, setting } = settingFor(key);
  const userFile = configPath(home);
  const file = fileOf({ home, projectHash });
  if (projectHash !== null && setting.userOnly) {
    throw new MaosError(
      'FORBIDDEN',
      `${key} decides which programs run and what they receive, so it is allowed only in your own settings: leave out --project.`,
      { details: { key, file: userFile } },
    );
  }
  const before = readText(file);
  const source = before === undefined || before.trim() === '' ? '{}\n' : before;
  // A file that is not valid JSON cannot be edited.
  parseConfig(file, source);
  const path = key.split('.');
  const value = text === null ? undefined : valueIn(text, key, settingKey, setting);
  const after = applyEdits(source, modify(source, path, value, { formattingOptions: formatOf(source) }));
  if (after === source) return { file, changed: false };
  checkConfig({ home, projectHash }, after);
  await writeConfig(file, before !== undefined, after);
  return { file, changed: true };
}

function fileOf({ home, projectHash }: ConfigPlace): string {
  return projectHash === null ? configPath(home) : configPath(home, projectHash);
}

/** The path and text of a settings file; null: there is none. @throws MaosError CONFIG_INVALID if it cannot be read */
export function openConfig(place: ConfigPlace): { readonly file: string; readonly text: string | null } {
  const file = fileOf(place);
  return { file, text: readText(file) ?? null };
}

/**
 * Replaces a whole settings file, if the new text is valid.
 * @param edited.before what it was when the user began to edit it
 * @throws MaosError CONFIG_INVALID (the text is not valid, or the file has changed since), and errors of writing
 */
export async function replaceConfig(
  edited: ConfigPlace & { readonly before: string | null; readonly text: string },
): Promise<void> {
  const file = fileOf(edited);
  checkConfig(edited, edited.text);
  const present = readText(file) ?? null;
  if (present !== edited.before) {
    throw new MaosError(
      'CONFIG_INVALID',
      `${JSON.stringify(file)} was changed by something else meanwhile, and is kept as it is.`,
      { details: { source: file } },
    );
  }
  await writeConfig(file, present !== null, edited.text);
}

/** @throws MaosError CONFIG_INVALID */
function checkConfig(place: ConfigPlace, text: string): void {
  const file = fileOf(place);
  const { value, positionOf } = parseConfig(file, text);
  layerOf(value, {
    name: JSON.stringify(file),
    mayNamePrograms: place.projectHash === null,
    userFile: configPath(place.home),
    positionOf,
  });
}

async function writeConfig(file: string, exists: boolean, text: string): Promise<void> {
  // Keep a symbolic link, which people use who store their settings elsewhere.
  const target = exists ? realpathSync(file) : file;
  const mode = exists ? statSync(target).mode & 0o777 : fileMode;
  await writeFileAtomic(target, text, { mode });
}

export interface EditedConfig {
  readonly file: string;
  readonly changed: boolean;
}

/** The setting with this key, or the one that has an entry with this key. */
function settingFor(key: string): { readonly key: string; readonly setting: Setting<unknown> } {
  for (const [name, setting] of settingsByKey) {
    if (key === name || (setting.kind.over !== undefined && key.startsWith(`${name}.`))) {
      return { key: name, setting };
    }
  }
  throw unknownSetting(key, [...settingsByKey.keys()]);
}

/** The text itself if the setting accepts it, otherwise its value as JSON. */
function valueIn(text: string, key: string, settingKey: string, { kind }: Setting<unknown>): unknown {
  // For a part of an entry, the check of the whole file follows, because what is valid depends on the entry.
  if (key !== settingKey) return parsed(text);
  const plain = kind.fromText(text);
  if (wrongValue(key, plain) === null) return plain;
  const value = parsed(text);
  const problem = wrongValue(key, value);
  if (problem === null) return value;
  throw new MaosError('INVALID_INPUT', problem, { details: { key, allowed: kind.allowed } });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function formatOf(source: string) {
  const indent = /^[ \t]+/m.exec(source)?.[0] ?? '  ';
  const isTab = indent.startsWith('\t');
  return {
    insertSpaces: !isTab,
    tabSize: isTab ? 1 : indent.length,
    eol: source.includes('\r\n') ? '\r\n' : '\n',
  };
}
