import type { Verdict } from '../../../application/ports/backend.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import { MessageStreamParser } from '../shared/message-stream.ts';
import { MessageUsage } from '../shared/message-usage.ts';
import { apiErrorMark, failureOf } from './verdicts.ts';

/** The specifics of Qwen Code in `-o stream-json`, which otherwise has Claude Code's format. */
export class QwenOutputParser extends MessageStreamParser {
  constructor() {
    super(new MessageUsage({ isCachedInInput: true }));
  }

  /** A provider's error, which Qwen Code reports as a message before the result. */
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
