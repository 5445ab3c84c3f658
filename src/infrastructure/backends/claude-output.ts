import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../application/ports.ts';
import type { FailureKind } from '../../domain/agent.ts';
import type { Usage } from '../../domain/usage.ts';
import { LineSplitter } from './line-splitter.ts';

/** Tool results can hold whole files; a longer line is dropped with a notice. */
const maxLineBytes = 16 * 1024 * 1024;
const maxText = 4_000;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads Claude Code's `--output-format stream-json`: one JSON object a line, `result` the last
 * (https://code.claude.com/docs/en/headless). What it does not know it passes over: new kinds of lines appear often.
 */
export class ClaudeOutputParser implements OutputParser {
  readonly #splitter = new LineSplitter(maxLineBytes, 'drop');
  readonly #decoder = new TextDecoder();
  #told = 0;
  #conversation: string | null = null;
  #verdict: Verdict | null = null;
  #result: string | null = null;
  #finalUsage: Usage | null = null;
  #toolUses = 0;
  #retryAt: string | null = null;
  /** Claude Code's own name of the provider's error, on its synthetic last message. */
  #apiError = '';
  /** Usage by message: a message comes as several lines, each with the usage so far. */
  readonly #messages = new Map<string, Json>();

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines(this.#splitter.push(chunk));
  }

  end(): readonly AgentActivity[] {
    return this.#lines(this.#splitter.end());
  }

  parsed(): ParsedRun {
    const usage = this.#finalUsage ?? this.#runningUsage();
    return {
      verdict: this.#verdict,
      result: this.#result,
      usage,
      conversation: this.#conversation,
      turns: usage?.turns ?? 0,
      toolUses: this.#toolUses,
    };
  }

  #lines(lines: readonly Uint8Array[]): readonly AgentActivity[] {
    const activities = lines.flatMap((line) => this.#line(this.#decoder.decode(line)));
    if (this.#splitter.dropped > this.#told) {
      this.#told = this.#splitter.dropped;
      activities.push({ type: 'notice', text: 'A line of more than 16 MiB was passed over.' });
    }
    return activities;
  }

  #line(text: string): AgentActivity[] {
    if (text.trim() === '') return [];
    let line: Json;
    try {
      line = asJson(JSON.parse(text));
    } catch {
      // Not its protocol: a warning of Node, or a line cut off by a kill. People should see it.
      return [{ type: 'notice', text: text.slice(0, maxText) }];
    }
    switch (line.type) {
      case 'system':
        return this.#system(line);
      case 'assistant':
        return this.#assistant(line, asJson(line.message));
      case 'user':
        return blocksOf(asJson(line.message)).flatMap(toolResult);
      case 'rate_limit_event':
        return this.#rateLimit(asJson(line.rate_limit_info));
      case 'result':
        return this.#end(line);
      default:
        return [];
    }
  }

  #system(line: Json): AgentActivity[] {
    if (line.subtype === 'init') this.#conversation = textOf(line.session_id) || null;
    if (line.subtype !== 'api_retry') return [];
    const status = line.error_status === null || line.error_status === undefined ? '' : ` (${line.error_status})`;
    return [
      {
        type: 'notice',
        text: `The provider answered ${textOf(line.error)}${status}; attempt ${line.attempt} of ${line.max_retries}, again in ${Math.round(numberOf(line.retry_delay_ms) / 1000)} s`,
      },
    ];
  }

  #assistant(line: Json, message: Json): AgentActivity[] {
    // '<synthetic>' messages are Claude Code's own words on an error, not a turn of the model.
    if (message.model === '<synthetic>') this.#apiError = textOf(line.error);
    else this.#messages.set(textOf(message.id), asJson(message.usage));
    return blocksOf(message).flatMap((block): AgentActivity[] => {
      if (block.type === 'text') return [{ type: 'text', text: textOf(block.text) }];
      if (block.type !== 'tool_use') return [];
      this.#toolUses += 1;
      return [{ type: 'tool_use', tool: textOf(block.name), detail: describeInput(asJson(block.input)) }];
    });
  }

  #rateLimit(info: Json): AgentActivity[] {
    if (info.status !== 'rejected') return [];
    const resetsAt = numberOf(info.resetsAt);
    if (resetsAt > 0) this.#retryAt = new Date(resetsAt * 1000).toISOString();
    const until = this.#retryAt === null ? '' : ` until ${this.#retryAt}`;
    return [{ type: 'notice', text: `Usage limit reached (${textOf(info.rateLimitType)})${until}` }];
  }

  #end(line: Json): AgentActivity[] {
    const text = textOf(line.result);
    const ok = line.is_error === false && line.subtype === 'success';
    const kind = ok ? null : failureKind(line, this.#apiError, this.#retryAt);
    const message = text === '' ? describeSubtype(line) : text;
    this.#verdict = { ok, kind, message, retryAt: kind === 'rate_limited' ? this.#retryAt : null };
    this.#result = ok ? text : null;
    this.#finalUsage = usageOfModels(line);
    this.#conversation ??= textOf(line.session_id) || null;
    return [{ type: 'result', ok, text: message }];
  }

  #runningUsage(): Usage | null {
    if (this.#messages.size === 0) return null;
    const usages = [...this.#messages.values()];
    const sum = (key: string): number => usages.reduce((total, usage) => total + numberOf(usage[key]), 0);
    return {
      inputTokens: sum('input_tokens'),
      outputTokens: sum('output_tokens'),
      cacheReadTokens: sum('cache_read_input_tokens'),
      cacheWriteTokens: sum('cache_creation_input_tokens'),
      turns: usages.length,
      costUsd: null,
    };
  }
}

