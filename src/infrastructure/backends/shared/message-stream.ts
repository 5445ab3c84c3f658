import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { conversationId } from './conversation-id.ts';
import { JsonLines, maxText } from './json-lines.ts';
import { asJson, describeInput, type Json, listOf, textOf } from './json-values.ts';
import { MessageDenials } from './message-denials.ts';
import { MessageUsage } from './message-usage.ts';

/**
 * Reads the JSON lines that Claude Code prints with `--output-format stream-json`, and other CLIs after it: `system` with
 * the subtype `init`, `assistant`, `user`, and `result` as the last. What it does not know it passes over: new kinds of
 * lines appear often. What is a CLI's own is in the methods that its parser overrides.
 */
export abstract class MessageStreamParser implements OutputParser {
  protected readonly usage: MessageUsage;
  protected readonly denials = new MessageDenials();
  protected verdict: Verdict | null = null;
  /** What the last result line gave, while no turn has begun since. */
  protected answer: string | null = null;
  readonly #lines = new JsonLines((line) => this.#line(line));
  /** Sub-agents it has started. */
  protected subagents = 0;
  #conversation: string | null = null;
  #result: string | null = null;
  /** How many messages there had been when it last succeeded. */
  #successAt: number | null = null;

  constructor(usage = new MessageUsage()) {
    this.usage = usage;
  }

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return this.#lines.end();
  }

  parsed(): ParsedRun {
    const usage = this.usage.total;
    return {
      verdict: this.verdict ?? this.unfinished,
      result: this.#result,
      answer: this.answer === null ? null : { text: this.answer, background: this.background },
      usage,
      conversation: this.#conversation,
      turns: usage?.turns ?? 0,
      subagents: this.subagents,
      denials: this.denials.all,
    };
  }

  /** Why a result line that is no success says so. */
  protected abstract failureOf(line: Json): Verdict;

  /** Lines of its own: `system` lines but `init`, and types that are not shared. */
  protected other(_line: Json): AgentActivity[] {
    return [];
  }

  /** What is known of a run that has given no result line. */
  protected get unfinished(): Verdict | null {
    return null;
  }

  /** What still runs in the background: while there is any, a result line is not the last. */
  protected get background(): readonly string[] {
    return [];
  }

  /** The model answers again: what had failed before is not what ends the run. */
  protected turn(): void {
    this.answer = null;
  }

  /** Whether an `assistant` line holds words of the CLI, and not of its model. */
  protected isOwnMessage(_line: Json, _message: Json): boolean {
    return false;
  }

  /** A tool is used. */
  protected used(_tool: string): void {}

  /** Text in the user's name. */
  protected userText(_text: string): AgentActivity[] {
    return [];
  }

  /** Why a run that calls itself a success is none; null: it is one. */
  protected whyIdle(_line: Json, _text: string): Verdict | null {
    return null;
  }

  #line(line: Json): AgentActivity[] {
    switch (line.type) {
      case 'system':
        return line.subtype === 'init' ? this.#init(textOf(line.session_id)) : this.other(line);
      case 'assistant':
        return this.#assistant(line, asJson(line.message));
      case 'user':
        this.denials.results(line);
        return listOf(asJson(line.message).content).flatMap((block) =>
          block.type === 'text' ? this.userText(textOf(block.text)) : toolResult(block),
        );
      case 'result':
        return this.#end(line);
      default:
        return this.other(line);
    }
  }

  /** It begins a turn: the first, or one more because something in the background is done. */
  #init(id: string): AgentActivity[] {
    this.answer = null;
    if (conversationId.test(id)) this.#conversation = id;
    return [];
  }

  #assistant(line: Json, message: Json): AgentActivity[] {
    if (!this.isOwnMessage(line, message) && this.usage.message(message)) this.turn();
    return listOf(message.content).flatMap((block): AgentActivity[] => {
      if (block.type === 'text') return [{ type: 'text', text: textOf(block.text) }];
      if (block.type !== 'tool_use') return [];
      this.denials.use(block);
      this.used(textOf(block.name));
      return [{ type: 'tool_use', tool: textOf(block.name), detail: describeInput(asJson(block.input)) }];
    });
  }

  #end(line: Json): AgentActivity[] {
    this.usage.result(line);
    this.denials.final(line);
    if (line.is_error === false && line.subtype === 'success') {
      const text = textOf(line.result);
      const idle = this.whyIdle(line, text);
      return idle === null ? this.#succeed(text) : this.#fail(idle);
    }
    const failure = this.failureOf(line);
    if (this.#successAt !== this.usage.messages) return this.#fail(failure);
    // Stopped while it put things away: its work was done.
    return [{ type: 'notice', text: `After its result: ${failure.message}` }];
  }

  #succeed(text: string): AgentActivity[] {
    this.answer = text;
    const isLast = this.background.length === 0;
    this.verdict = isLast ? { ok: true, kind: null, message: text, retryAt: null } : null;
    this.#result = isLast ? text : null;
    this.#successAt = isLast ? this.usage.messages : null;
    return [{ type: 'result', ok: true, text }];
  }

  #fail(verdict: Verdict): AgentActivity[] {
    this.answer = null;
    this.verdict = verdict;
    this.#result = null;
    this.#successAt = null;
    return [{ type: 'result', ok: false, text: verdict.message }];
  }
}

function toolResult(block: Json): AgentActivity[] {
  if (block.type !== 'tool_result') return [];
  const content = Array.isArray(block.content)
    ? listOf(block.content)
        .map((part) => textOf(part.text))
        .join('\n')
    : textOf(block.content);
  return [{ type: 'tool_result', ok: block.is_error !== true, text: startOf(content, maxText) }];
}
