import type { Agent, AgentFailure } from '../../domain/agent.ts';
import { noBudget } from '../../domain/budget.ts';
import { showPath } from '../../domain/errors.ts';
import type { AgentOutcome } from '../../domain/settle-agent.ts';
import { type CheckReport, checkEndText, type FailedCheck, noProof } from '../../domain/verification.ts';
import type { AgentDisk } from '../ports/agent-disk.ts';
import type { RunEnd } from './agent-run.ts';
import { unlessAborted } from './unless-aborted.ts';

/** How much of the end of each stream is given to the agent. */
const tailBytes = 4_096;
/** Maximum number of files named in a reason. */
const mostNamed = 3;

/**
 * The agent as its check runs: with the check's own time, and without the agent's conversation and budget.
 * @param now the start of a check that is not recorded yet
 */
export function checkAgent(agent: Agent, now: string): Agent {
  const { verify, proof } = agent;
  return {
    ...agent,
    timeoutMs: verify?.timeoutMs ?? agent.timeoutMs,
    startedAt: proof?.runningSince ?? now,
    ...{ inactiveMs: 0, budget: noBudget, resumed: null, conversation: null },
  };
}

/** What follows the end of a check's run. */
export type CheckEnd =
  /** The check says what the work is worth. */
  | { readonly how: 'told'; readonly reason: string | null }
  /** It never ran, or nobody knows how it ended: it runs again. */
  | { readonly how: 'again' }
  /** The agent ends. */
  | { readonly how: 'stopped'; readonly outcome: AgentOutcome };

/** Limits that a check exceeds by its own fault, so that the agent may mend it. */
const ownLimits: readonly string[] = ['timeout', 'memory_limit', 'output_limit', 'stalled'];

export function checkEndOf({ run, end, stop }: RunEnd, result: string | null): CheckEnd {
  const cause = run.stopCause;
  const wasSignalled = stop !== null && stop.signals.length > 0;
  if (cause?.kind === 'cancelled') {
    return { how: 'stopped', outcome: { state: 'cancelled', reason: cause.reason } };
  }
  // It ended by itself just before.
  const isTooLate = !wasSignalled && end.how === 'exited';
  if (cause?.kind === 'limit' && !isTooLate) {
    const message = cause.explain(null, run.ranMs());
    if (ownLimits.includes(cause.failure)) return { how: 'told', reason: message };
    const failure = { kind: cause.failure, message, stderrTail: '' };
    return { how: 'stopped', outcome: { state: 'failed', failure, result } };
  }
  const isInterrupted = cause !== null && !isTooLate;
  const isWithdrawn = end.how === 'never_started' && !run.isAdopted;
  if (isInterrupted || isWithdrawn) {
    const reason = cause?.kind === 'interrupted' ? cause.reason : 'Its check had not started yet.';
    return { how: 'stopped', outcome: { state: 'resumable', reason } };
  }
  if (end.how === 'exited') return { how: 'told', reason: null };
  // Somebody restarted the machine, or killed everything: that says nothing about the work.
  if (run.isAdopted) return { how: 'again' };
  return { how: 'told', reason: 'It ended without a record of its exit.' };
}

/** The evidence of a check that has ended. */
export interface CheckEvidence {
  readonly report: CheckReport;
  readonly outputTail: string;
}

/**
 * @param agent as recorded, with the check running
 * @param told why it has failed, if not by its exit status
 * @returns null when the signal aborts first
 */
export async function readEvidence(
  host: Pick<AgentDisk, 'digestCheck' | 'readOutput' | 'plantedAbove'>,
  agent: Agent,
  command: string,
  { run, end }: RunEnd,
  told: string | null,
  signal: AbortSignal,
): Promise<CheckEvidence | null> {
  const { checks: check, subject, runningSince } = agent.proof ?? noProof;
  const read = Promise.all([
    host.digestCheck(agent, check),
    host.readOutput(agent, 'stdout', -tailBytes, tailBytes, check),
    host.readOutput(agent, 'stderr', -tailBytes, tailBytes, check),
    host.plantedAbove(agent, check),
  ]);
  const found = await unlessAborted(read, signal, null);
  if (found === null) return null;
  const [digest, stdout, stderr, planted] = found;
  const hasPassed = end.how === 'exited' && end.exitCode === 0;
  const reason = told ?? (hasPassed && planted.length > 0 ? plantedReason(planted) : null);
  const outputTail = [stdout, stderr]
    .map(({ bytes }) => new TextDecoder().decode(bytes).trimEnd())
    .filter((text) => text !== '')
    .join('\n');
  const exited = end.how === 'exited' && reason === null ? end : null;
  const report = {
    ...{ check, command, commit: subject?.commit ?? null, reason, restored: subject?.restored ?? [] },
    ...{ exitCode: exited?.exitCode ?? null, signal: exited?.signal ?? null },
    ...{ startedAt: runningSince ?? run.agent.startedAt ?? end.at, endedAt: end.at },
    ...{ logSha256: digest?.sha256 ?? '', logBytes: digest?.bytes ?? 0 },
  };
  return { report, outputTail };
}

function plantedReason(paths: readonly string[]): string {
  const named = paths.slice(0, mostNamed).map(showPath).join(', ');
  const more = paths.length > mostNamed ? ` and ${paths.length - mostNamed} more` : '';
  return `While it ran, an agent put files above the folder that it runs in, which can decide how it ends: ${named}${more}.`;
}

/** @param place where its logs are */
export function verificationFailure({ report, outputTail }: FailedCheck, place: string): AgentFailure {
  const message = `Its work did not pass its check: ${report.command}: ${checkEndText(report)}. The output is in ${place}.`;
  return { kind: 'verification_failed', message, stderrTail: outputTail };
}

/** For a check that MAOS could not run at all, which the agent cannot mend. */
export function checkImpossible(error: unknown): AgentFailure {
  const said = error instanceof Error ? error.message : String(error);
  const message = `Its work could not be checked: ${said}`;
  return { kind: 'verification_failed', message, stderrTail: '' };
}
