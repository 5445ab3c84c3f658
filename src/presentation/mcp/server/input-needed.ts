/** A request to the client, inside the answer to its own request. */
export interface ClientQuestion {
  readonly method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list';
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Thrown by a tool, prompt or resource that needs answers of the client before its own. The client sends its request
 * again, with the answers. Only where `input` of the context is not null.
 */
export class InputNeeded extends Error {
  readonly questions: Readonly<Record<string, ClientQuestion>>;
  /** Comes back with the answers; JSON. Undefined: none. */
  readonly state: unknown;
  constructor(questions: Readonly<Record<string, ClientQuestion>>, state?: unknown) {
    super('the client must answer first');
    this.name = 'InputNeeded';
    this.questions = questions;
    this.state = state;
  }
}
