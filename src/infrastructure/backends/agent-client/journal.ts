import type { FailureKind } from '../../../domain/agent.ts';

/** How a run ended, as the last line of the bridge tells it. */
export interface BridgeEnd {
  readonly type: 'end';
  readonly ok: boolean;
  /** What the agent's program gave as its reason to stop, in its own words. */
  readonly stopReason: string | null;
  readonly kind: FailureKind | null;
  readonly message: string;
  /** The model's last message, where it ended well. */
  readonly result?: string;
  /** There is no such conversation (any more) as it was to go on with. */
  readonly isConversationGone?: true;
}

/** What the program can do, as it said itself. */
export interface BridgeStart {
  readonly type: 'agent';
  readonly name: string;
  readonly version: string;
  readonly resumes: boolean;
}

/**
 * What the bridge prints, a JSON object a line: every message as it passed, and what the bridge did about it. MAOS follows
 * it as it follows any agent's output, and so does a MAOS that adopts the agent.
 */
export class Journal {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** @param text the message, as it goes to the program */
  sent(text: string): void {
    this.#write(`{"type":"sent","message":${text}}\n`);
  }

  /** @param text the message, as the program printed it: one JSON value without a line feed */
  received(text: string): void {
    this.#write(`{"type":"received","message":${text}}\n`);
  }

  /** Lines of the agent's messages, which come in pieces. */
  said(texts: readonly string[]): void {
    for (const text of texts) this.#line({ type: 'said', text });
  }

  /** A tool that the agent uses, when it is known what for. */
  tool(name: string, detail: string): void {
    this.#line({ type: 'tool', name, detail });
  }

  /** A line of the program that is no message. */
  noise(text: string): void {
    this.#line({ type: 'noise', text });
  }

  note(text: string): void {
    this.#line({ type: 'note', text });
  }

  /** Updates of a conversation that is being loaded tell of the past. */
  replaying(isOn: boolean): void {
    this.#line({ type: 'replay', on: isOn });
  }

  permission(answer: { readonly granted: boolean; readonly tool: string; readonly option: string }): void {
    this.#line({ type: 'permission', ...answer });
  }

  agent(start: BridgeStart): void {
    this.#line(start);
  }

  end(end: BridgeEnd): void {
    this.#line(end);
  }

  #line(value: object): void {
    this.#write(`${JSON.stringify(value)}\n`);
  }
}
