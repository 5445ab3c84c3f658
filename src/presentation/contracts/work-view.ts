import type { WorkDiff } from '../../application/evidence/work-diff.ts';
import type { Agent } from '../../domain/agent.ts';
import { endOf } from '../../domain/cut-text.ts';
import type { Session } from '../../domain/session.ts';
import type { CheckReport, Proof, VerifyRules } from '../../domain/verification.ts';
import { type ProofState, proofStateOf } from '../../domain/work-text.ts';
import type { AgentReference } from '../../domain/worktree.ts';

/** The external form of branches, checks and landings. Missing: there is none. */

/** Where a session's worktrees begin, and what it lands. */
export function sessionWorkView({ repository, verify, land, landing }: Session) {
  return {
    ...(repository === null ? {} : { repository }),
    ...(verify === null ? {} : { verify: rulesView(verify) }),
    ...(land === null ? {} : { land }),
    ...(landing === null
      ? {}
      : { landing: { session_id: landing.sessionId, target: landing.target, squash: landing.squash } }),
  };
}

/** @param maxTail maximum characters of a failed check's output */
export function agentWorkView({ work, verify, lands, worktree, ...agent }: Agent, maxTail: number) {
  return {
    ...(agent.workspace === 'project' ? {} : { workspace: agent.workspace }),
    ...(worktree === null ? {} : { worktree }),
    ...(work === null ? {} : { work }),
    ...(verify === null
      ? {}
      : {
          verify: rulesView(verify),
          proof: proofView(proofStateOf({ ...agent, verify }), agent.proof, maxTail),
        }),
    ...(lands === null ? {} : { lands: referenceView(lands) }),
  };
}

function rulesView({ commands, timeoutMs, fixRounds, protect }: VerifyRules) {
  return { commands, timeout_ms: timeoutMs, fix_rounds: fixRounds, protect };
}

function proofView(state: ProofState, proof: Proof | null, maxTail: number) {
  const { checks, round, failed } = proof ?? { checks: 0, round: 0, failed: null };
  return {
    state,
    checks,
    round,
    ...(failed === null
      ? {}
      : { failed: { ...checkReportView(failed.report), output_tail: endOf(failed.outputTail, maxTail) } }),
  };
}

export function checkReportView(report: CheckReport) {
  return {
    check: report.check,
    command: report.command,
    commit: report.commit,
    exit_code: report.exitCode,
    signal: report.signal,
    reason: report.reason,
    started_at: report.startedAt,
    ended_at: report.endedAt,
    log_sha256: report.logSha256,
    log_bytes: report.logBytes,
    restored: report.restored,
  };
}

function referenceView({ sessionId, agentId }: AgentReference) {
  return { session_id: sessionId, agent_id: agentId };
}

/** An agent's changes, as git prints them. */
export function workDiffView({ agent: { name, work }, commit, text }: WorkDiff) {
  return { name, branch: work.branch, base: work.base, commit, diff: work.diff, text };
}
