import { MaosError, quote } from '../../../domain/errors.ts';
import {
  findPredefinedRole,
  nearestRoleNames,
  predefinedRoles,
  roleAliases,
} from '../../../domain/roles/catalog.ts';
import { type Role, roleBriefing } from '../../../domain/roles/role.ts';
import { roleView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../exit-status.ts';
import { renderTable } from '../render/table.ts';

export const rolesCommand: CliCommand = {
  name: 'roles',
  summary: 'List the roles agents can have, or show one',
  arguments: [
    {
      syntax: '[list|show]',
      description: "'list' (default), or 'show' for one role with its whole briefing",
    },
    { syntax: '[name]', description: 'the role to show' },
  ],
  options: [],
  examples: [
    { line: 'maos roles', says: 'all of them' },
    { line: 'maos roles show reviewer', says: 'what a reviewer is told' },
  ],
  async run(context) {
    const [action = 'list', name] = context.args;
    if (action === 'show' && name !== undefined) return show(findRole(name), context);
    if (action === 'list' && name === undefined) return list(context);
    throw new MaosError(
      'INVALID_INPUT',
      action === 'show'
        ? "Say which role: 'maos roles show NAME'; 'maos roles' lists them."
        : `${quote([action, name].filter(Boolean).join(' '))} cannot be done with roles: use 'list', or 'show NAME'.`,
    );
  },
};

function findRole(name: string): Role {
  const role = findPredefinedRole(name);
  if (role !== undefined) return role;
  const near = nearestRoleNames(name);
  const hint = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : '';
  throw new MaosError('INVALID_ROLE', `There is no role ${quote(name)}.${hint} 'maos roles' lists them.`, {
    details: { role: name.slice(0, 200), near },
  });
}

function list({ terminal, json }: CommandContext): number {
  if (json) {
    terminal.document({ roles: predefinedRoles.map(roleView), aliases: roleAliases });
    return exitStatus.done;
  }
  const rows = predefinedRoles.map((role) => [
    role.name,
    `${role.defaultTimeoutMinutes} min`,
    `${role.defaultMaxMemoryMb} MB`,
    role.description,
  ]);
  const right = 'right' as const;
  const columns = [
    { title: 'ROLE' },
    { title: 'TIME', align: right },
    { title: 'MEMORY', align: right },
    { title: 'FOR' },
  ];
  for (const line of renderTable(columns, rows, terminal.canvas)) terminal.line(line);
  const aliases = Object.entries(roleAliases).map(([alias, role]) => `${alias} = ${role}`);
  terminal.line(terminal.canvas.paint('dim', `Also accepted: ${aliases.join(', ')}.`));
  return exitStatus.done;
}

function show(role: Role, { terminal, json }: CommandContext): number {
  if (json) terminal.document({ ...roleView(role), briefing: roleBriefing(role) });
  else terminal.line(roleBriefing(role));
  return exitStatus.done;
}
