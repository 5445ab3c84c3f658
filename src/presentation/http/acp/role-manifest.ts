import type { RoleCatalogue } from '../../../application/role-catalogue.ts';
import type { Role } from '../../../domain/roles/role.ts';
import type { AgentManifest } from './schemas.ts';

/** Every role as an agent of the protocol. */
export function manifestsOf({ custom, predefined }: RoleCatalogue): readonly AgentManifest[] {
  return [...custom, ...predefined].map(manifestOf).filter(({ name }) => agentName.test(name));
}

/** `backend_engineer` is `backend-engineer` in the protocol, whose names are those of DNS labels. */
export function agentNameOf(role: string): string {
  return role.replaceAll('_', '-');
}

/** Of an agent's name, however it was written. */
export function roleNameOf(agent: string): string {
  return agent.replaceAll('-', '_');
}

const agentName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function manifestOf(role: Role): AgentManifest {
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
  };
}
