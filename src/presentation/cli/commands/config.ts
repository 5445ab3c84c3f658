import type { SettingReport, SettingScope } from '../../../application/runtime.ts';
import { unknownSetting } from '../../../application/unknown-setting.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { isMaosError, MaosError, quote } from '../../../domain/errors.ts';
import { showControls } from '../../../domain/invisible-marks.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { editSettings } from '../config/edit-settings.ts';
import { homePath } from '../render/home-path.ts';
import { renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';

/** Maximum width of a value in the list; `get` shows all of it. */
const maxShown = 60;
/** The width of the names of settings and of where a value comes from, which matter more than the end of a value. */
const besideValues = 56;

export const configCommand: CliCommand = {
  name: 'config',
  summary: 'Show and change settings',
  details: [
    'Without an action, lists every setting, its value and where it comes from: a default, a file, a variable or a flag.',
    'set writes your own settings (MAOS_HOME/config.json, by default ~/.maos/config.json), or with --project those of one project. The rest of the file, comments included, stays unchanged, and nothing is written unless the whole file is valid.',
    'edit opens a copy in $VISUAL or $EDITOR, and replaces the file when the copy is valid. An invalid copy is kept, and the next edit continues with it.',
    'A value is text, a number, true, false, none, or JSON for lists and objects.',
  ].join('\n\n'),
  arguments: [
    {
      syntax: '[action]',
      description: 'list, get, set, unset, edit or path (default: list)',
      choices: ['list', 'get', 'set', 'unset', 'edit', 'path'],
    },
    { syntax: '[key]', description: 'the setting, such as limits.stallMinutes' },
    { syntax: '[value]', description: 'its new value' },
  ],
  options: [],
  examples: [
    { line: 'maos config', says: 'every setting in force here' },
    { line: 'maos config set limits.stallMinutes 45', says: 'for all your projects' },
    { line: 'maos config edit --project', says: 'the settings of this project, in your editor' },
  ],
  pages: ({ args: [action = 'list'] }) => (action === 'list' ? 'text' : null),
  takesBareProject: true,
  async run(context) {
    const [action = 'list', key, value] = context.args;
    const given = context.args.length;
    if (action === 'list' && given <= 1) return list(context);
    if (action === 'path' && given === 1) return path(context);
    if (action === 'edit' && given === 1) return edit(context);
    if (action === 'get' && key !== undefined && given === 2) return get(context, key);
    if (action === 'set' && key !== undefined && value !== undefined) return change(context, key, value);
    if (action === 'unset' && key !== undefined && given === 2) return change(context, key, null);
    const usage = usages[action];
    throw new MaosError(
      'INVALID_INPUT',
      usage === undefined
        ? `Unknown action ${quote(action)}. Use list, get, set, unset, edit or path.`
        : `Use 'maos config ${usage}', not ${quote(context.args.join(' '))}.`,
      { details: { command: 'config' } },
    );
  },
};

const usages: Readonly<Record<string, string>> = {
  list: 'list',
  path: 'path',
  edit: 'edit',
  get: 'get KEY',
  set: 'set KEY VALUE',
  unset: 'unset KEY',
};

async function list(context: CommandContext): Promise<number> {
  const { terminal, json, projectPath } = context;
  const { settings, warnings } = await context.runtime().settings(projectPath);
  if (json) {
    terminal.document({ settings, warnings });
    return exitStatus.done;
  }
  const rows = settings.map(({ key, value, origin }) => [
    key,
    shorten(shownValue(value), Math.max(18, Math.min(maxShown, terminal.canvas.width - besideValues))),
    { text: placeOf(origin, context), ...(origin === 'default' ? { format: 'dim' as const } : {}) },
  ]);
  const columns = [{ title: 'SETTING', whole: true }, { title: 'VALUE' }, { title: 'FROM', rank: 1 }];
  for (const line of renderTable(columns, rows, terminal.canvas)) terminal.line(line);
  for (const warning of warnings) terminal.notice(warning);
  return exitStatus.done;
}

async function path(context: CommandContext): Promise<number> {
  const { terminal, json, projectPath } = context;
  const file = await context.runtime().settingsFile(projectPath, scopeOf(context));
  if (json) terminal.document({ path: file });
  else terminal.line(file);
  return exitStatus.done;
}

async function get(context: CommandContext, key: string): Promise<number> {
  const { terminal, json, projectPath } = context;
  const { settings } = await context.runtime().settings(projectPath);
  const found = settings.find((one) => one.key === key);
  if (found === undefined) {
    throw unknownSetting(
      key,
      settings.map((one) => one.key),
    );
  }
  if (json) terminal.document(found);
  // Nothing else on stdout, for scripts.
  else terminal.line(typeof found.value === 'string' ? found.value : JSON.stringify(found.value));
  return exitStatus.done;
}

async function change(context: CommandContext, key: string, text: string | null): Promise<number> {
  const { terminal, json, projectPath } = context;
  const runtime = context.runtime();
  const { file, changed } = await runtime.changeSetting(projectPath, scopeOf(context), { key, text });
  const inForce = await settingInForce(context, key);
  if (json) {
    terminal.document({ key, path: file, changed, in_force: inForce });
    return exitStatus.done;
  }
  const place = placeOf(file, context);
  const done = text === null ? 'Removed from' : 'Set in';
  terminal.line(
    changed ? `${done} ${place}: ${key}.` : `Nothing was changed: ${place} already has it this way.`,
  );
  if (inForce === null) return exitStatus.done;
  const { value, origin } = inForce;
  const isOverridden = text !== null && origin !== file;
  const from = isOverridden
    ? `, because ${placeOf(origin, context)} overrides it`
    : ` (${placeOf(origin, context)})`;
  terminal.line(`In force here: ${shownValue(value)}${from}`);
  return exitStatus.done;
}

async function edit(context: CommandContext): Promise<number> {
  const { terminal, json } = context;
  const { file, changed } = await editSettings(context, scopeOf(context));
  if (json) terminal.document({ path: file, changed });
  else terminal.line(changed ? `Changed: ${placeOf(file, context)}` : 'Nothing was changed.');
  return exitStatus.done;
}

/** Null if another file is invalid, which 'maos doctor' explains. */
async function settingInForce(context: CommandContext, key: string): Promise<SettingReport | null> {
  try {
    const { settings } = await context.runtime().settings(context.projectPath);
    return settings.find((one) => key === one.key || key.startsWith(`${one.key}.`)) ?? null;
  } catch (error) {
    if (!isMaosError(error)) throw error;
    context.terminal.notice(error.message);
    return null;
  }
}

function scopeOf({ projectGiven }: CommandContext): SettingScope {
  return projectGiven ? 'project' : 'user';
}

function shownValue(value: unknown): string {
  return showControls(JSON.stringify(value));
}

function placeOf(origin: string, { env }: CommandContext): string {
  return homePath(origin, env.HOME);
}
