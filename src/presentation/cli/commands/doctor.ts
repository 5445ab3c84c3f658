import type { BackendProbe } from '../../../application/ports/backend.ts';
import { catalogueOf } from '../../../application/roles/role-catalogue.ts';
import type { Runtime, SettingReport } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError } from '../../../domain/errors.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { withSnakeCase } from '../../contracts/snake-case.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import type { Check } from '../facts/check.ts';
import { checkGit } from '../facts/git-checks.ts';
import { checkHosts } from '../facts/host-checks.ts';
import { checkMachine } from '../facts/machine-checks.ts';
import { checkNotifications, testNotifications } from '../facts/notification-checks.ts';
import { homePaths } from '../render/home-path.ts';
import { knownDesktopSequence, noticeSequence } from '../render/terminal-notification.ts';
import { padEnd } from '../render/text-width.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { checkHome } from '../shell/home-check.ts';
import type { Canvas, Format } from '../shell/terminal.ts';
import { wrap } from '../watch/styled-text.ts';

export const doctorCommand: CliCommand = {
  name: 'doctor',
  summary: 'Check Node, folders, databases, settings, git, backends and processes',
  details: 'Exit status: 0 ready, 1 something must be fixed.',
  arguments: [],
  options: [
    {
      flags: '--notify',
      description: 'also send a test notification in every way that is set',
      kind: 'flag',
    },
  ],
  examples: [
    { line: 'maos doctor', says: 'problems, and how to fix them' },
    { line: 'maos doctor --notify', says: 'see whether notifications arrive' },
  ],
  async run(context) {
    const { terminal, json, projectPath } = context;
    const runtime = context.runtime();
    const settings = await settingsOf(runtime, projectPath);
    const backends = settings.check.state === 'problem' ? [] : await runtime.probeBackends();
    const store = await checkStore(runtime, projectPath);
    // Problems of this project or of the settings would otherwise appear twice.
    const said = [store.fix, settings.check.fix];
    const machine = await checkMachine(runtime);
    const checks = [
      { name: 'maos', state: 'ok', detail: runtime.version, fix: null } as const,
      checkNode(),
      await checkHome(runtime.home),
      store,
      settings.check,
      ...settings.warnings.map(warningCheck),
      ...(await checkRoles(runtime, projectPath)),
      ...checkGit(await runtime.checkGit(projectPath)),
      ...checkBackends(backends, settings.defaultBackend),
      ...(settings.check.state === 'problem' ? [] : await notificationChecks(context)),
      ...(settings.changed.some(({ key }) => key === 'remote.url') ? await checkHosts(runtime) : []),
      ...machine.filter(({ state, fix }) => state !== 'problem' || !said.includes(fix)),
    ];
    const usable = checks.every(({ state }) => state !== 'problem');
    if (json) {
      const { changed } = settings;
      terminal.document({
        usable,
        version: runtime.version,
        home: runtime.home,
        checks,
        settings: changed,
        backends: withSnakeCase(backends),
      });
    } else {
      for (const line of renderChecks(checks, settings.changed, context)) terminal.line(line);
    }
    return usable ? exitStatus.done : exitStatus.failed;
  },
};

async function notificationChecks(context: CommandContext): Promise<readonly Check[]> {
  const { options, terminal, json, env, projectPath } = context;
  const runtime = context.runtime();
  const found = await checkNotifications(runtime);
  if (!options.flag('notify')) return [found];
  if (terminal.live && !json) {
    const desktop = knownDesktopSequence(env);
    terminal.write(noticeSequence({ ways: ['bell', 'title', 'desktop'], text: 'a test', desktop, env }));
  }
  return [found, ...(await testNotifications(runtime, projectPath))];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const supported = major > 22 || (major === 22 && minor >= 13);
  return {
    name: 'node',
    state: supported ? 'ok' : 'problem',
    detail: `${process.version} at ${process.execPath}`,
    fix: supported ? null : 'MAOS needs Node 22.13 or later: install it from https://nodejs.org.',
  };
}

async function checkStore(runtime: Runtime, projectPath: string): Promise<Check> {
  const name = 'store';
  try {
    const report = await runtime.checkStore(projectPath);
    if (report === null) {
      const { path } = await runtime.projectOf(projectPath);
      return { name, state: 'ok', detail: `none yet for ${path}`, fix: null };
    }
    if (report.problem === null) return { name, state: 'ok', detail: `${report.path} is intact`, fix: null };
    return { name, state: 'problem', detail: report.path, fix: report.problem };
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return { name, state: 'problem', detail: `${projectPath} cannot be read`, fix: error.message };
  }
}

type ChangedSetting = Pick<SettingReport, 'key' | 'value' | 'origin'>;

interface SettingsFound {
  readonly check: Check;
  readonly warnings: readonly string[];
  readonly changed: readonly ChangedSetting[];
  readonly defaultBackend: string | null;
}

