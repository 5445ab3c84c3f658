import { activeMs } from '../../domain/active-time.ts';
import type { Agent } from '../../domain/agent.ts';
import { type ProgressNote, usageNow } from '../../domain/running-agents.ts';
import type { AgentReport } from '../../domain/settle-agent.ts';
import type { Usage } from '../../domain/usage.ts';
import type {
  AgentEnd,
  HostNews,
  LaunchKey,
  LimitReached,
  OutputSink,
  ResourceSample,
  RunningAgent,
  StopReport,
} from '../ports/agent-host.ts';
import type { AgentActivity, Backend, OutputParser, ParsedRun } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import { AnswerWatch } from './answer-watch.ts';
import { LiveChannel } from './live-channel.ts';
import { outcomeOf } from './run-outcome.ts';
import { RunProgress } from './run-progress.ts';
import { type SuspendedTime, takenOverShare } from './session-history.ts';
import { outputLimit, type StopCause, subagentLimit, timeLimit } from './stop-cause.ts';
import { SuspendController } from './suspend-controller.ts';

/** How the processes of a run ended. */
export interface RunEnd {
  readonly run: AgentRun;
  readonly end: AgentEnd;
  readonly stop: StopReport | null;
}

/** What a run needs from its owner. */
export interface RunCallbacks {
  readonly clock: Clock;
  /** How long processes may take to end by themselves before a stop kills them. */
  readonly graceMs: number;
  /** Maximum output in bytes; null: no limit. */
  readonly maxOutputBytes: number | null;
  /** How long its processes may remain after its result; null: no limit. */
  readonly afterResultMs: number | null;
  /** How long its CLI may retry while its provider refuses it; null: no limit. */
  readonly refusedMs: number | null;
  /** Maximum number of sub-agents; null: no limit. */
  readonly maxSubagents: number | null;
  /** False once another MAOS owns the session. */
  isOwner(): boolean;
  /** Called once, before `begin`, when the run must stop and has no process yet. */
  withdraw(run: AgentRun): void;
  /** Called once, after the output has been read to its end. */
  ended(end: RunEnd): void;
  news(run: AgentRun, news: HostNews): void;
  /** Called when the run was suspended or resumed, so that the owner can decide what follows. */
  changed(): void;
  trouble(message: string, error: unknown): void;
}

/** How long to wait for the end of an agent when some of its processes could not be ended. */
const survivorPatienceMs = 1_000;

/**
 * One run of one agent, or of a check of its work, from its start to its end: parses its output, limits its time, and remembers why it was
 * stopped.
 */
export class AgentRun implements OutputSink {
  readonly agent: Agent;
  readonly key: LaunchKey;
  /** Null if its CLI reads only its prompt. */
  readonly channel: LiveChannel | null;
  readonly #backend: Backend;
  readonly #parser: OutputParser;
  readonly #callbacks: RunCallbacks;
  readonly #suspendController: SuspendController;
  readonly #answers: AnswerWatch;
  readonly #progress: RunProgress;
  /** The agent waits for an answer, so its silence does not mean that it is stuck. */
  isAwaiting = false;
  /** Another owner has started it, so its output is read again from the beginning. */
  isAdopted = false;
  #running: RunningAgent | null = null;
  #wasCaughtUp = false;
  #cause: StopCause | null = null;
  #stopAskedAt: string | null = null;
  #stopping: Promise<StopReport> | null = null;
  #isOver = false;
  #stopTimeLimit = (): void => {};
  #cancelTimers: (() => void)[] = [];
  /** Set while the provider refuses the agent. */
  #stopRefusalLimit: (() => void) | null = null;
  #printed = 0;
  /** Messages in results of the team's server that have not been reported yet. */
  readonly #shown: string[] = [];
  readonly #ranBeforeMs: number;
  /** Null: it waits for a host, and its time has not begun. */
  #from: number | null;
  #until: number | null = null;

