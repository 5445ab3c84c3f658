import { isMaosError } from '../../domain/errors.ts';
import { type AgentId, messagePattern, parseMessageId } from '../../domain/ids.ts';
import type { ConversationWay, Message } from '../../domain/message.ts';
import { Mailbox } from '../messaging/mailbox.ts';
import { renderMessage, senderOf } from '../messaging/render-message.ts';
import { teamReachOf } from '../messaging/team-reach.ts';
import type { Project } from '../project.ts';
import type { AgentRun } from './agent-run.ts';
import type { ChannelNews } from './live-channel.ts';
import type { LiveRequests } from './live-requests.ts';
import type { PromptMessages } from './prompt-messages.ts';
import { releaseEarlier } from './release-earlier.ts';
import type { SessionRecord } from './session-record.ts';
import type { WakeSignal } from './wake-signal.ts';

/** The parts of a project that delivering messages needs. */
export type DeliveryProject = ConstructorParameters<typeof Mailbox>[0] & Pick<Project, 'backends'>;

interface LiveDeliveryDeps {
  readonly project: DeliveryProject;
  readonly record: SessionRecord;
  readonly runs: ReadonlyMap<AgentId, AgentRun>;
  readonly requests: LiveRequests;
  readonly prompts: PromptMessages;
  readonly wakeSignal: WakeSignal;
}

/** Messages claimed in one transaction. */
const claimBatch = 20;
/** Delay before a failed write is repeated. */
const retryMs = 1_000;

/**
 * Delivers messages to agents whose CLIs read input while they work. Each message is claimed, then sent under its id,
 * and counts as delivered when the CLI shows it. So it arrives exactly once, even if a process dies in between. Closes
 * an agent's input when the agent has given its result and no message waits for it.
 */
export class LiveDelivery {
  readonly #deps: LiveDeliveryDeps;
  readonly #mailbox: Mailbox;
  /** Runs whose claimed messages this owner has sent again. */
  readonly #met = new WeakSet<AgentRun>();
  #isToLook = true;
  #unsubscribe = (): void => {};

  constructor(deps: LiveDeliveryDeps) {
    this.#deps = deps;
    this.#mailbox = new Mailbox(deps.project);
  }

  /** Wakes the session's loop for new messages of any process. */
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

  /** Processes what CLIs have reported, and sends the answers to their requests. Call in every round. */
  async processReports(hasOpenRequests: boolean): Promise<void> {
    const { runs, requests, prompts } = this.#deps;
    for (const run of runs.values()) {
      for (const news of run.channel?.take() ?? []) await this.#processReport(run, news);
      await this.#processShown(run);
    }
    await prompts.follow(runs.values());
    requests.follow(hasOpenRequests);
  }

  /** Sends waiting messages, or closes inputs. Call while the session is running. */
  async deliver(): Promise<void> {
    const isToLook = this.#isToLook;
    this.#isToLook = false;
    for (const run of this.#deps.runs.values()) {
      const { channel } = run;
      if (channel === null || !isReady(run)) continue;
      if (channel.takeFailure()) this.#retry(run);
      const isNew = !this.#met.has(run);
      if (isNew) await this.#meet(run);
      if (run.isAtRest && channel.isSettled) await this.#takeBack(run);
      if ((isNew || isToLook || run.isAtRest) && canTake(run) && this.#hasDue(run)) await this.#send(run);
      else if (run.isAtRest && channel.isSettled) channel.close();
    }
  }

  async #processReport(run: AgentRun, news: ChannelNews): Promise<void> {
    switch (news.type) {
      case 'permission':
        return this.#deps.requests.opened(run, news);
      case 'permission_withdrawn':
        return this.#deps.requests.withdrawn(run, news.key);
      case 'received':
        if (messagePattern.test(news.entry)) await this.#received(run, news.entry, 'live');
    }
  }

  async #processShown(run: AgentRun): Promise<void> {
    for (const entry of run.takeShown()) await this.#received(run, entry, 'tool');
  }

  async #received({ key }: AgentRun, entry: string, via: ConversationWay): Promise<void> {
    const { agentId, attempt } = key;
    try {
      const id = parseMessageId(entry);
      await this.#deps.record.whenStoreIsFree(() => this.#mailbox.delivered(id, { agentId, attempt, via }));
    } catch (error) {
      // The id may be wrong, because it is the CLI's output.
      if (!isMaosError(error, 'INVALID_INPUT')) throw error;
    }
  }

  /**
   * Makes messages that were claimed for an earlier attempt wait again, and sends those that were claimed for this
   * attempt, because an earlier owner may not have written them.
   */
  async #meet(run: AgentRun): Promise<void> {
    this.#met.add(run);
    const claimed = await releaseEarlier(this.#mailbox, this.#deps.record, run.key);
    for (const message of claimed) if (message.via === 'live') this.#write(run, message);
  }

  /**
   * Makes messages wait again that were taken for a tool's result which the CLI never got. Call it after the end of a
   * turn, when no result is on its way.
   */
  async #takeBack(run: AgentRun): Promise<void> {
    const { capabilities } = this.#deps.project.backends.get(run.agent.backend);
    if (!capabilities.showsTeamResults) return;
    await this.#processShown(run);
    const { agentId, attempt } = run.key;
    const lost = this.#mailbox
      .onTheirWay(agentId)
      .filter((message) => message.via === 'tool' && message.agentAttempt === attempt)
      .map(({ id }) => id);
    if (lost.length === 0) return;
    await this.#deps.record.whenStoreIsFree(() => this.#mailbox.release(agentId, attempt, 'tool', lost));
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
    const sender = senderOf(message.from, record.workflow.agents, project.store);
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
      return [...this.#deps.runs.values()].some((run) => isReady(run) && canTake(run) && this.#hasDue(run));
    } catch {
      // An error of the store must not end the program from a listener; the next round reports it.
      return false;
    }
  }
}

/**
 * Not while the agent is suspended: its waiting messages may still be taken back, or delivered in another way. Nor before
 * an adopted run's output has been read: the end of an earlier turn would pass for the end of the last.
 */
function isReady(run: AgentRun): boolean {
  return run.channel?.isOpen === true && run.isCaughtUp && !run.isStopping && run.suspendState === 'running';
}

/** While a CLI works that takes texts only between turns, a tool of its team's server may deliver them earlier. */
function canTake(run: AgentRun): boolean {
  return run.takesAtOnce || run.isAtRest;
}
