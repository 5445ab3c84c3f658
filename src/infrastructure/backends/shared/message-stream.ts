import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { conversationId } from './conversation-id.ts';
import { JsonLines, maxText } from './json-lines.ts';
import { asJson, describeInput, type Json, listOf, textOf } from './json-values.ts';
import { MessageDenials } from './message-denials.ts';
import { MessageUsage } from './message-usage.ts';
import { TeamCalls } from './team-results.ts';
import { teamServerName } from './team-server.ts';

/** Tools of the team's server, as these CLIs name them. */
const teamTool = `mcp__${teamServerName}__`;

/**
 * Parses the JSON lines of Claude Code's `--output-format stream-json`, which other CLIs have adopted: `system` with
 * the subtype `init`, `assistant`, `user`, and finally `result`. Ignores unknown lines, because new kinds appear often.
 * Subclasses override methods for the specifics of a CLI.
 */
export abstract class MessageStreamParser implements OutputParser {
  protected readonly usage: MessageUsage;
  protected readonly denials = new MessageDenials();
  protected verdict: Verdict | null = null;
  /** The answer in the last result line, if no turn has begun since. */
  protected answer: string | null = null;
  readonly #lines = new JsonLines((line) => this.#line(line));
  readonly #teamCalls = new TeamCalls();
  /** Number of sub-agents started. */
  protected subagents = 0;
  #hasEndedTurn = false;
  #conversation: string | null = null;
  #result: string | null = null;
  /** Number of messages at the last success. */
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
      ...(this.#hasEndedTurn && this.background.length === 0 ? { isAtRest: true } : {}),
      usage,
      conversation: this.#conversation,
      turns: usage?.turns ?? 0,
      subagents: this.subagents,
      denials: this.denials.all,
    };
  }

  /** The failure in a result line that does not report success. */
  protected abstract failureOf(line: Json): Verdict;

  /** Handles lines specific to the CLI: `system` lines other than `init`, and additional types. */
  protected other(_line: Json): AgentActivity[] {
    return [];
  }

  /** What is known about a run without a result line. */
  protected get unfinished(): Verdict | null {
    return null;
  }

  /** Work in the background; while there is any, a result line is not the last. */
  protected get background(): readonly string[] {
    return [];
  }

  /** The model responds again, so an earlier failure does not end the run. */
  protected turn(): void {
    this.answer = null;
  }

  /** Whether an `assistant` line has text of the CLI instead of its model. */
  protected isOwnMessage(_line: Json, _message: Json): boolean {
    return false;
  }

  /** Called when a tool is used. */
  protected used(_tool: string): void {}

  /** A `user` line that shows an entry sent while the CLI works; null for any other. */
  protected replayed(_line: Json): AgentActivity | null {
    return null;
  }

  /** Handles text in the user's name. */
  protected userText(_text: string): AgentActivity[] {
    return [];
  }

  /** Why a reported success is not one; null if it is. */
  protected whyIdle(_line: Json, _text: string): Verdict | null {
    return null;
  }

  #line(line: Json): AgentActivity[] {
    switch (line.type) {
      case 'system':
        return line.subtype === 'init' ? this.#init(textOf(line.session_id)) : this.other(line);
      case 'assistant':
        return this.#assistant(line, asJson(line.message));
      case 'user': {
        const replayed = this.replayed(line);
        if (replayed !== null) return this.#hear(replayed);
        this.denials.results(line);
        return listOf(asJson(line.message).content).flatMap((block) =>
          block.type === 'text' ? this.userText(textOf(block.text)) : this.#toolResult(block),
        );
      }
      case 'result':
        return this.#end(line);
      default:
        return this.other(line);
    }
  }

  /** Begins a turn: the first one, or another one after background work or a message. */
  #init(id: string): AgentActivity[] {
    this.answer = null;
    this.#hasEndedTurn = false;
    if (conversationId.test(id)) this.#conversation = id;
    return [];
  }

  /** A message after a result is more work, so the result was not final. */
  #hear(activity: AgentActivity): AgentActivity[] {
    if (!this.#hasEndedTurn) {
      this.verdict = null;
      this.#result = null;
      this.#successAt = null;
    }
    return [activity];
  }

  #assistant(line: Json, message: Json): AgentActivity[] {
    if (!this.isOwnMessage(line, message) && this.usage.message(message)) {
      this.#hasEndedTurn = false;
      this.turn();
    }
    return listOf(message.content).flatMap((block): AgentActivity[] => {
      if (block.type === 'text') return [{ type: 'text', text: textOf(block.text) }];
      if (block.type !== 'tool_use') return [];
      const tool = textOf(block.name);
      this.denials.use(block);
      this.used(tool);
      if (tool.startsWith(teamTool)) this.#teamCalls.begin(textOf(block.id));
      return [{ type: 'tool_use', tool, detail: describeInput(asJson(block.input)) }];
    });
  }

  #toolResult(block: Json): AgentActivity[] {
    if (block.type !== 'tool_result') return [];
    const content = Array.isArray(block.content)
      ? listOf(block.content)
          .map((part) => textOf(part.text))
          .join('\n')
      : textOf(block.content);
    return [
      ...this.#teamCalls.end(textOf(block.tool_use_id), content),
      { type: 'tool_result', ok: block.is_error !== true, text: startOf(content, maxText) },
    ];
  }

  #end(line: Json): AgentActivity[] {
    this.#hasEndedTurn = true;
    this.usage.result(line);
    this.denials.final(line);
    if (line.is_error === false && line.subtype === 'success') {
      const text = textOf(line.result);
      const idle = this.whyIdle(line, text);
      return idle === null ? this.#succeed(text) : this.#fail(idle);
    }
    const failure = this.failureOf(line);
    if (this.#successAt !== this.usage.messages) return this.#fail(failure);
    // Stopped during clean-up, after its work was done.
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
