import type {
  AgentActivity,
  Answer,
  OutputParser,
  ParsedRun,
  Verdict,
} from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { countOf, soundUsage, type Usage } from '../../../domain/usage.ts';
import { conversationId } from '../shared/conversation-id.ts';
import { JsonLines, maxText } from '../shared/json-lines.ts';
import { asJson, describeInput, type Json, listOf, textOf } from '../shared/json-values.ts';
import { receivedWith } from '../shared/team-results.ts';
import { teamServerName } from '../shared/team-server.ts';
import { failureOf, noAnswer } from './verdicts.ts';

/** Codex retries after such an error; the reason is in parentheses. */
const retrying = /^Reconnecting\.\.\. .*?\((.*)\)$/s;
const maxDenialsShown = 20;

/**
 * Parses the output of `codex exec --json`: `thread.started`, `turn.started`, `item.started`, `item.completed`, and
 * finally `turn.completed` or `turn.failed` (https://developers.openai.com/codex/noninteractive). Ignores unknown
 * records.
 */
export class CodexOutputParser implements OutputParser {
  readonly #lines = new JsonLines((record) => this.#record(record));
  #conversation: string | null = null;
  /** The last message of the turn: its answer if the turn ends successfully. */
  #message: string | null = null;
  #answer: Answer | null = null;
  #verdict: Verdict | null = null;
  /** The last error of an unfinished turn, or the refusal after which Codex retries. */
  #error: Verdict | null = null;
  #usage: Usage | null = null;
  #turns = 0;
  #subagents = 0;
  readonly #denied: string[] = [];
  #denials = 0;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return this.#lines.end();
  }

  parsed(): ParsedRun {
    return {
      verdict: this.#verdict ?? this.#error,
      result: this.#answer?.text ?? null,
      answer: this.#answer,
      usage: this.#usage,
      conversation: this.#conversation,
      turns: this.#turns,
      subagents: this.#subagents,
      denials: this.#denials === 0 ? null : { count: this.#denials, shown: [...this.#denied] },
    };
  }

  #record(record: Json): readonly AgentActivity[] {
    switch (record.type) {
      case 'thread.started': {
        const id = textOf(record.thread_id);
        if (conversationId.test(id)) this.#conversation = id;
        return [];
      }
      case 'turn.started':
        this.#begin();
        return [];
      case 'item.started':
        return this.#item(asJson(record.item), false);
      case 'item.completed':
        return this.#item(asJson(record.item), true);
      case 'error':
        return this.#trouble(textOf(record.message));
      case 'turn.completed':
        return this.#completed(asJson(record.usage));
      case 'turn.failed':
        return this.#end(failureOf(asJson(record.error).message));
      default:
        return [];
    }
  }

  #begin(): void {
    this.#turns += 1;
    this.#message = null;
    this.#answer = null;
    this.#verdict = null;
    this.#error = null;
  }

  /** Some items are reported twice, when they begin and when they end. */
  #item(item: Json, isDone: boolean): readonly AgentActivity[] {
    if (item.type === 'error') return isDone ? notice(textOf(item.message)) : [];
    // The model responds, so an earlier failure does not end the turn.
    this.#error = null;
    if (item.type === 'agent_message') {
      if (!isDone) return [];
      this.#message = textOf(item.text);
      return [{ type: 'text', text: this.#message }];
    }
    const use = describeTool(item);
    if (use === null) return [];
    if (!isDone) return [{ type: 'tool_use', ...use }];
    if (item.status === 'declined') this.#deny(`${use.tool}: ${use.detail}`);
    if (item.type === 'collab_tool_call' && item.tool === 'spawn_agent' && item.status === 'completed') {
      const { receiver_thread_ids: started } = item;
      if (Array.isArray(started)) this.#subagents = countOf(this.#subagents + started.length);
    }
    const ok = item.status !== 'failed' && item.status !== 'declined';
    const text = outcomeOf(item);
    const isOfTeam = item.type === 'mcp_tool_call' && item.server === teamServerName;
    return [
      ...(isOfTeam ? receivedWith(text) : []),
      { type: 'tool_result', ok, text: startOf(text, maxText) },
    ];
  }

  #deny(what: string): void {
    this.#denials += 1;
    if (this.#denied.length < maxDenialsShown) this.#denied.push(startOf(what, 200));
  }

  #trouble(message: string): readonly AgentActivity[] {
    const [, reason] = retrying.exec(message) ?? [];
    const failure = failureOf(reason ?? message);
    // A missing network, for example, may still recover.
    const isLasting = reason === undefined || failure.kind === 'rate_limited';
    this.#error = isLasting ? failure : null;
    return notice(message);
  }

  #completed(told: Json): readonly AgentActivity[] {
    const [cached, written] = [countOf(told.cached_input_tokens), countOf(told.cache_write_input_tokens)];
    this.#usage = soundUsage({
      // OpenAI's input count includes cached tokens.
      inputTokens: countOf(told.input_tokens) - cached - written,
      outputTokens: told.output_tokens,
      cacheReadTokens: cached,
      cacheWriteTokens: written,
      turns: this.#turns,
      costUsd: null,
    });
    const text = this.#message;
    this.#answer = text === null ? null : { text, background: [] };
    this.#end(text === null ? noAnswer : { ok: true, kind: null, message: text, retryAt: null });
    return [{ type: 'result', ok: true, text: text ?? '' }];
  }

  #end(verdict: Verdict): readonly AgentActivity[] {
    this.#verdict = verdict;
    if (!verdict.ok) this.#answer = null;
    this.#error = null;
    return [{ type: 'result', ok: verdict.ok, text: verdict.message }];
  }
}

function notice(text: string): readonly AgentActivity[] {
  return [{ type: 'notice', text: startOf(text, maxText) }];
}

/** The name and detail of an item that is a tool use; null for others. */
function describeTool(item: Json): { readonly tool: string; readonly detail: string } | null {
  switch (item.type) {
    case 'command_execution':
      return { tool: 'Command', detail: describeInput({ command: item.command }) };
    case 'file_change': {
      const paths = listOf(item.changes).map(({ kind, path }) => `${textOf(kind)} ${textOf(path)}`);
      return { tool: 'File change', detail: startOf(paths.join(', '), 200) };
    }
    case 'mcp_tool_call':
      return {
        tool: startOf(`${textOf(item.server)}.${textOf(item.tool)}`, 200),
        detail: describeInput(asJson(item.arguments)),
      };
    case 'web_search':
      return { tool: 'Web search', detail: describeInput({ query: item.query }) };
    case 'collab_tool_call':
      return {
        tool: startOf(textOf(item.tool), 80),
        detail: describeInput(typeof item.prompt === 'string' ? { prompt: item.prompt } : {}),
      };
    default:
      return null;
  }
}

function outcomeOf(item: Json): string {
  const { content } = asJson(item.result);
  const texts = listOf(content).map(({ text }) => textOf(text));
  return textOf(item.aggregated_output) || texts.join('\n') || textOf(asJson(item.error).message);
}