async function settingsOf(runtime: Runtime, projectPath: string): Promise<SettingsFound> {
  const name = 'settings';
  try {
    const { settings, warnings } = await runtime.settings(projectPath);
    // Descriptions and allowed values are left to 'maos config'.
    const changed = settings
      .filter(({ origin }) => origin !== 'default')
      .map(({ key, value, origin }) => ({ key, value, origin }));
    const detail = changed.length === 0 ? 'all at their defaults' : `${changed.length} set`;
    const backend = settings.find(({ key }) => key === 'backend')?.value;
    return {
      check: { name, state: 'ok', detail, fix: null },
      warnings,
      changed,
      defaultBackend: typeof backend === 'string' ? backend : null,
    };
  } catch (error) {
    if (!isMaosError(error)) throw error;
    const check = { name, state: 'problem', detail: 'not valid', fix: error.message } as const;
    return { check, warnings: [], changed: [], defaultBackend: null };
  }
}

function warningCheck(text: string): Check {
  return { name: 'settings', state: 'warning', detail: text, fix: null };
}

/** Only a warning, because everything else works. */
async function checkRoles(runtime: Runtime, projectPath: string): Promise<readonly Check[]> {
  const name = 'roles';
  const { custom, predefined, problems } = catalogueOf(await runtime.roles(projectPath));
  const detail = `${predefined.length} predefined, ${custom.length} from files`;
  return [
    { name, state: 'ok', detail, fix: null },
    ...problems.map(
      ({ path, message }): Check => ({ name, state: 'warning', detail: `${path} is ignored`, fix: message }),
    ),
  ];
}

/** CLIs that are not installed share one line, because few users need all of them. */
function checkBackends(backends: readonly BackendProbe[], defaultBackend: string | null): readonly Check[] {
  const missing = backends.filter((probe) => probe.missing === true && probe.name !== defaultBackend);
  const detail = `not installed: ${missing.map(({ name }) => name).join(', ')}; 'maos backends' shows how to install them`;
  return [
    ...backends
      .filter((probe) => !missing.includes(probe))
      .map((probe) => checkBackend(probe, defaultBackend)),
    ...(missing.length === 0 ? [] : [{ name: 'backends', state: 'ok' as const, detail, fix: null }]),
  ];
}

/** Only the default backend must work. */
function checkBackend(probe: BackendProbe, defaultBackend: string | null): Check {
  const { available, path, version, signedIn, remark, problem } = probe;
  const name = `backend ${probe.name}`;
  const facts = [
    version ?? (available ? 'available' : 'not found'),
    path === null ? null : `at ${path}`,
    !available || signedIn === 'yes' ? null : signedIn === 'no' ? 'not signed in' : 'sign-in unknown',
    probe.name === defaultBackend ? 'the default' : null,
    remark,
  ].filter((fact) => fact !== null);
  const works = available && signedIn !== 'no' && problem === null;
  const state = works ? 'ok' : probe.name === defaultBackend ? 'problem' : 'warning';
  return { name, state, detail: facts.join(', '), fix: problem };
}

const marks: Readonly<Record<Check['state'], { symbol: string; format: Format }>> = {
  ok: { symbol: '✓', format: 'green' },
  warning: { symbol: '!', format: 'yellow' },
  problem: { symbol: '✗', format: 'red' },
};

/** On a terminal, with `~` for the home folder; programs get whole paths. */
function shownPaths(text: string, room: number): string {
  return room === Number.POSITIVE_INFINITY ? text : homePaths(text);
}

function renderChecks(
  checks: readonly Check[],
  changed: readonly ChangedSetting[],
  { terminal }: CommandContext,
): readonly string[] {
  const { paint, width: room }: Canvas = terminal.canvas;
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indented = (text: string, indent: number): readonly string[] =>
    wrap(' '.repeat(indent) + shownPaths(oneLine(text), room), room, ' '.repeat(indent));
  const lines = checks.flatMap(({ name, state, detail, fix }) => {
    const { symbol, format } = marks[state];
    const [first = '', ...more] = indented(detail, width + 4);
    const head = `${paint(format, symbol)} ${padEnd(name, width)}  ${first.slice(width + 4)}`;
    const settings =
      name === 'settings' && state === 'ok'
        ? changed.map(({ key, value, origin }) =>
            paint('dim', `    ${key} = ${JSON.stringify(value)}  (${origin})`),
          )
        : [];
    return [head, ...more, ...(fix === null ? settings : indented(fix, 4))];
  });
  const problems = checks.filter(({ state }) => state === 'problem').length;
  const verdict = problems === 0 ? 'Ready.' : `${plural(problems, 'problem')} to fix.`;
  return [...lines, '', paint('bold', verdict)];
}
