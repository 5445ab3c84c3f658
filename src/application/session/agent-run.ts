import { activeMs } from '../../domain/active-time.ts';
import type { Agent, FailureKind } from '../../domain/agent.ts';
import type { Usage } from '../../domain/usage.ts';
import { type AgentOutcome, type AgentReport, type ProgressNote, usageNow } from '../../domain/workflow.ts';
import type {
  AgentEnd,
  LaunchKey,
  OutputSink,
  ResourceSample,
  RunningAgent,
  StopReport,
} from '../ports/agent-host.ts';
import type { AgentActivity, Backend, OutputParser, ParsedRun } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import { describeActivity } from './activity-line.ts';
import { AnswerWatch } from './answer-watch.ts';
import { type SuspendedTime, takenOverShare } from './session-history.ts';
import { SuspendController } from './suspend-controller.ts';

/** Why MAOS itself ended a run. */
/** The time of an end is that of a file, which a kernel takes from its last tick: up to 10 ms too early. */
const recordTickMs = 10;

export type StopCause =
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'interrupted'; readonly reason: string }
  /** What its output has told already will not get better: its backend explains it. */
  | { readonly kind: 'hopeless' }
  /** It gave this result long ago and did not end. */
  | { readonly kind: 'answered'; readonly result: string }
  /** `explain` says what was measured and the limit, from what it had used and how long it had run at its end. */
  | {
      readonly kind: 'limit';
      readonly failure: FailureKind;
      readonly explain: (usage: Usage | null, ranMs: number) => string;
    };

/** How a run ended, as far as processes are concerned. */
export interface RunEnd {
  readonly run: AgentRun;
  readonly end: AgentEnd;
  readonly stop: StopReport | null;
}

/** What a run needs of whoever looks after it. */
export interface RunCallbacks {
  readonly clock: Clock;
  /** How long a stop stays polite. */
  readonly graceMs: number;
  /** Most bytes it may print; null: no limit. */
  readonly maxOutputBytes: number | null;
  /** How long its processes may remain after its result; null: no limit of its own. */
  readonly afterResultMs: number | null;
  /** False once another MAOS owns the session. */
  isOwner(): boolean;
  /** It is to be stopped and has no process yet: called once, before it begins. */
  withdraw(run: AgentRun): void;
  /** Called once, after the output has been read to its end. */
  ended(end: RunEnd): void;
  /** It stands still, or goes on: something may be decided now. */
  changed(): void;
  trouble(message: string, error: unknown): void;
}

/** How long the end of an agent is waited for of which some processes could not be ended. */
const survivorPatienceMs = 1_000;

/** One run of one agent, from its start to its end: its output parsed, its time limited, its stop remembered. */
export class AgentRun implements OutputSink {
  readonly agent: Agent;
  readonly key: LaunchKey;
  readonly canResume: boolean;
  readonly #backend: Backend;
  readonly #parser: OutputParser;
  readonly #callbacks: RunCallbacks;
  readonly #suspendController: SuspendController;
  readonly #answers: AnswerWatch;
  #running: RunningAgent | null = null;
  #cause: StopCause | null = null;
  #stopAskedAt: string | null = null;
  #stopping: Promise<StopReport> | null = null;
  #isOver = false;
  #stopTimeLimit = (): void => {};
  #cancelTimers: (() => void)[] = [];
  #printed = 0;
  #activity: string | null = null;
  #notedTurns = 0;
  #notedDenials = 0;
  readonly #ranBeforeMs: number;
  readonly #from: number;
  #until: number | null = null;

