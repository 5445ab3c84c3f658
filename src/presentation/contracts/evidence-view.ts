import type { AttemptEvidence, CheckRecord } from '../../application/evidence/agent-history.ts';
import type {
  AgentEvidence,
  CheckEvidence,
  Evidence,
  LandingEvent,
} from '../../application/evidence/evidence.ts';
import { firstLineOf } from '../../application/quotation.ts';
import { shorten } from '../../domain/cut-text.ts';
import { hasPassed } from '../../domain/verification.ts';
import { proofStateOf } from '../../domain/work-text.ts';
import { describeEvent } from './event-lines.ts';
import { checkReportView, sessionWorkView } from './work-view.ts';

/**
 * Evidence as JSON with snake_case keys, as described in docs/evidence.md.
 * @param maxSaid maximum characters of what an agent said
 */
export function evidenceView(
  { session, agents, landings, lastEvent }: Evidence,
  maxSaid = Number.POSITIVE_INFINITY,
) {
  return {
    session_id: session.id,
    objective: session.objective,
    state: session.state,
    created_at: session.createdAt,
    ended_at: session.endedAt,
    ...sessionWorkView(session),
    last_event: lastEvent,
    agents: agents.map((agent) => agentEvidenceView(agent, maxSaid)),
    landings: landings.map(({ id, state, landing }) => ({
      session_id: id,
      state,
      target: landing?.target ?? null,
      squash: landing?.squash ?? false,
    })),
  };
}

function agentEvidenceView({ agent, attempts, checks, fixRounds, landed }: AgentEvidence, maxSaid: number) {
  const { id, name, role, backend, model, state, task, work, failure, result } = agent;
  return {
    agent_id: id,
    name,
    role: role.name,
    backend,
    model,
    state,
    task: firstLineOf(task),
    work,
    process: attempts.map(attemptView),
    said: result === null ? null : shorten(result, maxSaid),
    proof: proofStateOf(agent),
    checks: checks.map(checkView),
    fix_rounds: fixRounds,
    failure: failure === null ? null : { kind: failure.kind, message: failure.message },
    landed: landed.map((one) => ({
      session_id: one.sessionId,
      events: one.events.map(landingView),
      checks: one.checks.map(checkView),
    })),
  };
}

export function attemptView({ attempt, startedAt, end, exit }: AttemptEvidence) {
  return {
    attempt,
    started_at: startedAt,
    ended_at: exit?.at ?? end?.at ?? null,
    exit_code: exit?.exitCode ?? null,
    signal: exit?.signal ?? null,
    event: end === null ? null : { type: end.type, seq: end.seq, text: describeEvent(end) },
  };
}

function checkView(check: CheckEvidence) {
  return { ...checkRecordView(check), log: check.log };
}

export function checkRecordView({ check, command, commit, round, startedAt, report }: CheckRecord) {
  const begun = { check, command, commit, round, started_at: startedAt };
  if (report === null) return { ...begun, passed: null };
  return { ...begun, ...checkReportView(report), passed: hasPassed(report) };
}

function landingView({ type, at, data }: LandingEvent) {
  const { name: _, ...facts } = data;
  return { type, at, ...facts };
}
