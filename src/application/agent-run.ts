import type { Agent } from '../domain/agent.ts';
import type { AgentOutcome, AgentReport, ProgressNote } from '../domain/workflow.ts';
import type {
  AgentActivity,
  AgentEnd,
  Backend,
  Clock,
  LaunchKey,
  OutputParser,
  OutputSink,
  ParsedRun,
  RunningAgent,
  StopReport,
} from './ports.ts';

/** Why MAOS itself ended a run. */
export type StopCause =
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'interrupted'; readonly reason: string }
  | { readonly kind: 'timeout'; readonly limitMs: number };

/** How a run ended, as far as processes are concerned. */
export interface RunEnd {
  readonly run: AgentRun;
  readonly end: AgentEnd;
  readonly stop: StopReport | null;
}

/** How long the end of an agent is waited for of which some processes could not be ended. */
const survivorPatienceMs = 1_000;

/** One run of one agent, from its start to its end: its output parsed, its time limited, its stop remembered. */
export class AgentRun implements OutputSink {
  readonly agent: Agent;
  readonly key: LaunchKey;
  readonly #backend: Backend;
  readonly #parser: OutputParser;
  readonly #clock: Clock;
  #running: RunningAgent | null = null;
  #cause: StopCause | null = null;
  #stopping: Promise<StopReport> | null = null;
  #graceMs = 0;
  #onEnd: ((end: RunEnd) => void) | null = null;
  #cancelTimers: (() => void)[] = [];
  #activity: string | null = null;
  #notedTurns = 0;

  constructor(agent: Agent, backend: Backend, clock: Clock) {
    this.agent = agent;
    this.key = { sessionId: agent.sessionId, agentId: agent.id, attempt: agent.attempt };
    this.#backend = backend;
    this.#parser = backend.makeParser();
    this.#clock = clock;
  }

  stdout(chunk: Uint8Array): void {
    this.#hear(this.#parser.push(chunk));
  }

  /**
   * @param running the process behind it
   * @param graceMs how long a stop at the time limit stays polite
   * @param onEnd called once, after the output has been read to its end
   */
  begin(running: RunningAgent, graceMs: number, onEnd: (end: RunEnd) => void): void {
    this.#running = running;
    this.#onEnd = onEnd;
    const spent = Math.max(
      0,
      Date.parse(this.#clock.now()) - Date.parse(this.agent.startedAt ?? this.#clock.now()),
    );
    const limitMs = this.agent.timeoutMs;
    this.#later(Math.max(0, limitMs - spent), () => this.stop({ kind: 'timeout', limitMs }, graceMs));
    void running.ended.then(async (end) => {
      this.#finish(end, this.#stopping === null ? null : await this.#stopping);
    });
    if (this.#cause !== null) this.#stopNow(running);
  }

  /** Safe to repeat, and before `begin`. The first cause stands: what comes later does not change why it ended. */
  stop(cause: StopCause, graceMs: number): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#graceMs = graceMs;
    if (this.#running !== null) this.#stopNow(this.#running);
  }

  /** Another owner looks after the agent from now on: its limits are not enforced from here any more. */
  abandon(): void {
    this.#onEnd = null;
    for (const cancel of this.#cancelTimers) cancel();
  }

  /** What was heard since the last call; null when nothing was. */
  takeNote(): ProgressNote | null {
    const { usage, conversation, turns } = this.#parser.parsed();
    if (this.#activity === null && turns === this.#notedTurns) return null;
    const note = { id: this.agent.id, activity: this.#activity ?? '', usage, conversation };
    this.#activity = null;
    this.#notedTurns = turns;
    return note;
  }

  /** The report of the run's end, from how its process ended, what it printed and why it was stopped. */
  report(end: AgentEnd, stop: StopReport | null, stderrTail: string): AgentReport {
    const run = this.#parser.parsed();
    const outcome = this.#byCause(this.#byEnd(end, run, stderrTail), run.result, stop, stderrTail);
    return { outcome, usage: run.usage, conversation: run.conversation };
  }

  #byEnd(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome {
    if (end.how === 'never_started')
      return { state: 'resumable', reason: 'Its process had not been started yet.' };
    const explained = this.#backend.explain(end, run, stderrTail);
    if (end.how === 'lost' && explained.state === 'failed' && this.#backend.canResume) {
      return { state: 'resumable', reason: 'Its process is gone without a record of how it ended.' };
    }
    return explained;
  }

  #byCause(
    explained: AgentOutcome,
    result: string | null,
    stop: StopReport | null,
    stderrTail: string,
  ): AgentOutcome {
    const left =
      stop === null || stop.survivors === 0 ? '' : ` ${stop.survivors} processes could not be ended.`;
    switch (this.#cause?.kind) {
      case 'cancelled':
        return { state: 'cancelled', reason: `${this.#cause.reason}${left}` };
      case 'interrupted':
        // It finished before the signal reached it: finished work is never run again.
        return explained.state === 'completed'
          ? explained
          : { state: 'resumable', reason: `${this.#cause.reason}${left}` };
      case 'timeout': {
        if (explained.state === 'completed') return explained;
        const message = `It ran longer than its limit of ${formatMs(this.#cause.limitMs)} and was stopped.${left} Give it a longer timeout_minutes or a smaller task.`;
        return { state: 'failed', failure: { kind: 'timeout', message, stderrTail }, result };
      }
      default:
        return explained;
    }
  }

  #stopNow(running: RunningAgent): void {
    this.#stopping = running.stop(this.#graceMs);
    void this.#stopping.then((report) => {
      if (report.survivors === 0) return;
      // The end may never come: what could not be ended is reported instead of waited for.
      this.#later(survivorPatienceMs, () => this.#finish({ how: 'lost', at: this.#clock.now() }, report));
    });
  }

  #finish(end: AgentEnd, stop: StopReport | null): void {
    const onEnd = this.#onEnd;
    if (onEnd === null) return;
    this.abandon();
    this.#hear(this.#parser.end());
    onEnd({ run: this, end, stop });
  }

  #later(ms: number, action: () => void): void {
    this.#cancelTimers.push(this.#clock.after(ms, action));
  }

  #hear(activities: readonly AgentActivity[]): void {
    const last = activities.findLast((activity) => describeActivity(activity) !== null);
    if (last !== undefined) this.#activity = describeActivity(last);
  }
}

function formatMs(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}

/** One line of at most 160 characters for a listing; null for what is no news. */
export function describeActivity(activity: AgentActivity): string | null {
  switch (activity.type) {
    case 'text':
    case 'notice':
      return oneLine(activity.text);
    case 'tool_use':
      return oneLine(activity.detail === '' ? activity.tool : `${activity.tool}: ${activity.detail}`);
    default:
      return null;
  }
}

function oneLine(text: string): string | null {
  // Not split first: a chunk of output can hold thousands of lines.
  const line = /\S.*/.exec(text)?.[0].trimEnd();
  if (line === undefined) return null;
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}