  /**
   * @param suspended how long this attempt was suspended under earlier owners
   * @param check the number of the check that runs; missing: the agent's own program
   */
  constructor(
    agent: Agent,
    backend: Backend,
    callbacks: RunCallbacks,
    suspended: SuspendedTime = { ms: 0, since: null },
    check?: number,
  ) {
    this.agent = agent;
    const key = { sessionId: agent.sessionId, agentId: agent.id, attempt: agent.attempt };
    this.key = check === undefined ? key : { ...key, check };
    this.#backend = backend;
    this.#progress = new RunProgress(agent.id);
    this.#parser = backend.makeParser(agent);
    this.#callbacks = callbacks;
    this.#answers = new AnswerWatch(callbacks.clock, callbacks.afterResultMs, ({ text }) =>
      this.stop({ kind: 'answered', result: text }),
    );
    this.channel = backend.live === null ? null : new LiveChannel(callbacks);
    this.#suspendController = new SuspendController(callbacks, suspended.since !== null);
    const waitsForHost = agent.pool !== null && agent.stage === 'preparing';
    this.#ranBeforeMs = waitsForHost ? 0 : ranBeforeMs(agent, suspended, callbacks.clock.now());
    this.#from = waitsForHost ? null : callbacks.clock.elapsedMs();
    this.#armTimeLimit();
  }

  stdout(chunk: Uint8Array): void {
    // The first output shows that the messages in the prompt have arrived.
    if (this.channel === null && this.#printed === 0) this.#callbacks.changed();
    const activities = this.#parser.push(chunk);
    this.#follow(activities);
    this.channel?.add(activities);
    this.#printed += chunk.length;
    if (!this.#wasCaughtUp && this.isCaughtUp) {
      this.#wasCaughtUp = true;
      if (this.isAdopted) this.#callbacks.changed();
    }
    const { maxOutputBytes } = this.#callbacks;
    if (maxOutputBytes !== null && this.#printed > maxOutputBytes) {
      this.stop(outputLimit(this.#printed, maxOutputBytes));
    }
    if (this.#answers.isWatching || activities.some(({ type }) => type === 'result')) {
      this.#answers.update(this.#parser.parsed().answer);
    }
    if (activities.length > 0) this.#limitSubagents();
    if (this.#stopRefusalLimit !== null || activities.some(({ type }) => type === 'notice')) this.#judge();
  }

  printed(bytes: number): void {
    const { maxOutputBytes } = this.#callbacks;
    if (maxOutputBytes !== null && bytes > maxOutputBytes) this.stop(outputLimit(bytes, maxOutputBytes));
  }

  news(news: HostNews): void {
    this.#callbacks.news(this, news);
  }

  limited({ failure, explanation }: LimitReached): void {
    this.stop({ kind: 'limit', failure, explain: () => explanation });
  }

  /** Whether the agent's conversation can be resumed after an interruption, as far as is known now. */
  get canResume(): boolean {
    // Conversations stay on the host that had them.
    if (this.agent.pool !== null) return false;
    return this.#backend.capabilities.resumes && this.#parser.parsed().cannotResume !== true;
  }

  /** Whether it is a check of the agent's work instead of its program. */
  get isCheck(): boolean {
    return this.key.check !== undefined;
  }

  /** Whether it has ended, or another one has taken its place. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether its program has printed anything. */
  get hasPrinted(): boolean {
    return this.#printed > 0;
  }

  /** Whether its CLI takes messages while it works. */
  get takesAtOnce(): boolean {
    return this.#backend.live?.takesTexts === 'at_once';
  }

  /** The messages that its output has shown in results of the team's server since the last call. */
  takeShown(): readonly string[] {
    return this.#shown.splice(0);
  }

  /** The agent has given its result, and waits for more input or the end of its input. */
  get isAtRest(): boolean {
    return this.channel?.hasResult === true && this.#parser.parsed().isAtRest === true;
  }

  /** False for an adopted run whose earlier output is still being read: what it tells may be long over. */
  get isCaughtUp(): boolean {
    return !this.isAdopted || this.#running?.isCaughtUp() === true;
  }

  /** See {@link Backend.idleCpuShare}. */
  get idleCpuShare(): number | undefined {
    return this.#backend.idleCpuShare;
  }

  isOwned(): boolean {
    return this.#callbacks.isOwner();
  }

  /** @param running its process */
  begin(running: RunningAgent): void {
    this.#running = running;
    if (this.#from === null) {
      this.#from = this.#callbacks.clock.elapsedMs();
      this.#armTimeLimit();
    }
    this.channel?.begin(running);
    if (this.isAdopted) this.#callbacks.changed();
    void running.ended.then(async (end) => {
      this.#finish(end, this.#stopping === null ? null : await this.#stopping);
    });
    if (this.#cause === null) this.#suspendController.begin(running);
    else this.#stopNow(running);
  }

  /** Safe to repeat, and to call before `begin`. The first cause counts: later ones do not change why the run ended. */
  stop(cause: StopCause): void {
    if (this.#cause !== null || this.#isOver) return;
    this.#cause = cause;
    this.#stopAskedAt = this.#callbacks.clock.now();
    if (this.#running === null) this.#callbacks.withdraw(this);
    else this.#stopNow(this.#running);
  }

  /** The launch was withdrawn before there was a process, and there will be none. */
  neverStarted(): void {
    this.#finish({ how: 'never_started', at: this.#callbacks.clock.now() }, null);
  }

  /** Why the run must stop; null: it continues. */
  get stopCause(): StopCause | null {
    return this.#cause;
  }

  get isStopping(): boolean {
    return this.#cause !== null;
  }

  /** Suspends its processes, as soon as there are any, and its time limit. Safe to repeat. */
  suspend(): void {
    this.#stopTimeLimit();
    this.#suspendController.suspend();
  }

  /** Resumes its processes and its time limit. Safe to repeat. */
  resume(): void {
    this.#suspendController.resume();
    this.#armTimeLimit();
  }

  /** 'changing' until all processes are suspended or resumed. */
  get suspendState(): 'suspended' | 'running' | 'changing' {
    return this.#suspendController.state;
  }

  /** Why suspending or resuming fails although MAOS still retries; null while it may succeed. */
  get suspendTrouble(): string | null {
    return this.#suspendController.trouble;
  }

  /** How long this attempt has run, in milliseconds, without suspensions. */
  ranMs(): number {
    if (this.#from === null) return 0;
    const until = this.#until ?? this.#callbacks.clock.elapsedMs();
    return this.#ranBeforeMs + Math.max(0, until - this.#from - this.#suspendController.suspendedMs(until));
  }

  /** The agent's usage over all attempts, including what this one has reported so far. */
  usage(agent: Agent = this.agent): Usage | null {
    const { usage, conversation } = this.#parsed();
    return usageNow(agent, usage, conversation);
  }

  /**
   * What its processes use; null while they must not be measured: before they begin, while suspended, and when about to
   * end.
   */
  async sample(): Promise<ResourceSample | null> {
    if (this.#running === null || this.#isOver || this.isStopping || this.suspendState !== 'running')
      return null;
    return this.#running.sample();
  }

  /** The memory that its processes use, with shared pages counted once; null as for {@link sample}. */
  async memory(): Promise<number | null> {
    if (this.#running === null || this.#isOver || this.isStopping) return null;
    return this.#running.memory();
  }

  /** Another owner supervises the agent now: this one enforces no more limits. */
  abandon(): void {
    this.#isOver = true;
    this.#stopTimeLimit();
    this.#suspendController.abandon();
    this.#answers.stop();
    this.#stopRefusalLimit?.();
    for (const cancel of this.#cancelTimers) cancel();
  }

  /** The progress since the last call; null if there is none. */
  takeNote(): ProgressNote | null {
    const note = this.#progress.take(this.#parsed(), this.#answers);
    if (note === null || !this.isCheck) return note;
    // What the agent's program has reported stays as it is.
    return { id: note.id, activity: note.activity, usage: null, conversation: null };
  }

  /** When the provider accepts requests again, if its refusal ended the run and named a time. */
  get retryAt(): string | null {
    return this.#parsed().verdict?.retryAt ?? null;
  }

  /** The report on the run's end, from how its process ended, what it printed and why it was stopped. */
  report(end: AgentEnd, stop: StopReport | null, stderrTail: string): AgentReport {
    const parsed = this.#parsed();
    const activeMs = this.ranMs();
    const outcome = outcomeOf({
      ...{ agent: this.agent, backend: this.#backend, end, parsed, stderrTail, stop },
      ...{ cause: this.#cause, stopAskedAt: this.#stopAskedAt, usage: this.usage(), ranMs: activeMs },
    });
    const { usage, conversation, denials, subagents } = parsed;
    return { outcome, usage, conversation, denials, subagents, activeMs };
  }

  /** In a conversation that began anew instead of being resumed, all usage is this run's own. */
  #parsed(): ParsedRun {
    const parsed = this.#parser.parsed();
    if (this.#running?.beganAfresh !== true || parsed.usage === null) return parsed;
    return { ...parsed, usage: { ...parsed.usage, isOfRun: true } };
  }

  #follow(activities: readonly AgentActivity[]): void {
    this.#progress.add(activities);
    for (const activity of activities) {
      if (activity.type !== 'received' || activity.via === undefined) continue;
      this.#shown.push(activity.entry);
      this.#callbacks.changed();
    }
  }

  #limitSubagents(): void {
    const maxSubagents = this.agent.maxSubagents ?? this.#callbacks.maxSubagents;
    if (maxSubagents === null) return;
    const { subagents } = this.#parser.parsed();
    if (subagents > maxSubagents) this.stop(subagentLimit(subagents, maxSubagents));
  }

  /** Reacts to the output of the running attempt: to a provider that rejects the sign-in or refuses temporarily. */
  #judge(): void {
    const { clock, refusedMs } = this.#callbacks;
    const kind = this.#parser.parsed().verdict?.kind;
    if (kind === 'auth_required') this.stop({ kind: 'hopeless' });
    if (kind !== 'rate_limited') {
      this.#stopRefusalLimit?.();
      this.#stopRefusalLimit = null;
    } else if (refusedMs !== null) {
      this.#stopRefusalLimit ??= clock.after(refusedMs, () => this.stop({ kind: 'hopeless' }));
    }
  }

  #armTimeLimit(): void {
    this.#stopTimeLimit();
    if (this.#from === null || this.#isOver || this.#suspendController.isAsked) return;
    const { clock } = this.#callbacks;
    const limitMs = this.agent.timeoutMs;
    if (limitMs === null) return;
    const left = Math.max(0, limitMs - this.ranMs());
    this.#stopTimeLimit = clock.after(left, () => {
      if (this.ranMs() >= limitMs) this.stop(timeLimit(limitMs));
      // Timers may continue while the machine sleeps, so this one was early.
      else this.#armTimeLimit();
    });
  }

  #stopNow(running: RunningAgent): void {
    this.#stopping = running.stop(this.#callbacks.graceMs);
    void this.#stopping.then((report) => {
      if (report.survivors === 0) return;
      // The end may never come: report the processes that could not be ended instead of waiting for them.
      const { clock } = this.#callbacks;
      const giveUp = (): void => this.#finish({ how: 'lost', at: clock.now() }, report);
      this.#cancelTimers.push(clock.after(survivorPatienceMs, giveUp));
    });
  }

  #finish(end: AgentEnd, stop: StopReport | null): void {
    if (this.#isOver) return;
    this.#until = this.#callbacks.clock.elapsedMs();
    this.abandon();
    this.#follow(this.#parser.end());
    this.#callbacks.ended({ run: this, end, stop });
  }
}

/**
 * Computed from the machine's clock, which may have been set or have continued during sleep, so it never uses up a
 * whole limit.
 */
function ranBeforeMs(agent: Agent, suspended: SuspendedTime, now: string): number {
  const { timeoutMs, budget } = agent;
  const ranMs = activeMs(agent, Date.parse(suspended.since ?? now)) - suspended.ms;
  const limitMs = Math.min(
    timeoutMs ?? Number.POSITIVE_INFINITY,
    budget.maxWallMs ?? Number.POSITIVE_INFINITY,
  );
  return Math.min(Math.max(0, ranMs), limitMs * takenOverShare);
}
