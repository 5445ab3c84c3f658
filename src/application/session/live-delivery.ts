import { isMaosError } from '../../domain/errors.ts';
import { type AgentId, messagePattern, parseMessageId } from '../../domain/ids.ts';
import type { Message } from '../../domain/message.ts';
import { Mailbox } from '../messaging/mailbox.ts';
import { renderMessage, senderOf } from '../messaging/render-message.ts';
import { teamReachOf } from '../messaging/team-reach.ts';
import type { Project } from '../project.ts';
import type { AgentRun } from './agent-run.ts';
import type { ChannelNews } from './live-channel.ts';
import type { LiveRequests } from './live-requests.ts';
import type { SessionRecord } from './session-record.ts';
import type { WakeSignal } from './wake-signal.ts';

/** What delivering messages needs of the project. */
export type DeliveryProject = ConstructorParameters<typeof Mailbox>[0] & Pick<Project, 'backends'>;

interface LiveDeliveryDeps {
  readonly project: DeliveryProject;
  readonly record: SessionRecord;
  readonly runs: ReadonlyMap<AgentId, AgentRun>;
  readonly requests: LiveRequests;
  readonly wakeSignal: WakeSignal;
}

/** Messages claimed in one transaction. */
const claimBatch = 20;
/** More that an agent has not received yet are sent again when the first of them have come. */
const maxResent = 1_000;
/** Before what could not be written is written again. */
const retryMs = 1_000;

/**
 * Speaks with agents whose CLIs take input while they work. A message is claimed, then sent under its id, and delivered
 * when the CLI shows it: so it is sent once, whoever dies in between. The input of an agent ends when it has given its
 * result and no message waits for it.
 */
export class LiveDelivery {
  readonly #deps: LiveDeliveryDeps;
  readonly #mailbox: Mailbox;
  /** Whose claimed messages have been sent under this owner. */
  readonly #met = new WeakSet<AgentRun>();
  #isToLook = true;
  #unsubscribe = (): void => {};

  constructor(deps: LiveDeliveryDeps) {
    this.#deps = deps;
    this.#mailbox = new Mailbox(deps.project);
  }

  /** Wakes the session's loop for messages, whoever sends them. */
  start(): void {
    this.#unsubscribe = this.#deps.project.watcher.subscribe(() => {
      if (this.#isToLook || !this.#hasDueForAny()) return;
      this.#isToLook = true;
      this.#deps.wakeSignal.notify();
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** What CLIs have said, and the answers to it. To be called in every round. */
  async hear(hasOpenRequests: boolean): Promise<void> {
    const { runs, requests } = this.#deps;
    for (const run of runs.values()) {
      for (const news of run.channel?.take() ?? []) await this.#hear(run, news);
    }
    requests.follow(hasOpenRequests);
  }

  /** What agents are to receive, or the end of it. To be called while the session runs. */
  async deliver(): Promise<void> {
    const isToLook = this.#isToLook;
    this.#isToLook = false;
    for (const run of this.#deps.runs.values()) {
      const { channel } = run;
      if (channel === null || !isReady(run)) continue;
      if (channel.takeFailure()) this.#retry(run);
      const isNew = !this.#met.has(run);
      if (isNew) await this.#meet(run);
      if ((isNew || isToLook || run.isAtRest) && this.#hasDue(run)) await this.#send(run);
      else if (run.isAtRest && channel.isSettled) channel.close();
    }
  }

  async #hear(run: AgentRun, news: ChannelNews): Promise<void> {
    switch (news.type) {
      case 'permission':
        return this.#deps.requests.opened(run, news);
      case 'permission_withdrawn':
        return this.#deps.requests.withdrawn(run, news.key);
      case 'received':
        if (messagePattern.test(news.entry)) await this.#received(run, news.entry);
    }
  }

  async #received(run: AgentRun, entry: string): Promise<void> {
    const { attempt } = run.key;
    try {
      const id = parseMessageId(entry);
      await this.#deps.record.whenStoreIsFree(() => this.#mailbox.delivered(id, attempt));
    } catch (error) {
      // A CLI can print any id.
      if (!isMaosError(error, 'INVALID_INPUT')) throw error;
    }
  }

  /**
   * What was on its way to an earlier attempt waits again. Of a run that an earlier owner followed, what that has claimed
   * may not have been written.
   */
  async #meet(run: AgentRun): Promise<void> {
    this.#met.add(run);
    const { sessionId, agentId, attempt } = run.key;
    const queued = this.#mailbox.list({ sessionId, to: agentId, state: 'queued', limit: maxResent });
    const earlier = queued.map(({ agentAttempt }) => agentAttempt ?? attempt).filter((of) => of < attempt);
    for (const of of new Set(earlier)) {
      await this.#deps.record.whenStoreIsFree(() => this.#mailbox.release(agentId, of));
    }
    for (const message of queued.toReversed()) {
      if (message.via === 'live' && message.agentAttempt === attempt) this.#write(run, message);
    }
  }

  async #send(run: AgentRun): Promise<void> {
    const { sessionId, agentId, attempt } = run.key;
    const claim = () => this.#mailbox.claim({ sessionId, agentId }, attempt, 'live', claimBatch);
    for (;;) {
      const messages = await this.#deps.record.whenStoreIsFree(claim);
      for (const message of messages) this.#write(run, message);
      if (messages.length < claimBatch) return;
    }
  }

  #write(run: AgentRun, message: Message): void {
    const { project, record } = this.#deps;
    const { live, promptEscape, capabilities } = project.backends.get(run.agent.backend);
    if (live === null) return;
    const sender = senderOf(message.from, record.workflow.agents);
    const text = renderMessage(message, sender, { reach: teamReachOf(capabilities), promptEscape });
    run.channel?.sendText(message.id, live.text(message.id, text));
  }

  #retry(run: AgentRun): void {
    this.#deps.wakeSignal.schedule(`resend ${run.agent.id}`, retryMs, () => void this.#met.delete(run));
  }

  #hasDue({ key: { sessionId, agentId } }: AgentRun): boolean {
    const { store, clock } = this.#deps.project;
    return store.messages.hasDue({ sessionId, agentId }, clock.now());
  }

  #hasDueForAny(): boolean {
    try {
      return [...this.#deps.runs.values()].some((run) => isReady(run) && this.#hasDue(run));
    } catch {
      // An error of the store must not end the program from a listener: the next round reports it.
      return false;
    }
  }
}

/** A suspended agent is sent nothing: what waits for it may still be taken back, or go another way. */
function isReady(run: AgentRun): boolean {
  return run.channel?.isOpen === true && !run.isStopping && run.suspendState === 'running';
}
