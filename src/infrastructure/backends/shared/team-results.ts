import { renderedIds } from '../../../application/messaging/render-message.ts';
import type { AgentActivity } from '../../../application/ports/backend.ts';

/** Maximum number of calls whose result is awaited. */
const maxOpen = 64;
const maxId = 200;

/**
 * The messages that have come with a result of the team's server. Only for results that the CLI attributes to that
 * server, because any other text can imitate a message.
 * @param text the result, not cut
 */
export function receivedWith(text: string): readonly AgentActivity[] {
  return renderedIds(text).map((entry) => ({ type: 'received', entry, via: 'tool' }));
}

/** The calls of the team's server that have no result yet, for CLIs whose results do not name the tool. */
export class TeamCalls {
  readonly #open = new Set<string>();

  begin(id: string): void {
    this.#open.add(id.slice(0, maxId));
    const [oldest] = this.#open;
    if (this.#open.size > maxOpen && oldest !== undefined) this.#open.delete(oldest);
  }

  /** @returns the messages in the result, if the call was one of them */
  end(id: string, text: string): readonly AgentActivity[] {
    return this.#open.delete(id.slice(0, maxId)) ? receivedWith(text) : [];
  }
}
