import { createHmac, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { AgentIdentity } from '../../../application/ports/agent-identity.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { AgentId } from '../../../domain/ids.ts';
import { showPath } from '../disk/file-error.ts';
import { readOrMakeSecret, readSecret, type SecretFile } from './secret-file.ts';

/** The prefix by which logs recognise a token as a secret. */
const beginning = 'maos_agent_';

/** Uses a key in the project's folder. Reads it each time, because another process may have created it. */
export function makeAgentIdentity(projectFolder: string): AgentIdentity {
  const path = join(projectFolder, 'agent.key');
  const file: SecretFile = {
    path,
    damaged: () =>
      new MaosError(
        'CONFIG_INVALID',
        `${showPath(path)} does not contain a key. Remove it: MAOS makes a new one with the next agent. Agents that run now can send no messages until they are started again.`,
      ),
  };
  return {
    tokenOf: (agentId, attempt) => tokenFor(readOrMakeSecret(file), agentId, attempt),
    isValid(agentId, attempt, token) {
      const key = readSecret(file);
      if (key === null) return false;
      const expected = Buffer.from(tokenFor(key, agentId, attempt));
      const given = Buffer.from(token);
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
  };
}

function tokenFor(key: string, agentId: AgentId, attempt: number): string {
  const mac = createHmac('sha256', Buffer.from(key, 'base64url')).update(`${agentId}:${attempt}`);
  return `${beginning}${mac.digest('base64url')}`;
}
