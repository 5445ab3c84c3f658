import { PathClaims } from '../../../application/claims/path-claims.ts';
import { landedBy, landingReport } from '../../../application/landing/landing-report.ts';
import { liveStatusOf, skippedArtifacts } from '../../../application/queries/live-status.ts';
import type { Agent } from '../../../domain/agent.ts';
import { capReached } from '../../../domain/budget-end.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import { isSinceEnd } from '../../../domain/landing.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import type { LandedBy } from '../../../domain/work-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { beginAgainText, beginningAgain } from '../../contracts/beginning-again.ts';
import { landedByView, landedView } from '../../contracts/landing-view.ts';
import { claimView, workflowView } from '../../contracts/views.ts';
import type { SessionFacts } from '../render/report-facts.ts';
import type { OpenSession } from './projects.ts';
import type { Reference } from './reference.ts';

/** The current facts for a report on a session. */
export function factsOf({ project, id }: Pick<OpenSession, 'project' | 'id'>): SessionFacts {
  const workflow = project.store.load(id);
  return {
    workflow,
    liveStatus: liveStatusOf(project.store, workflow, Date.parse(project.clock.now())),
    artifacts: project.store.artifacts(id),
    messages: project.store.messages.counts(id),
    messagesForUser: project.store.messages.waitingOutside(id),
    skipped: skippedArtifacts(project.store, id),
    claims: new PathClaims(project).ofSession(id),
    landed: landingReport(project.store, id),
    landedBy: landedBy(project.store, id),
    folder: project.files.describe(id),
  };
}

/** The same facts as JSON: the usual view of the session, with its files and folder. */
export function summaryRecord(facts: SessionFacts) {
  const {
    workflow,
    liveStatus,
    artifacts,
    skipped = [],
    messages = {},
    claims = [],
    landed = [],
    landedBy = null,
    folder,
    unattended = null,
  } = facts;
  return {
    ...workflowView(workflow, liveStatus),
    ...(unattended === null ? {} : { unattended }),
    ...(Object.keys(messages).length === 0 ? {} : { messages }),
    artifacts: artifacts.map(({ path, sizeBytes, sha256, by, candidates, recordedAt }) => ({
      path,
      size_bytes: sizeBytes,
      sha256,
      by,
      candidates,
      recorded_at: recordedAt,
    })),
    ...(skipped.length === 0 ? {} : { artifacts_not_recorded: skipped }),
    ...(claims.length === 0 ? {} : { path_claims: claims.map(claimView) }),
    ...(landed.length === 0 ? {} : { landed: landed.map(landedView) }),
    ...landedByView(landedBy),
    folder,
  };
}

/** Suggested commands for more information about a session. */
export function nextCommands(
  program: string,
  workflow: Workflow,
  by: Reference,
  {
    requests: [request] = [],
    messagesForUser = 0,
    landedBy = null,
  }: {
    requests?: readonly InputRequest[];
    messagesForUser?: number | undefined;
    landedBy?: LandedBy | null | undefined;
  } = {},
): (readonly [string, string])[] {
  const { agents } = workflow;
  const failed = agents.find((agent) => agent.state === 'failed');
  const logs: readonly [string, string] =
    failed === undefined
      ? [`${program} logs ${by.session}`, 'the output of every agent']
      : logsOf(program, failed, by);
  return [
    ...(request === undefined ? [] : answers(program, request, by)),
    ...(messagesForUser === 0 ? [] : [readMessages(program, by, messagesForUser)]),
    ...steps(program, workflow, by, landedBy),
    logs,
    ...workOf(program, workflow, by, failed),
    [`${program} events ${by.session}`, 'all events, in order'],
    [`${program} status ${by.session}`, 'this report again'],
  ];
}

function logsOf(
  program: string,
  { name, failure, proof }: Agent,
  { session }: Reference,
): readonly [string, string] {
  if (failure?.kind !== 'verification_failed' || proof === null)
    return [`${program} logs ${session} ${name}`, `the output of ${name}`];
  return [`${program} logs ${session} ${name} --check last`, `what the check of ${name} printed`];
}

/** For agents in worktrees. */
function workOf(
  program: string,
  { agents }: Workflow,
  { session }: Reference,
  failed: Agent | undefined,
): (readonly [string, string])[] {
  if (failed !== undefined && failed.work !== null)
    return [[`${program} diff ${session} ${failed.name}`, `what ${failed.name} changed`]];
  if (agents.every(({ work }) => work === null)) return [];
  return [
    [`${program} diff ${session}`, 'what the agents changed'],
    [`${program} evidence ${session}`, 'what proves their work'],
  ];
}

function answers(
  program: string,
  { id: whole, kind }: InputRequest,
  by: Reference,
): (readonly [string, string])[] {
  const id = by.request(whole);
  if (kind === 'question') return [[`${program} answer ${id} TEXT`, 'answer the question']];
  return [
    [`${program} approve ${id}`, 'allow it'],
    [`${program} deny ${id}`, 'deny it; the agent continues without it'],
  ];
}

function readMessages(program: string, { session }: Reference, count: number): readonly [string, string] {
  const what = count === 1 ? 'the message that waits for you' : `the ${count} messages that wait for you`;
  return [`${program} message read ${session} --ack`, what];
}

/** Whether some of its agents have work of their own that nothing has landed, or lands by itself. */
function mayLand({ session, agents }: Workflow, by: LandedBy | null): boolean {
  if (session.landing !== null) return false;
  if (by === null && session.land === 'auto' && session.state === 'completed') return false;
  if (by !== null && !isSessionEnded(by.state)) return false;
  if (by !== null && by.state === 'completed' && isSinceEnd(by.createdAt, session)) return false;
  return agents.some(({ state, work }) => state === 'completed' && work !== null && work.diff?.files !== 0);
}

/** With its budget used up, a session can only be retried with a larger one: twice as much is a start. */
function retryOf(program: string, workflow: Workflow, { session: id }: Reference): readonly [string, string] {
  const reached = capReached(workflow);
  if (reached === undefined)
    return [`${program} retry ${id}`, 'retry the failed agents and their dependents'];
  const { flag, unit } = capOptions[reached.item];
  return [`${program} retry ${id} ${flag} ${(reached.limit * 2) / unit}`, 'continue with a larger budget'];
}

const capOptions = {
  tokens: { flag: '--max-tokens', unit: 1 },
  cost_usd: { flag: '--max-cost', unit: 1 },
  turns: { flag: '--max-turns', unit: 1 },
  wall_ms: { flag: '--max-minutes', unit: 60_000 },
} as const;

/** The action that a session in this state needs from the user. */
function steps(
  program: string,
  workflow: Workflow,
  by: Reference,
  landedBy: LandedBy | null,
): (readonly [string, string])[] {
  const { state } = workflow.session;
  const id = by.session;
  if (state === 'paused') {
    const again = beginningAgain(workflow);
    const how = again.length === 0 ? 'where it stopped' : `where it stopped; ${beginAgainText(again)}`;
    return [[`${program} resume ${id}`, `continue ${how}`]];
  }
  const land: (readonly [string, string])[] = mayLand(workflow, landedBy)
    ? [[`${program} land ${id}`, "check and land the agents' work"]]
    : [];
  if (state === 'completed') return land;
  if (state === 'failed') {
    return [retryOf(program, workflow, by), ...land];
  }
  return [];
}
