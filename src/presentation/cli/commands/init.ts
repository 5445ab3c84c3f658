import { isMaosError, MaosError } from '../../../domain/errors.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type ClaudeProgram, register, unregister } from '../init/claude-registration.ts';
import { type ClientEntry, otherClients } from '../init/other-clients.ts';
import { type FileRegistration, registerInProject, unregisterInProject } from '../init/project-file.ts';
import type { Registration } from '../init/registration.ts';
import {
  type OwnCommand,
  ownCommand,
  packageCommand,
  projectCommand,
  startsBy,
} from '../init/server-command.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { shellWord } from '../shell/program-name.ts';

export const initCommand: CliCommand = {
  name: 'init',
  summary: 'Register MAOS with Claude Code; print entries for other clients',
  details: [
    "Runs 'claude mcp add --scope user maos -- …', which covers all your projects. With --project (alone or with a folder) it writes .mcp.json there instead, for everyone on the project; other entries in the file are kept.",
    "The entry starts this installation: as 'maos' if that is on PATH, by a path inside the project if it is a dependency there, otherwise by its absolute path. Nothing is downloaded from a registry unless you name a package with --npx. The output says which it is.",
    'An entry that is already correct is kept; a different command under the name maos is replaced, and shown. The entries for Codex, Gemini CLI, Qwen Code, opencode and Copilot CLI are only printed.',
    'Exit status: 6 Claude Code was not found, or refused.',
  ].join('\n'),
  arguments: [],
  options: [
    { flags: '--remove', description: 'remove the entry', kind: 'flag' },
    {
      flags: '--npx <name@version>',
      description: 'start MAOS with npx from your own package, such as @you/maos@1.2.3',
      kind: 'text',
    },
    { flags: '--package <name@version>', description: 'same as --npx', kind: 'text' },
  ],
  examples: [
    { line: 'maos init', says: 'for all your projects' },
    { line: 'maos init --project', says: '.mcp.json in the current folder, for everyone on the project' },
    { line: 'maos init --remove', says: 'undo' },
  ],
  takesBareProject: true,
  run,
};

/** The outcome, for the report. */
interface Done extends Registration {
  readonly fileRemoved?: boolean;
  readonly scope: 'user' | 'project';
  readonly wanted: OwnCommand;
  /** The file with the entry; null if Claude Code manages it itself. */
  readonly file: string | null;
  /** The entry that takes precedence in this folder; null if none. */
  readonly shadowedBy: string | null;
}

async function run(context: CommandContext): Promise<number> {
  const { terminal, json, projectGiven, options } = context;
  const scope = projectGiven ? 'project' : 'user';
  const wanted = wantedCommand(context);
  const others = options.flag('remove') ? [] : otherClients(wanted, scope);
  try {
    const done = projectGiven ? await changeProject(context, wanted) : await changeUser(context, wanted);
    if (json) terminal.document(documentOf(done, others));
    else {
      for (const line of render(done, context)) terminal.line(line);
      for (const line of renderOthers(others)) terminal.code(line);
    }
    return exitStatus.done;
  } catch (error) {
    if (isMaosError(error, 'BACKEND_UNAVAILABLE') && others.length > 0) {
      // The other clients do not need Claude Code.
      if (json) terminal.document(unchangedDocument(scope, others));
      else for (const line of renderOthers(others)) terminal.code(line);
    }
    throw error;
  }
}

function wantedCommand({ env, options, projectGiven, projectPath }: CommandContext): OwnCommand {
  const spec = options.text('npx') ?? options.text('package');
  if (spec !== undefined) return packageCommand(spec);
  const self = { script: process.argv[1] as string, execPath: process.execPath, env };
  return projectGiven ? projectCommand(self, projectPath) : ownCommand(self);
}

async function changeProject(context: CommandContext, wanted: OwnCommand): Promise<Done> {
  const { projectPath, options } = context;
  const { path, ...registration }: FileRegistration = options.flag('remove')
    ? await unregisterInProject(projectPath, context)
    : await registerInProject(projectPath, wanted, context);
  return { ...registration, scope: 'project', wanted, file: path, shadowedBy: null };
}

