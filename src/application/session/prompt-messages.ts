import type { Agent } from '../../domain/agent.ts';
import type { Message } from '../../domain/message.ts';
import { Mailbox } from '../messaging/mailbox.ts';
import { renderMessage, senderOf } from '../messaging/render-message.ts';
import { teamReachOf } from '../messaging/team-reach.ts';
import type { Backend } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import type { AgentRun } from './agent-run.ts';
import { releaseEarlier } from './release-earlier.ts';
import type { SessionRecord } from './session-record.ts';

/**
 * Maximum number of messages in a prompt, for new ones and for those of earlier conversations each. Further new ones
 * wait.
 */
const maxInPrompt = 20;

/**
 * Puts messages into agents' prompts: the waiting ones, unless the CLI takes them while it works, and in a new conversation,
 * those that the earlier ones received. Waiting messages count as delivered with the attempt's first output.
 */
export class PromptMessages {
  readonly #mailbox: Mailbox;
  readonly #record: SessionRecord;
  readonly #store: Project['store'];
  /** Runs whose first output has been handled. */
  readonly #begun = new WeakSet<AgentRun>();

  constructor(project: ConstructorParameters<typeof Mailbox>[0], record: SessionRecord) {
    this.#mailbox = new Mailbox(project);
    this.#record = record;
    this.#store = project.store;
  }

  /** The section of the agent's prompt; empty without messages. @param isNew whether it begins a new conversation */
  async section(agent: Agent, backend: Backend, isNew: boolean): Promise<string> {
    if (backend.capabilities.takesCommand) return '';
    const known = isNew && agent.attempt > 1 ? this.#received(agent) : [];
    const waiting = backend.live?.takesTexts === 'at_once' ? [] : await this.#claim(agent);
    const render = (message: Message): string =>
      renderMessage(message, senderOf(message.from, this.#record.workflow.agents, this.#store), {
        reach: teamReachOf(backend.capabilities),
        promptEscape: backend.promptEscape,
      });
    return [
      ...(known.length === 0
        ? []
        : ['# Messages that you received in an earlier conversation', ...known.map(render)]),
      ...(waiting.length === 0 ? [] : ['# Messages for you', ...waiting.map(render)]),
    ].join('\n\n');
  }

  /** Call in every round. */
  async follow(runs: Iterable<AgentRun>): Promise<void> {
    for (const run of runs) {
      if (run.isCheck || run.takesAtOnce || !run.hasPrinted || this.#begun.has(run)) continue;
      this.#begun.add(run);
      const { agentId, attempt } = run.key;
      const claimed = await releaseEarlier(this.#mailbox, this.#record, run.key);
      for (const { id, via } of claimed) {
        if (via !== 'prompt') continue;
        await this.#record.whenStoreIsFree(() => this.#mailbox.delivered(id, { agentId, attempt, via }));
      }
    }
  }

  async #claim({ sessionId, id: agentId, attempt }: Agent): Promise<readonly Message[]> {
    await releaseEarlier(this.#mailbox, this.#record, { sessionId, agentId, attempt });
    const recipient = { sessionId, agentId };
    return this.#record.whenStoreIsFree(() => this.#mailbox.claim(recipient, attempt, 'prompt', maxInPrompt));
  }

  #received({ sessionId, id }: Agent): readonly Message[] {
    const states = ['delivered', 'acknowledged'] as const;
    return states
      .flatMap((state) => this.#mailbox.list({ sessionId, to: id, state, limit: maxInPrompt }))
      .filter(({ agentAttempt }) => agentAttempt !== null)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(-maxInPrompt);
  }
}
