import type { CallResult } from './call-tool.ts';
import type { CallNames } from './context.ts';

/** Maximum number of results kept: a client that sends a call again does so soon. */
const mostKept = 200;

interface Kept {
  /** What the call does: its tool and arguments. */
  readonly work: string;
  readonly result: Promise<CallResult>;
}

/**
 * The calls of this process that change something, for clients that send a call again because its answer did not
 * arrive: it gets the answer of the first, and nothing is done twice.
 */
export class RepeatedCalls {
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>();

  /** @param work equal for equal calls: clients may use one name for several */
  once({ callId, requestKey }: CallNames, work: string, act: () => Promise<CallResult>): Promise<CallResult> {
    const names = [callId, requestKey].filter((name) => name !== undefined);
    for (const name of names) {
      const known = this.#kept.get(name);
      if (known?.work === work) return known.result;
    }
    const kept = { work, result: act() };
    for (const name of names) this.#kept.set(name, kept);
    // It fails if the client must answer first: the same call with the answers is another one.
    kept.result.catch(() => {
      for (const name of names) if (this.#kept.get(name) === kept) this.#kept.delete(name);
    });
    for (const name of this.#kept.keys()) {
      if (this.#kept.size <= mostKept) break;
      this.#kept.delete(name);
    }
    return kept.result;
  }

  /** The answer has arrived: who uses the id again means another call. */
  delivered(requestKey: string): void {
    this.#kept.delete(requestKey);
  }
}

/** Shorter ids may be counted, and begin again with the next conversation. */
const shortestId = 20;

/** The name that Claude Code and Codex give a call: the id of the model's request for it. */
export function callIdOf(meta: Readonly<Record<string, unknown>> = {}): string | undefined {
  const { 'claudecode/toolUseId': ofClaude, callId: ofCodex, threadId } = meta;
  if (isLong(ofClaude)) return `claudecode/toolUseId ${ofClaude}`;
  return isLong(ofCodex) && isLong(threadId) ? `threadId ${threadId} callId ${ofCodex}` : undefined;
}

function isLong(id: unknown): id is string {
  return typeof id === 'string' && id.length >= shortestId && id.length <= 200;
}

export function requestKeyOf(session: string, id: string | number): string {
  return `${session} ${JSON.stringify(id)}`;
}
