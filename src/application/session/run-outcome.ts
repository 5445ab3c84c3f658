import type { Agent } from '../../domain/agent.ts';
import { plural } from '../../domain/amounts.ts';
import type { AgentOutcome } from '../../domain/settle-agent.ts';
import type { Usage } from '../../domain/usage.ts';
import type { AgentEnd, StopReport } from '../ports/agent-host.ts';
import type { Backend, ParsedRun, Verdict } from '../ports/backend.ts';
import type { StopCause } from './stop-cause.ts';

/** The time of an end is a file's, which the kernel takes from its last tick: up to 10 ms early. */
const recordTickMs = 10;

/** Everything known about a run that has ended. */
export interface EndedRun {
  readonly agent: Agent;
  readonly backend: Backend;
  readonly end: AgentEnd;
  readonly parsed: ParsedRun;
  readonly stderrTail: string;
  /** Null: MAOS did not stop the run. */
  readonly stop: StopReport | null;
  readonly cause: StopCause | null;
  /** When it was asked to stop. */
  readonly stopAskedAt: string | null;
  readonly usage: Usage | null;
  readonly ranMs: number;
}

/** The outcome of a run, from how its processes ended, what it printed and why it was stopped. */
export function outcomeOf(run: EndedRun): AgentOutcome {
  return outcomeByCause(run, outcomeByEnd(run));
}

function outcomeByEnd({ agent, backend, end: told, parsed, stderrTail }: EndedRun): AgentOutcome {
  if (told.how === 'never_started' && agent.stage === 'preparing')
    return { state: 'resumable', reason: 'Its process had not started yet.' };
  // It had a process, and its launch record is gone: starting it again could repeat its work.
  const end = told.how === 'never_started' ? { how: 'lost' as const, at: told.at } : told;
  const { resumed } = agent;
  const { verdict } = parsed;
  const gone = verdict === null ? backend.goneConversation?.(stderrTail) : goneWords(verdict);
  if (typeof gone === 'string' && resumed !== null) {
    const reason = `Its conversation ${resumed} cannot be resumed (${gone}), so it starts a new one.`;
    return { state: 'resumable', reason, afresh: true };
  }
  const explained = backend.explain(end, parsed, stderrTail);
  if (end.how === 'lost' && agent.pool !== null) return afterLostHost(agent, explained);
  if (end.how === 'lost' && explained.state === 'failed' && backend.capabilities.resumes) {
    return { state: 'resumable', reason: 'Its process ended without a record of its exit.' };
  }
  return explained;
}

/** Its program may still run there: it is run again only if its plan says so, whatever its backend can resume. */
function afterLostHost(agent: Agent, explained: AgentOutcome): AgentOutcome {
  if (explained.state !== 'failed' || explained.failure.kind !== 'lost') return explained;
  const limit = agent.rerunOnLost ?? 0;
  const reruns = agent.reruns ?? 0;
  const { message } = explained.failure;
  if (reruns < limit) {
    const rerun = reruns + 1;
    const reason = `Its host is lost. It runs again as attempt ${agent.attempt + 1} (rerun ${rerun} of ${limit}).`;
    return { state: 'resumable', reason, afresh: true, rerun };
  }
  const why = limit === 0 ? 'its plan has no rerun_on_lost' : `its plan allows ${plural(limit, 'rerun')}`;
  const failure = { ...explained.failure, message: `${message} It is not run again by itself: ${why}.` };
  return { ...explained, failure };
}

function goneWords({ isConversationGone, message }: Verdict): string | null {
  return isConversationGone ? message : null;
}

function outcomeByCause(run: EndedRun, explained: AgentOutcome): AgentOutcome {
  const { cause, stop, end, parsed, stderrTail } = run;
  if (cause === null || hasFinished(run, explained)) return explained;
  const left =
    stop === null || stop.survivors === 0 ? '' : ` ${stop.survivors} processes could not be ended.`;
  switch (cause.kind) {
    case 'cancelled':
      return { state: 'cancelled', reason: `${cause.reason}${left}` };
    case 'interrupted':
      // Success counts even after the signal, because finished work is never repeated. A lost end counts too: it is
      // unknown whether the agent obeyed the signal or had finished at that moment.
      return explained.state === 'completed' || end.how === 'lost'
        ? explained
        : { state: 'resumable', reason: `${cause.reason}${left}` };
    case 'limit': {
      const message = `${cause.explain(run.usage, run.ranMs)}${left}`;
      // It was idle because it waited for its provider, which will accept again.
      const hasWaited = cause.failure === 'stalled' && waitsForProvider(explained);
      const failure = hasWaited
        ? { ...explained.failure, message: `${explained.failure.message}. ${message}` }
        : { kind: cause.failure, message, stderrTail };
      return { state: 'failed', failure, result: parsed.result };
    }
    case 'answered':
      return { state: 'completed', result: cause.result };
    default:
      return explained;
  }
}

function waitsForProvider(explained: AgentOutcome): explained is AgentOutcome & { state: 'failed' } {
  return explained.state === 'failed' && explained.failure.kind === 'rate_limited';
}

/**
 * Finished work stays finished, whatever was requested since. Exit status 0 after a signal does not prove it: the
 * program must have ended before the request, or its CLI must report that it is done.
 */
function hasFinished({ end, parsed, stop, stopAskedAt }: EndedRun, explained: AgentOutcome): boolean {
  if (explained.state !== 'completed') return false;
  const wasAsked = stop !== null && stop.signals.length > 0;
  if (parsed.verdict?.ok === true || !wasAsked) return true;
  return stopAskedAt !== null && Date.parse(end.at) < Date.parse(stopAskedAt) - recordTickMs;
}
