import { activeMs } from './active-time.ts';
import { type Agent, enterStage } from './agent.ts';
import { denialEvents } from './denials.ts';
import { MaosError } from './errors.ts';
import { agentEvent, descriptorOf, type EventData } from './events.ts';
import type { AgentId } from './ids.ts';
import { usageNow } from './running-agents.ts';
import type { AgentReport } from './settle-agent.ts';
import { type CheckReport, hasPassed, noProof, type ProofSubject } from './verification.ts';
import { agentOf, type Change, type Workflow, withAgents } from './workflow.ts';
import type { AgentWork } from './worktree.ts';

/** What the program of an agent reported when it finished. */
export type FinishReport = Omit<AgentReport, 'outcome'> & { readonly result: string };

/**
 * Records that an agent's program has finished, and that its work must be proven before it counts as completed.
 * @throws MaosError INVALID_TRANSITION
 */
export function finishProgram(workflow: Workflow, id: AgentId, report: FinishReport, at: string): Change {
  const before = agentOf(workflow, id);
  enterStage(before, 'verifying');
  const { name } = before;
  const usage = usageNow(before, report.usage, report.conversation);
  const durationMs = Math.round(report.activeMs ?? activeMs(before, Date.parse(at)));
  const agent = {
    ...before,
    conversation: report.conversation ?? before.conversation,
    denials: report.denials ?? before.denials,
    subagents: report.subagents ?? before.subagents,
  };
  const data = { name, durationMs, result: report.result, usage };
  const { next, events } = happened(workflow, agent, 'agent.finished', data, at);
  return { next, events: [...denialEvents(before, agent, at), ...events] };
}

/**
 * Records that the work which the agent lands merges cleanly, so that its program does not run.
 * @throws MaosError INVALID_TRANSITION
 */
export function joinWork(
  workflow: Workflow,
  id: AgentId,
  work: AgentWork & { readonly commit: string },
  at: string,
): Change {
  const agent = agentOf(workflow, id);
  enterStage(agent, 'verifying');
  return happened(workflow, agent, 'landing.joined', { name: agent.name, ...work }, at);
}

/** Records what is to be proven, before any check of it. @throws MaosError INVALID_TRANSITION */
export function recordSubject(workflow: Workflow, id: AgentId, subject: ProofSubject): Change {
  verified(workflow, id);
  return { next: withSubject(workflow, id, subject), events: [] };
}

function withSubject(workflow: Workflow, id: AgentId, subject: ProofSubject): Workflow {
  const agent = agentOf(workflow, id);
  return withAgents(workflow, new Map([[id, { ...agent, proof: { ...(agent.proof ?? noProof), subject } }]]));
}

/**
 * The work has to be joined with its target again: another attempt, in stage `preparing`.
 * @throws MaosError INVALID_TRANSITION
 */
export function restartLanding(workflow: Workflow, id: AgentId, reason: string, at: string): Change {
  const agent = verified(workflow, id);
  const { name, attempt } = agent;
  return happened(workflow, agent, 'landing.restarted', { name, reason, attempt: attempt + 1 }, at);
}

/** @throws MaosError INVALID_TRANSITION */
export function startCheck(
  workflow: Workflow,
  id: AgentId,
  command: string,
  { commit, restored }: ProofSubject,
  at: string,
): Change {
  const agent = verified(workflow, id);
  const { checks, round } = agent.proof ?? noProof;
  const data = { name: agent.name, check: checks + 1, command, commit, round, restored };
  return happened(workflow, agent, 'verify.started', data, at);
}

/** @throws MaosError INVALID_TRANSITION */
export function reportCheck(
  workflow: Workflow,
  id: AgentId,
  report: CheckReport,
  outputTail: string,
  at: string,
): Change {
  const agent = verified(workflow, id);
  const data = { name: agent.name, report };
  if (hasPassed(report)) return happened(workflow, agent, 'verify.passed', data, at);
  const { next, events } = happened(workflow, agent, 'verify.failed', data, at);
  const failed = agentOf(next, id);
  const proof = { ...(failed.proof ?? noProof), failed: { report, outputTail } };
  return { next: withAgents(next, new Map([[id, { ...failed, proof }]])), events };
}

/**
 * A check that was recorded as started has never run and never will: another one takes its place.
 * @throws MaosError INVALID_TRANSITION
 */
export function skipCheck(workflow: Workflow, id: AgentId): Change {
  const agent = verified(workflow, id);
  const proof = { ...(agent.proof ?? noProof), runningSince: null };
  return { next: withAgents(workflow, new Map([[id, { ...agent, proof }]])), events: [] };
}

/**
 * Starts another attempt of the agent, in stage `preparing`, to mend what the last check found.
 * @param of number of fix rounds that it has
 * @throws MaosError INVALID_TRANSITION
 */
export function startFixRound(workflow: Workflow, id: AgentId, of: number, at: string): Change {
  const agent = verified(workflow, id);
  enterStage(agent, 'preparing');
  const round = (agent.proof ?? noProof).round + 1;
  const data = { name: agent.name, round, of, attempt: agent.attempt + 1 };
  return happened(workflow, agent, 'agent.fix_round', data, at);
}

/** Records the worktree of an agent. */
export function recordWorktree(
  workflow: Workflow,
  id: AgentId,
  { branch, base }: Pick<AgentWork, 'branch' | 'base'>,
  at: string,
): Change {
  const agent = agentOf(workflow, id);
  const { work, name } = agent;
  if (work?.branch === branch && work.base === base) return { next: workflow, events: [] };
  return happened(workflow, agent, 'workspace.prepared', { name, branch, base }, at);
}

/** Records that all of the agent's work is in a commit. */
export function recordCommit(
  workflow: Workflow,
  id: AgentId,
  { commit, diff }: Pick<EventData['work.committed'], 'commit' | 'diff'>,
  at: string,
): Change {
  const agent = agentOf(workflow, id);
  const { work, name } = agent;
  if (work === null || work.commit === commit) return { next: workflow, events: [] };
  return happened(workflow, agent, 'work.committed', { name, commit, branch: work.branch, diff }, at);
}

/** @throws MaosError INVALID_TRANSITION */
function verified(workflow: Workflow, id: AgentId): Agent {
  const agent = agentOf(workflow, id);
  if (agent.stage === 'verifying') return agent;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Agent ${id} is ${agent.stage ?? agent.state}: only an agent that is verifying has checks.`,
    { details: { agentId: id, state: agent.state, stage: agent.stage } },
  );
}

/** The change that an event declares. */
function happened<
  T extends
    | 'agent.finished'
    | 'verify.started'
    | 'verify.passed'
    | 'verify.failed'
    | 'agent.fix_round'
    | 'landing.joined'
    | 'landing.restarted'
    | 'workspace.prepared'
    | 'work.committed',
>(workflow: Workflow, agent: Agent, type: T, data: EventData[T], at: string): Change {
  const changed = descriptorOf(type)?.agent?.(agent, data, at) ?? agent;
  return {
    next: withAgents(workflow, new Map([[agent.id, changed]])),
    events: [agentEvent(type, agent, at, data)],
  };
}