  /** @param suspended how long this attempt has stood still before, where another owner looked after it */
  constructor(
    agent: Agent,
    backend: Backend,
    callbacks: RunCallbacks,
    suspended: SuspendedTime = { ms: 0, since: null },
  ) {
    this.agent = agent;
    this.key = { sessionId: agent.sessionId, agentId: agent.id, attempt: agent.attempt };
    this.canResume = backend.capabilities.resumes;
    this.#backend = backend;
    this.#parser = backend.makeParser(agent);
    this.#callbacks = callbacks;
    this.#answers = new AnswerWatch(callbacks.clock, callbacks.afterResultMs, ({ text }) =>
      this.stop({ kind: 'answered', result: text }),
    );
    this.#suspendController = new SuspendController(callbacks, suspended.since !== null);
    this.#ranBeforeMs = ranBeforeMs(agent, suspended, callbacks.clock.now());
    this.#from = callbacks.clock.elapsedMs();
    this.#armTimeLimit();
  }

  stdout(chunk: Uint8Array): void {
    const activities = this.#parser.push(chunk);
    this.#noteActivity(activities);
    this.#printed += chunk.length;
    const { maxOutputBytes } = this.#callbacks;
    if (maxOutputBytes !== null && this.#printed > maxOutputBytes) {
      this.stop(outputLimit(this.#printed, maxOutputBytes));
    }
    if (this.#answers.isWatching || activities.some(({ type }) => type === 'result')) {
      this.#answers.update(this.#parser.parsed().answer);
    }
    if (activities.some(({ type }) => type === 'notice')) {
      const { verdict } = this.#parser.parsed();
      if (verdict?.kind === 'auth_required') this.stop({ kind: 'hopeless' });
    }
  }

  printed(bytes: number): void {
    const { maxOutputBytes } = this.#callbacks;
    if (maxOutputBytes !== null && bytes > maxOutputBytes) this.stop(outputLimit(bytes, maxOutputBytes));
  }

  isOwned(): boolean {
    return this.#callbacks.isOwner();
  }

  /** @param running the process behind it */
  begin(running: RunningAgent): void {
    this.#running = running;
    void running.ended.then(async (end) => {
      this.#finish(end, this.#stopping === null ? null : await this.#stopping);
    });
    if (this.#cause === null) this.#suspendController.begin(running);
    else this.#stopNow(running);
  }

  /** Safe to repeat, and before `begin`. The first cause stands: what comes later does not change why it ended. */
  stop(cause: StopCause): void {
    if (this.#cause !== null || this.#isOver) return;
    this.#cause = cause;
    this.#stopAskedAt = this.#callbacks.clock.now();
    if (this.#running === null) this.#callbacks.withdraw(this);
    else this.#stopNow(this.#running);
  }

  /** Its launch was withdrawn before there was a process, and there will be none. */
  neverStarted(): void {
    this.#finish({ how: 'never_started', at: this.#callbacks.clock.now() }, null);
  }

  /** Why it is to be stopped; null while it is not. */
  get stopCause(): StopCause | null {
    return this.#cause;
  }

  get isStopping(): boolean {
    return this.#cause !== null;
  }

  /** Lets its processes stand still as soon as there are any, and its time limit with them. Safe to repeat. */
  suspend(): void {
    this.#stopTimeLimit();
    this.#suspendController.suspend();
  }

  /** Lets them go on. Safe to repeat. */
  resume(): void {
    this.#suspendController.resume();
    this.#armTimeLimit();
  }

  /** 'suspended' and 'running' once it is so, 'changing' before. */
  get suspendState(): 'suspended' | 'running' | 'changing' {
    return this.#suspendController.state;
  }

  /** Why it neither stands still nor goes on as was asked, though it is still tried; null while it may. */
  get suspendTrouble(): string | null {
    return this.#suspendController.trouble;
  }

  /** Milliseconds this attempt has run, without those it stood still. */
  ranMs(): number {
    const until = this.#until ?? this.#callbacks.clock.elapsedMs();
    return this.#ranBeforeMs + Math.max(0, until - this.#from - this.#suspendController.suspendedMs(until));
  }

  /** What the agent has used over all attempts, with what this one has reported so far. */
  usage(agent: Agent = this.agent): Usage | null {
    const { usage, conversation } = this.#parser.parsed();
    return usageNow(agent, usage, conversation);
  }

  /** What its processes use; null while they are not to be measured: not begun, standing still, or about to end. */
  async sample(): Promise<ResourceSample | null> {
    if (this.#running === null || this.#isOver || this.isStopping || this.suspendState !== 'running')
      return null;
    return this.#running.sample();
  }

  /** The memory its processes use, shared pages counted once; null as for {@link sample}. */
  async memory(): Promise<number | null> {
    if (this.#running === null || this.#isOver || this.isStopping) return null;
    return this.#running.memory();
  }

  /** Another owner looks after the agent from now on: its limits are not enforced from here any more. */
  abandon(): void {
    this.#isOver = true;
    this.#stopTimeLimit();
    this.#suspendController.abandon();
    this.#answers.stop();
    for (const cancel of this.#cancelTimers) cancel();
  }

  /** What was heard since the last call; null when nothing was. */
  takeNote(): ProgressNote | null {
    const { usage, conversation, turns, denials } = this.#parser.parsed();
    const lingering = this.#answers.take();
    const hasProgressed = this.#activity !== null || turns !== this.#notedTurns;
    const refused = denials?.count ?? 0;
    if (!hasProgressed && lingering === undefined && refused === this.#notedDenials) return null;
    const activity = hasProgressed ? (this.#activity ?? '') : null;
    this.#activity = null;
    this.#notedTurns = turns;
    this.#notedDenials = refused;
    const note = { id: this.agent.id, activity, usage, conversation, denials };
    return lingering === undefined ? note : { ...note, lingering };
  }

  /** When its provider answers again, if that is why it failed and it was said. */
  get retryAt(): string | null {
    return this.#parser.parsed().verdict?.retryAt ?? null;
  }

  /** The report of the run's end, from how its process ended, what it printed and why it was stopped. */
  report(end: AgentEnd, stop: StopReport | null, stderrTail: string): AgentReport {
    const run = this.#parser.parsed();
    const outcome = this.#byCause(this.#byEnd(end, run, stderrTail), run, end, stop, stderrTail);
    return {
      outcome,
      usage: run.usage,
      conversation: run.conversation,
      denials: run.denials,
      activeMs: this.ranMs(),
    };
  }

  #byEnd(told: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome {
    if (told.how === 'never_started' && this.agent.stage === 'preparing')
      return { state: 'resumable', reason: 'Its process had not started yet.' };
    // It had a process, and the record of its launch is gone: to start it again could do its work twice.
    const end = told.how === 'never_started' ? { how: 'lost' as const, at: told.at } : told;
    const { resumed } = this.agent;
    if (run.verdict?.isConversationGone && resumed !== null) {
      const reason = `Its conversation ${resumed} cannot be resumed (${run.verdict.message}), so it starts a new one.`;
      return { state: 'resumable', reason, afresh: true };
    }
    const explained = this.#backend.explain(end, run, stderrTail);
    if (end.how === 'lost' && explained.state === 'failed' && this.canResume) {
      return { state: 'resumable', reason: 'Its process ended without a record of its exit.' };
    }
    return explained;
  }

  #byCause(
    explained: AgentOutcome,
    run: ParsedRun,
    end: AgentEnd,
    stop: StopReport | null,
    stderrTail: string,
  ): AgentOutcome {
    const left =
      stop === null || stop.survivors === 0 ? '' : ` ${stop.survivors} processes could not be ended.`;
    if (this.#cause === null || this.#hasFinished(explained, run, end, stop)) return explained;
    switch (this.#cause.kind) {
      case 'cancelled':
        return { state: 'cancelled', reason: `${this.#cause.reason}${left}` };
      case 'interrupted':
        // Its success stands even if it came after the signal: finished work is never run again. Nor is what
        // left no record of its end, whether it obeyed or was done at that moment: nobody can say that it had not finished.
        return explained.state === 'completed' || end.how === 'lost'
          ? explained
          : { state: 'resumable', reason: `${this.#cause.reason}${left}` };
      case 'limit': {
        const said = this.#cause.explain(this.usage(), this.ranMs());
        const failure = { kind: this.#cause.failure, message: `${said}${left}`, stderrTail };
        return { state: 'failed', failure, result: run.result };
      }
      case 'answered':
        return { state: 'completed', result: this.#cause.result };
      default:
        return explained;
    }
  }

  /**
   * Finished work stays finished, whatever was asked since. That a program obeyed a signal with status 0 does not say
   * so: it must have ended before it was asked, or its CLI must say that it is done.
   */
  #hasFinished(explained: AgentOutcome, run: ParsedRun, end: AgentEnd, stop: StopReport | null): boolean {
    if (explained.state !== 'completed') return false;
    const wasAsked = stop !== null && stop.signals.length > 0;
    if (run.verdict?.ok === true || !wasAsked) return true;
    const askedAt = this.#stopAskedAt;
    return askedAt !== null && Date.parse(end.at) < Date.parse(askedAt) - recordTickMs;
  }

  #armTimeLimit(): void {
    this.#stopTimeLimit();
    if (this.#isOver || this.#suspendController.isAsked) return;
    const { clock } = this.#callbacks;
    const limitMs = this.agent.timeoutMs;
    const left = Math.max(0, limitMs - this.ranMs());
    this.#stopTimeLimit = clock.after(left, () => {
      if (this.ranMs() >= limitMs) this.stop(timeLimit(limitMs));
      // Timers may go on while the machine sleeps: this one came too early.
      else this.#armTimeLimit();
    });
  }

  #stopNow(running: RunningAgent): void {
    this.#stopping = running.stop(this.#callbacks.graceMs);
    void this.#stopping.then((report) => {
      if (report.survivors === 0) return;
      // The end may never come: what could not be ended is reported instead of waited for.
      const { clock } = this.#callbacks;
      const giveUp = (): void => this.#finish({ how: 'lost', at: clock.now() }, report);
      this.#cancelTimers.push(clock.after(survivorPatienceMs, giveUp));
    });
  }

  #finish(end: AgentEnd, stop: StopReport | null): void {
    if (this.#isOver) return;
    this.#until = this.#callbacks.clock.elapsedMs();
    this.abandon();
    this.#noteActivity(this.#parser.end());
    this.#callbacks.ended({ run: this, end, stop });
  }

  #noteActivity(activities: readonly AgentActivity[]): void {
    const last = activities.findLast((activity) => describeActivity(activity) !== null);
    if (last !== undefined) this.#activity = describeActivity(last);
  }
}

/** By the machine's clock, which may have been set since, or have gone on in sleep: so never all of a limit. */
function ranBeforeMs(agent: Agent, suspended: SuspendedTime, now: string): number {
  const { timeoutMs, budget } = agent;
  const ranMs = activeMs(agent, Date.parse(suspended.since ?? now)) - suspended.ms;
  const limitMs = Math.min(timeoutMs, budget.maxWallMs ?? timeoutMs);
  return Math.min(Math.max(0, ranMs), limitMs * takenOverShare);
}

function timeLimit(limitMs: number): StopCause {
  const limit = limitMs % 60_000 === 0 ? `${limitMs / 60_000} min` : `${limitMs / 1000} s`;
  const text = `It ran longer than its limit of ${limit} and was stopped. Give it a longer timeout_minutes, or a smaller task.`;
  return { kind: 'limit', failure: 'timeout', explain: () => text };
}

/** It printed more than it may. */
export function outputLimit(printed: number, limit: number): StopCause {
  const text = `It printed ${mebibytes(printed)} MiB, more than its limit of ${mebibytes(limit)} MiB (limits.maxOutputMb), and was stopped. Make it write to files, or print less.`;
  return { kind: 'limit', failure: 'output_limit', explain: () => text };
}

/** With one decimal, and more where it would be 0. */
export function mebibytes(bytes: number): string {
  const value = bytes / 2 ** 20;
  return value >= 0.1 ? value.toFixed(1).replace(/\.0$/, '') : value.toPrecision(2);
}
