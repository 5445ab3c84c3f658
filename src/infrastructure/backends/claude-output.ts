import { LineSplitter } from '../../application/line-splitter.ts';
import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../application/ports.ts';
import type { FailureKind } from '../../domain/agent.ts';
import { addUsage, totalUsage, type Usage } from '../../domain/usage.ts';

/** Tool results can hold whole files; a longer line is dropped with a notice. */
const maxLineBytes = 16 * 1024 * 1024;
const maxText = 4_000;
/** In seconds since 1970: beyond it a time has no ISO form of the usual length, and soon none at all. */
const year10000 = 253_402_300_800;
/** Messages whose usage may still grow: those of agents that Claude Code itself runs side by side are interleaved. */
const maxOpenMessages = 64;

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
  /** After SIGINT its mark may be the last that comes: no result line, and exit status 0. */
  #interrupted = false;
  /** Claude Code's own name of the provider's error, on its synthetic last message. */
  #apiError = '';
  /** Its provider does not accept who it is: it tries again a few times, but that does not help. */
  #refused: Verdict | null = null;
  /** Usage by message: a message comes as several lines, each with the usage so far. */
  readonly #messages = new Map<string, Usage>();
  /** Usage of the messages before those. */
  #spent: Usage | null = null;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines(this.#splitter.push(chunk));
  }

  end(): readonly AgentActivity[] {
    return this.#lines(this.#splitter.end());
  }

  parsed(): ParsedRun {
    const usage = this.#finalUsage ?? totalUsage([this.#spent, ...this.#messages.values()]);
    return {
      verdict: this.#verdict ?? this.#refused ?? (this.#interrupted ? interrupted : null),
      result: this.#result,
      usage,
      conversation: this.#conversation,
      turns: usage?.turns ?? 0,
      toolUses: this.#toolUses,
    };
  }

  #lines(lines: readonly Uint8Array[]): readonly AgentActivity[] {
    const activities = lines.flatMap((line) => this.#line(this.#decoder.decode(line)));
    for (; this.#told < this.#splitter.dropped; this.#told += 1) {
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
        return blocksOf(asJson(line.message)).flatMap((block) => this.#user(block));
      case 'rate_limit_event':
        return this.#rateLimit(asJson(line.rate_limit_info));
      case 'result':
        return this.#end(line);
      default:
        return [];
    }
  }

  #system(line: Json): AgentActivity[] {
    if (line.subtype === 'init') this.#conversation = conversationOf(line.session_id);
    if (line.subtype !== 'api_retry') return [];
    const status = numberOf(line.error_status);
    if (textOf(line.error) === 'authentication_failed') this.#refused = refused(status);
    const what = status === 0 ? 'did not answer' : `answered ${textOf(line.error)} (${status})`;
    const seconds = Math.round(numberOf(line.retry_delay_ms) / 1000);
    const text = `The provider ${what}; attempt ${numberOf(line.attempt)} of ${numberOf(line.max_retries)}, again in ${seconds} s`;
    return [{ type: 'notice', text }];
  }

  #user(block: Json): AgentActivity[] {
    const text = textOf(block.text);
    if (block.type !== 'text' || !text.startsWith(interruptedMark)) return toolResult(block);
    this.#interrupted = true;
    return [{ type: 'notice', text }];
  }

  #assistant(line: Json, message: Json): AgentActivity[] {
    // '<synthetic>' messages are Claude Code's own words on an error, not a turn of the model.
    if (message.model === '<synthetic>') this.#apiError = textOf(line.error);
    else this.#turn(textOf(message.id), asJson(message.usage));
    return blocksOf(message).flatMap((block): AgentActivity[] => {
      if (block.type === 'text') return [{ type: 'text', text: textOf(block.text) }];
      if (block.type !== 'tool_use') return [];
      this.#toolUses += 1;
      return [{ type: 'tool_use', tool: textOf(block.name), detail: describeInput(asJson(block.input)) }];
    });
  }

  #turn(id: string, usage: Json): void {
    this.#messages.set(id, usageOfMessage(usage));
    const [oldest] = this.#messages;
    if (this.#messages.size > maxOpenMessages && oldest !== undefined) {
      this.#spent = this.#spent === null ? oldest[1] : addUsage(this.#spent, oldest[1]);
      this.#messages.delete(oldest[0]);
    }
    // The model answers again: what had failed before is not what ends the run.
    this.#apiError = '';
    this.#refused = null;
    this.#retryAt = null;
    this.#interrupted = false;
  }

  #rateLimit(info: Json): AgentActivity[] {
    if (info.status !== 'rejected') return [];
    const resetsAt = numberOf(info.resetsAt);
    if (resetsAt > 0 && resetsAt < year10000) this.#retryAt = new Date(resetsAt * 1000).toISOString();
    const until = this.#retryAt === null ? '' : ` until ${this.#retryAt}`;
    return [{ type: 'notice', text: `Usage limit reached (${textOf(info.rateLimitType)})${until}` }];
  }

  #end(line: Json): AgentActivity[] {
    const text = textOf(line.result);
    const ok = line.is_error === false && line.subtype === 'success';
    const message = text === '' ? describeSubtype(line) : text;
    this.#verdict = ok
      ? { ok, kind: null, message, retryAt: null }
      : failureVerdict(line, message, this.#apiError, this.#retryAt);
    // Stopped because of it, it only says that it was interrupted.
    if (this.#verdict === interrupted && this.#refused !== null) this.#verdict = this.#refused;
    this.#result = ok ? text : null;
    this.#finalUsage = usageOfRun(line);
    return [{ type: 'result', ok, text: this.#verdict.message }];
  }
}

/** What Claude Code says in the user's name when it was interrupted. */
const interruptedMark = '[Request interrupted by user';
const interrupted: Verdict = {
  ok: false,
  kind: 'signal',
  message: 'Claude Code was interrupted before it had finished.',
  retryAt: null,
};

function refused(status: number): Verdict {
  const message = `The provider did not accept the credentials (${status === 0 ? 'no status' : status}).`;
  return { ok: false, kind: 'auth_required', message, retryAt: null };
}

function failureVerdict(line: Json, message: string, apiError: string, retryAt: string | null): Verdict {
  if (textOf(line.terminal_reason).startsWith('aborted_')) return interrupted;
  const kind = failureKind(line, apiError, retryAt);
  return { ok: false, kind, message, retryAt: kind === 'rate_limited' ? retryAt : null };
}

/** What Claude Code calls an error, or else the status its provider answered; see test/fixtures/claude-code/README.md. */
function failureKind(line: Json, apiError: string, retryAt: string | null): FailureKind | null {
  const status = line.api_error_status;
  if (
    apiError === 'authentication_failed' ||
    apiError === 'billing_error' ||
    status === 401 ||
    status === 403
  ) {
    return 'auth_required';
  }
  if (apiError === 'rate_limit' || retryAt !== null || status === 429 || status === 529)
    return 'rate_limited';
  return null;
}

/** As it stood when the message began: its output is counted only in the result line. */
function usageOfMessage(usage: Json): Usage {
  return {
    inputTokens: numberOf(usage.input_tokens),
    outputTokens: numberOf(usage.output_tokens),
    cacheReadTokens: numberOf(usage.cache_read_input_tokens),
    cacheWriteTokens: numberOf(usage.cache_creation_input_tokens),
    turns: 1,
    costUsd: null,
  };
}

/** `modelUsage` counts every model and subagent; `usage` is zero when a run was cut short. */
function usageOfRun(line: Json): Usage {
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

/** It comes back as an argument of the CLI: what could be anything else than an id is none. */
function conversationOf(value: unknown): string | null {
  const id = textOf(value);
  return /^[A-Za-z0-9][\w.-]{0,127}$/.test(id) ? id : null;
}