async function changeUser(context: CommandContext, wanted: OwnCommand): Promise<Done> {
  const claude = await findClaude(context);
  const registration = context.options.flag('remove')
    ? await unregister(claude)
    : await register(claude, wanted);
  return { ...registration, scope: 'user', wanted, file: null };
}

async function findClaude({ runtime, program, cwd, env }: CommandContext): Promise<ClaudeProgram> {
  const probe = (await runtime().probeBackends()).find(({ name }) => name === 'claude');
  if (probe?.available === true && probe.path !== null) return { path: probe.path, cwd, env };
  throw new MaosError(
    'BACKEND_UNAVAILABLE',
    `Claude Code's settings were not changed. ${probe?.problem ?? 'Claude Code was not found.'} '${program} init --project' needs no Claude Code: it only edits .mcp.json.`,
    { details: { client: 'claude' } },
  );
}

function documentOf(done: Done, others: readonly ClientEntry[]) {
  const { scope, action, file, previous, shadowedBy } = done;
  const { command, args, caveat } = done.wanted;
  const isThere = action !== 'removed' && action !== 'absent';
  return {
    scope,
    client: 'claude',
    action,
    file,
    entry: isThere ? { type: 'stdio', command, args } : null,
    starts_by: isThere ? startsBy(done.wanted) : null,
    caveat: isThere ? caveat : null,
    ...(done.fileRemoved === true ? { file_removed: true } : {}),
    previous,
    shadowed_by: shadowedBy,
    others: others.map(clientRecord),
  };
}

/** Without Claude Code: what other clients need. */
function unchangedDocument(scope: Done['scope'], others: readonly ClientEntry[]) {
  const none = { file: null, entry: null, starts_by: null, caveat: null, previous: null, shadowed_by: null };
  return { scope, client: 'claude', action: null, ...none, others: others.map(clientRecord) };
}

function clientRecord({ client, file, text }: ClientEntry) {
  return { client, file, text };
}

function render(done: Done, context: CommandContext): readonly string[] {
  const { action, scope, shadowedBy } = done;
  const { paint } = context.terminal.canvas;
  const place = done.file ?? 'Claude Code (user scope, for all your projects)';
  const line = [done.wanted.command, ...done.wanted.args].map(shellWord).join(' ');
  const previous = oneLine(done.previous ?? '');
  const said = {
    added: `Added maos to ${place}: ${paint('bold', line)}`,
    updated: `Changed maos in ${place}: ${paint('bold', line)}\n  It was: ${previous}`,
    unchanged: `maos is already in ${place}: ${line}\n  Nothing was changed.`,
    removed: `Removed ${done.fileRemoved === true ? `${place}, which had no other entry` : `maos from ${place}`}. It was: ${previous}`,
    absent: `There is no maos in ${place}. Nothing was changed.`,
  };
  const lines = [...said[action].split('\n')];
  if (action === 'added' || action === 'updated') {
    lines.push(`  ${startedBy[startsBy(done.wanted)]}`);
    if (done.wanted.caveat !== null) lines.push(`  ${done.wanted.caveat}`);
    lines.push(...nextSteps(scope, context));
  }
  if (shadowedBy !== null) {
    lines.push(
      `  In this folder another entry takes precedence: ${shadowedBy}. 'claude mcp get maos' shows how to remove it.`,
    );
  }
  return lines;
}

const startedBy: Readonly<Record<ReturnType<typeof startsBy>, string>> = {
  name: "It starts the 'maos' on PATH.",
  path: 'It starts this installation, by its path.',
  package: 'It starts a package that npx gets from the registry.',
};

function nextSteps(scope: Done['scope'], { program, projectPath, cwd }: CommandContext): readonly string[] {
  const option = projectPath === cwd ? ' --project' : ` --project ${shellWord(projectPath)}`;
  return [
    scope === 'user'
      ? "  Check it with 'claude mcp get maos'. Restart any running Claude Code."
      : "  Start 'claude' in that folder; it asks once whether to use the server.",
    `  Undo: ${program} init${scope === 'user' ? '' : option} --remove`,
  ];
}

function renderOthers(others: readonly ClientEntry[]): readonly string[] {
  return others.flatMap(({ title, file, text }) => ['', `For ${title}, in ${file}:`, '', text]);
}
