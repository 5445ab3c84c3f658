import type { FailureKind } from '../../../domain/agent.ts';

/** How a turn ended. The run ends with it, unless the bridge takes another text. */
export interface BridgeEnd {
  readonly type: 'end';
  readonly ok: boolean;
  /** The program's own stop reason. */
  readonly stopReason: string | null;
  readonly kind: FailureKind | null;
  readonly message: string;
  /** The model's last message, after success. */
  readonly result?: string;
  /** The conversation to resume does not exist. */
  readonly isConversationGone?: true;
}

/** What the program declared about itself. */
export interface BridgeStart {
  readonly type: 'agent';
  readonly name: string;
  readonly version: string;
  readonly resumes: boolean;
}

/** A tool use that a person is asked about. */
export interface PermissionSubject {
  readonly tool: string;
  readonly action: string;
  readonly reason: string | null;
}

/**
 * The bridge's output, one JSON object per line: every message that passed, and the bridge's own actions. MAOS follows
 * it like any agent's output, even after adopting the agent.
 */
export class Journal {
  readonly #write: (text: string) => void;
  readonly #secrets: readonly string[];

  /** @param secrets values to redact in sent messages */
  constructor(write: (text: string) => void, secrets: readonly string[] = []) {
    this.#write = write;
    this.#secrets = secrets.filter((secret) => secret !== '');
  }

  /** @param text the message as sent to the program */
  sent(text: string): void {
    const clean = this.#secrets.reduce((whole, secret) => whole.replaceAll(secret, '[redacted]'), text);
    this.#write(`{"type":"sent","message":${clean}}\n`);
  }

  /** @param text the message as the program printed it: one JSON value without a line feed */
  received(text: string): void {
    this.#write(`{"type":"received","message":${text}}\n`);
  }

  /** Complete lines of the agent's messages, which arrive in chunks. */
  said(texts: readonly string[]): void {
    for (const text of texts) this.#line({ type: 'said', text });
  }

  /** A tool that the agent uses, when its purpose is known. */
  tool(name: string, detail: string): void {
    this.#line({ type: 'tool', name, detail });
  }

  /** A line of the program that is not a message. */
  noise(text: string): void {
    this.#line({ type: 'noise', text });
  }

  note(text: string): void {
    this.#line({ type: 'note', text });
  }

  /** While a conversation is loaded, updates are about the past. */
  replaying(isOn: boolean): void {
    this.#line({ type: 'replay', on: isOn });
  }

  /** A text of MAOS that a turn begins with. */
  took(entry: string): void {
    this.#line({ type: 'took', entry });
  }

  /** A permission that MAOS is asked for. */
  asked(key: string, subject: PermissionSubject): void {
    this.#line({ type: 'asked', key, ...subject });
  }

  /** The program no longer waits for that permission. */
  withdrawn(key: string): void {
    this.#line({ type: 'withdrawn', key });
  }

  /** The answer to the program. */
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
