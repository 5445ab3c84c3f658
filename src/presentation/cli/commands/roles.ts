import { catalogueOf, type RoleCatalogue } from '../../../application/roles/role-catalogue.ts';
import { plural } from '../../../domain/amounts.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { roleAliases } from '../../../domain/roles/catalog.ts';
import { type FileRole, isFileRole } from '../../../domain/roles/file-role.ts';
import { type Role, roleBriefing } from '../../../domain/roles/role.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { roleView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { homePath } from '../render/home-path.ts';
import { renderTable } from '../render/table.ts';
import { unwrapped } from '../render/wrap-text.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const rolesCommand: CliCommand = {
  name: 'roles',
  summary: 'List the roles agents can have, or show one',
  details:
    'Roles are predefined or come from files in .claude/agents/ of the project, agents/ of MAOS_HOME and ~/.claude/agents/.',
  arguments: [
    {
      syntax: '[list|show|role]',
      description: "'list' (default), or 'show' for the full briefing of one role",
      choices: ['list', 'show'],
    },
    { syntax: '[name]', description: 'the role to show' },
  ],
  options: [],
  examples: [
    { line: 'maos roles', says: 'all of them' },
    { line: 'maos roles reviewer', says: 'the briefing of a reviewer' },
  ],
  pages: () => 'text',
  async run(context) {
    const [action = 'list', name] = context.args;
    const catalogue = async () => catalogueOf(await context.runtime().roles(context.projectPath));
    if (action === 'show' && name !== undefined) return show((await catalogue()).find(name), context);
    if (action === 'list' && name === undefined) return list(await catalogue(), context);
    // 'maos roles reviewer' can only mean one thing.
    const named = name === undefined && action !== 'show' ? roleCalled(await catalogue(), action) : null;
    if (named !== null) return show(named, context);
    throw new MaosError(
      'INVALID_INPUT',
      action === 'show'
        ? "Name a role: 'maos roles show NAME'. 'maos roles' lists them."
        : `Unknown action ${quote([action, name].filter(Boolean).join(' '))}. Use 'maos roles list' or 'maos roles show NAME'.`,
    );
  },
};

function roleCalled({ custom, predefined }: RoleCatalogue, name: string): Role | FileRole | null {
  return [...custom, ...predefined].find((role) => role.name === name) ?? null;
}

function list(catalogue: RoleCatalogue, context: CommandContext): number {
  const { terminal, json } = context;
  const { custom, predefined, shadowed, problems } = catalogue;
  const roles = [...custom, ...predefined];
  if (json) {
    const hidden = shadowed.map(({ role, by }) => ({ ...roleView(role), shadowed_by: by.path }));
    terminal.document({ roles: roles.map(roleView), aliases: roleAliases, shadowed: hidden, problems });
    return exitStatus.done;
  }
  const { paint } = terminal.canvas;
  const rows = roles.map((role) => [
    role.name,
    `${role.defaultTimeoutMinutes} min`,
    `${role.defaultMaxMemoryMb} MB`,
    custom.length === 0 ? '' : originOf(role, context),
    oneLine(role.description),
  ]);
  const right = 'right' as const;
  const columns = [
    { title: 'ROLE' },
    { title: 'TIME', align: right, rank: 2 },
    { title: 'MEMORY', align: right, rank: 3 },
    { title: 'FROM', rank: 1 },
    { title: 'FOR' },
  ];
  for (const line of renderTable(columns, rows, terminal.canvas)) terminal.line(line);
  const aliases = Object.entries(roleAliases).map(([alias, role]) => `${alias} = ${role}`);
  terminal.line(paint('dim', `Also accepted: ${aliases.join(', ')}.`));
  for (const { role, by } of shadowed) {
    const lost = isFileRole(role) ? originOf(role, context) : 'the predefined role';
    terminal.line(paint('yellow', `! ${role.name}: ${originOf(by, context)} overrides ${lost}.`));
  }
  if (problems.length > 0) terminal.line(`${plural(problems.length, 'role file')} ignored:`);
  for (const { path, message } of problems) {
    terminal.line(`${paint('yellow', '!')} ${oneLine(`${placeOf(path, context)}: ${message}`)}`);
  }
  return exitStatus.done;
}

/** The source of a role, shortened if it is in the project: '.claude/agents/scribe.md', 'predefined'. */
function originOf(role: Role | FileRole, context: CommandContext): string {
  return isFileRole(role) ? showName(placeOf(role.path, context)) : 'predefined';
}

function placeOf(path: string, { projectPath, env }: CommandContext): string {
  if (path.startsWith(`${projectPath}/`)) return path.slice(projectPath.length + 1);
  return homePath(path, env.HOME);
}

function show(role: Role | FileRole, { terminal, json }: CommandContext): number {
  if (json) terminal.document({ ...roleView(role), briefing: roleBriefing(role) });
  else {
    if (isFileRole(role)) {
      for (const line of factsOf(role)) terminal.line(terminal.canvas.paint('dim', oneLine(line)));
      terminal.line('');
    }
    const briefing = roleBriefing(role);
    terminal.line(terminal.live ? unwrapped(briefing) : briefing);
  }
  return exitStatus.done;
}

/** Properties of a role besides its briefing. */
function factsOf(role: FileRole): readonly string[] {
  const { path, description, backend, model, tools, deniedTools } = role;
  return [
    `From ${path}`,
    `For: ${description}`,
    ...(backend === null ? [] : [`Backend: ${backend}`]),
    ...(model === null ? [] : [`Model: ${model.name}${model.backend === null ? '' : ` (${model.backend})`}`]),
    ...(tools === null ? [] : [`Only these tools: ${tools.join(', ') || 'none'}`]),
    ...(deniedTools.length === 0 ? [] : [`Not these tools: ${deniedTools.join(', ')}`]),
  ];
}
