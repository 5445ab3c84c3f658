import type { Agent } from '../../domain/agent.ts';
import { makeSessionId, type SessionId } from '../../domain/ids.ts';
import type { PromptEscape } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { catalogueOf } from '../roles/role-catalogue.ts';
import type { Supervisor } from '../session/supervisor.ts';
import { type AcpOrigin, orchestrate } from './orchestrate.ts';
import { backendOf } from './plan-request.ts';

/** A session with one agent, requested over the Agent Communication Protocol. */
export interface AcpRunRequest {
  readonly role: string;
  readonly objective: string;
  readonly task: string;
  readonly acpSession: string;
  /** The request's messages, as JSON. */
  readonly input: unknown;
  /** An earlier run of the same role whose conversation continues; null: a new conversation. */
  readonly after: SessionId | null;
  /** Canonical path of the agent's working folder. */
  readonly folder: string;
}

/**
 * Stores the session with its input and starts it. It is durable when this returns.
 * @throws as {@link orchestrate}
 */
export async function startAcpRun(
  project: Project,
  supervisor: Supervisor,
  request: AcpRunRequest,
): Promise<SessionId> {
  const { role, objective, task, acpSession, input, after, folder } = request;
  const plan = { objective, agents: [{ role, task }], folder };
  const earlier = after === null ? null : agentToContinue(project, after);
  const acp: AcpOrigin = { record: { acpSession, input }, earlier };
  const { workflow } = await orchestrate(project, supervisor, plan, 'client', acp);
  return workflow.session.id;
}

/** How to escape text from other people in a task for this role. @throws MaosError INVALID_ROLE */
export async function promptEscapeOf(
  project: Project,
  role: string,
  folder: string,
): Promise<PromptEscape | null> {
  const found = catalogueOf(await project.roles.read(folder)).find(role);
  return project.backends.get(backendOf(found, project.settings)).promptEscape;
}

/**
 * The agent of a completed run whose conversation a new run can continue; null if it failed, has none, or its backend
 * cannot resume.
 */
export function agentToContinue({ store, backends }: Project, id: SessionId): Agent | null {
  const agent = store.load(id).agents[0];
  if (agent === undefined || agent.state !== 'completed' || !backends.get(agent.backend).capabilities.resumes)
    return null;
  return agent.conversation === null ? null : agent;
}

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Writes the session's ULID as a UUID, so that a run needs no other id and no mapping. */
export function runIdOf(id: SessionId): string {
  let bits = 0n;
  for (const digit of id.slice('sess_'.length)) bits = bits * 32n + BigInt(digits.indexOf(digit));
  const hex = bits.toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The reverse of {@link runIdOf}. @param uuid hexadecimal digits in groups of 8, 4, 4, 4 and 12 */
export function sessionOfRun(uuid: string): SessionId {
  let bits = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let ulid = '';
  for (let place = 0; place < 26; place++) {
    ulid = digits.charAt(Number(bits % 32n)) + ulid;
    bits /= 32n;
  }
  return makeSessionId(ulid);
}
