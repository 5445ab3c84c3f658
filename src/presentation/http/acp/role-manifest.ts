import type { RoleRecord } from '../../../application/ports/acp-runs.ts';
import type { RoleCatalogue } from '../../../application/roles/role-catalogue.ts';
import type { Role } from '../../../domain/roles/role.ts';
import type { AgentManifest } from './schemas.ts';

/** Every role as an agent of the protocol. @param records statistics of the roles' past runs */
export function manifestsOf(
  { custom, predefined }: RoleCatalogue,
  records: readonly RoleRecord[],
): readonly AgentManifest[] {
  const byRole = new Map(records.map((record) => [record.role, record]));
  return [...custom, ...predefined]
    .map((role) => manifestOf(role, byRole.get(role.name)))
    .filter(({ name }) => agentName.test(name));
}

/** `backend_engineer` becomes `backend-engineer`, because the protocol's names are DNS labels. */
export function agentNameOf(role: string): string {
  return role.replaceAll('_', '-');
}

/** Accepts both forms of an agent's name. */
export function roleNameOf(agent: string): string {
  return agent.replaceAll('-', '_');
}

const agentName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function manifestOf(role: Role, record: RoleRecord | undefined): AgentManifest {
  return {
    name: agentNameOf(role.name),
    description: role.description,
    input_content_types: ['text/plain', 'text/*', 'application/json'],
    output_content_types: ['text/plain', '*/*'],
    metadata: {
      framework: 'MAOS',
      natural_languages: ['en'],
      capabilities: role.responsibilities.map((description) => ({ name: role.title, description })),
      tags: [...role.capabilities],
    },
    ...(record === undefined ? {} : { status: statusOf(record) }),
  };
}

function statusOf({ successPercent, averageSeconds, averageTokens }: RoleRecord): AgentManifest['status'] {
  return {
    ...(averageTokens === null ? {} : { avg_run_tokens: averageTokens }),
    avg_run_time_seconds: Math.round(averageSeconds * 1_000) / 1_000,
    success_rate: successPercent,
  };
}
