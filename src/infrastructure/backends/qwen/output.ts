import type { RunIdentity, Verdict } from '../../../application/ports/backend.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import { MessageStreamParser } from '../shared/message-stream.ts';
import { MessageUsage } from '../shared/message-usage.ts';
import { apiErrorMark, failureOf } from './verdicts.ts';

/** What is Qwen Code's own in its `-o stream-json`, which is Claude Code's format otherwise. */
export class QwenOutputParser extends MessageStreamParser {
  readonly #isResumed: boolean;

  constructor(run?: RunIdentity) {
    super(new MessageUsage({ isCachedInInput: true }));
    this.#isResumed = (run?.resumed ?? null) !== null;
  }

  /** What a provider's error is told with, once more before the result. */
  protected override isOwnMessage(_line: Json, message: Json): boolean {
    const [block, ...more] = listOf(message.content);
    return more.length === 0 && textOf(block?.text).startsWith(apiErrorMark);
  }

  protected override used(tool: string): void {
    if (tool === 'agent') this.subagents += 1;
  }

  /** Of a conversation that went on, its result line has the tokens of all runs; those of its messages are this run's. */
  protected override totals(line: Json): Json {
    return this.#isResumed ? { ...line, usage: {} } : line;
  }

  protected override failureOf(line: Json): Verdict {
    return failureOf(textOf(asJson(line.error).message));
  }
}
