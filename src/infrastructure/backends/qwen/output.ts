import type { Verdict } from '../../../application/ports/backend.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import { MessageStreamParser } from '../shared/message-stream.ts';
import { MessageUsage } from '../shared/message-usage.ts';
import { apiErrorMark, failureOf } from './verdicts.ts';

/** What is Qwen Code's own in its `-o stream-json`, which is Claude Code's format otherwise. */
export class QwenOutputParser extends MessageStreamParser {
  constructor() {
    super(new MessageUsage({ isCachedInInput: true }));
  }

  /** What a provider's error is told with, once more before the result. */
  protected override isOwnMessage(_line: Json, message: Json): boolean {
    const [block, ...more] = listOf(message.content);
    return more.length === 0 && textOf(block?.text).startsWith(apiErrorMark);
  }

  protected override used(tool: string): void {
    if (tool === 'agent') this.subagents += 1;
  }

  protected override failureOf(line: Json): Verdict {
    return failureOf(textOf(asJson(line.error).message));
  }
}
