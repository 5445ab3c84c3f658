import { isAgentEnded } from '../../domain/agent.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';

/** People and programs outside the team, as sender or recipient. */
export const user = 'user';
/** The name of `user` in earlier versions and in the protocol of `/acp`. No agent can have this name. */
export const outside = '@outside';
/** Every agent of the session that has not ended, except the sender. `@all` means the same. */
const all = 'all';
export const everyAgent = '@all';
/** The session's orchestrator. Without one, or when the orchestrator itself sends: the user. */
const lead = 'lead';
const leadRole = 'orchestrator';

/** Sender or recipient of a message. Null: outside the team. */
export type Addressee = AgentId | null;

/**
 * Every recipient that an agent's id or name, a role, `lead`, `all` or `user` denotes.
 * @returns one recipient, or those of a broadcast
 * @throws MaosError AGENT_NOT_FOUND; INVALID_TRANSITION when all of them have ended
 */
export function addresseesOf(
  workflow: Workflow,
  text: string,
  sender: Addressee,
): { readonly to: readonly Addressee[]; readonly isBroadcast: boolean } {
  if (text !== all && text !== everyAgent) {
    const one = partyOf(workflow, text, sender);
    if (one !== undefined) return { to: [one], isBroadcast: false };
  }
  const { session, agents } = workflow;
  const isAll = text === all || text === everyAgent;
  const meant = agents.filter(({ id, role }) => id !== sender && (isAll || role.name === text));
  if (meant.length === 0 && !isAll) throw unknownParty(workflow, text);
  if (meant.length === 0) {
    throw new MaosError('AGENT_NOT_FOUND', `Session ${session.id} has no agent except the sender.`, {
      details: { sessionId: session.id },
    });
  }
  const to = meant.filter(({ state }) => !isAgentEnded(state)).map(({ id }) => id);
  if (to.length > 0) return { to, isBroadcast: isAll || to.length > 1 };
  throw new MaosError(
    'INVALID_TRANSITION',
    `Nothing was sent: every agent that ${quote(text)} means has ended. 'maos logs' shows their results.`,
    { details: { sessionId: session.id, to: startOf(text, 200) } },
  );
}

/**
 * The agent that a name denotes; null: outside the team.
 * @throws MaosError AGENT_NOT_FOUND
 */
export function memberOf(workflow: Workflow, text: string): Addressee {
  const found = partyOf(workflow, text, null);
  if (found === undefined) throw unknownParty(workflow, text);
  return found;
}

/** Undefined: the text denotes no single agent. */
function partyOf({ agents }: Workflow, text: string, sender: Addressee): Addressee | undefined {
  if (text === user || text === outside) return null;
  const named = agents.find(({ id }) => id === text) ?? agents.find(({ name }) => name === text);
  if (named !== undefined) return named.id;
  if (text !== lead) return undefined;
  return agents.find(({ role, id }) => role.name === leadRole && id !== sender)?.id ?? null;
}

function unknownParty({ session, agents }: Workflow, text: string): MaosError {
  const names = agents.map(({ name }) => name);
  const more = names.length > 10 ? ', …' : '';
  return new MaosError(
    'AGENT_NOT_FOUND',
    `Session ${session.id} has no agent ${quote(text)}: it has ${names.slice(0, 10).join(', ')}${more}. 'lead', 'all', 'user' and roles can be named, too.`,
    { details: { sessionId: session.id, reference: startOf(text, 200) } },
  );
}