/** What Claude Code calls an error, or else the status its provider answered; see test/fixtures/claude-code/README.md. */
function failureKind(line: Json, apiError: string, retryAt: string | null): FailureKind | null {
  const status = line.api_error_status;
  if (apiError === 'authentication_failed' || apiError === 'billing_error' || status === 401 || status === 403) {
    return 'auth_required';
  }
  if (apiError === 'rate_limit' || retryAt !== null || status === 429 || status === 529) return 'rate_limited';
  return null;
}

/** `modelUsage` counts every model and subagent; `usage` is zero when a run was cut short. */
function usageOfModels(line: Json): Usage {
  const models = Object.values(asJson(line.modelUsage)).map(asJson);
  const sum = (key: string): number => models.reduce((total, model) => total + numberOf(model[key]), 0);
  return {
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    cacheReadTokens: sum('cacheReadInputTokens'),
    cacheWriteTokens: sum('cacheCreationInputTokens'),
    turns: numberOf(line.num_turns),
    costUsd: typeof line.total_cost_usd === 'number' ? line.total_cost_usd : null,
  };
}

function describeSubtype(line: Json): string {
  const errors = Array.isArray(line.errors) ? line.errors.map(textOf).filter((text) => text !== '') : [];
  const reason = textOf(line.terminal_reason) || textOf(line.subtype) || 'without a reason';
  return errors.length > 0 ? errors.join('; ') : `Claude Code ended: ${reason.replaceAll('_', ' ')}.`;
}

function toolResult(block: Json): AgentActivity[] {
  if (block.type !== 'tool_result') return [];
  const content = Array.isArray(block.content)
    ? block.content.map((part) => textOf(asJson(part).text)).join('\n')
    : textOf(block.content);
  return [{ type: 'tool_result', ok: block.is_error !== true, text: content.slice(0, maxText) }];
}

/** The argument that tells most: what it runs, reads or asks. */
function describeInput(input: Json): string {
  for (const key of ['command', 'file_path', 'path', 'pattern', 'query', 'url', 'description', 'prompt']) {
    const value = input[key];
    if (typeof value === 'string') return value.split('\n', 1)[0]?.slice(0, 200) ?? '';
  }
  const text = JSON.stringify(input);
  return text === '{}' ? '' : text.slice(0, 200);
}

function blocksOf(message: Json): readonly Json[] {
  return Array.isArray(message.content) ? message.content.map(asJson) : [];
}

function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
