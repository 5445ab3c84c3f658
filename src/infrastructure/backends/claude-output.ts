import { LineSplitter } from '../../application/line-splitter.ts';
import type {
  AgentActivity,
  Answer,
  OutputParser,
  ParsedRun,
  Verdict,
} from '../../application/ports/backend.ts';
import { startOf } from '../../domain/cut-text.ts';
import { countOf } from '../../domain/usage.ts';
import { ClaudeBackground } from './claude-background.ts';
import { ClaudeDenials } from './claude-denials.ts';
import { asJson, describeInput, type Json, listOf, textOf } from './claude-json.ts';
import { ClaudeUsage } from './claude-usage.ts';
import { cutShort, failureOf, idle, interrupted, refused } from './claude-verdicts.ts';

/** Tool results can hold whole files; a longer line is dropped with a notice. */
const maxLineBytes = 16 * 1024 * 1024;
const maxText = 4_000;
/** In seconds since 1970: beyond it a time has no ISO form of the usual length, and soon none at all. */
const year10000 = 253_402_300_800;
/** It comes back as an argument of the CLI: what could be anything else than an id is none. */
const conversationId = /^[A-Za-z0-9][\w.-]{0,127}$/;

/**
 * Reads Claude Code's `--output-format stream-json`: one JSON object a line, `result` the last
 * (https://code.claude.com/docs/en/headless). What it does not know it passes over: new kinds of lines appear often.
 */
export class ClaudeOutputParser implements OutputParser {
  readonly #splitter = new LineSplitter(maxLineBytes, 'drop');
  readonly #decoder = new TextDecoder();
  readonly #usage = new ClaudeUsage();
  readonly #denials = new ClaudeDenials();
  readonly #background = new ClaudeBackground();
  #told = 0;
  #conversation: string | null = null;
  #verdict: Verdict | null = null;
  #result: string | null = null;
  /** What the last result line gave, while no turn has begun since. */
  #answer: string | null = null;
  /** How many messages there had been when it last succeeded. */
  #successAt: number | null = null;
  #retryAt: string | null = null;
  /** After SIGINT its mark may be the last that comes: no result line, and exit status 0. */
  #interrupted = false;
  /** Claude Code's own name of the provider's error, on its synthetic last message. */
  #apiError = '';
  /** Its provider does not accept who it is: it tries again a few times, but that does not help. */
  #refused: Verdict | null = null;
  /** Why the prompt never reached the model. */
  #blocked = '';

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines(this.#splitter.push(chunk));
  }

  end(): readonly AgentActivity[] {
    return this.#lines(this.#splitter.end());
  }

  parsed(): ParsedRun {
    const usage = this.#usage.total;
    return {
      verdict: this.#verdict ?? this.#refused ?? (this.#interrupted ? interrupted : null),
      result: this.#result,
      answer: this.#openAnswer,
      usage,
      conversation: this.#conversation,
      turns: usage?.turns ?? 0,
      denials: this.#denials.all,
    };
  }

  get #openAnswer(): Answer | null {
    return this.#answer === null ? null : { text: this.#answer, background: this.#background.names };
  }

  #lines(lines: readonly Uint8Array[]): readonly AgentActivity[] {
    const activities = lines.flatMap((line) => this.#line(this.#decoder.decode(line)));
    for (; this.#told < this.#splitter.dropped; this.#told += 1) {
      activities.push({ type: 'notice', text: 'Skipped a line longer than 16 MiB.' });
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
      return [{ type: 'notice', text: startOf(text, maxText) }];
    }
    switch (line.type) {
      case 'system':
        return this.#system(line);
      case 'assistant':
        return this.#assistant(line, asJson(line.message));
      case 'user':
        this.#denials.results(line);
        return listOf(asJson(line.message).content).flatMap((block) => this.#user(block));
      case 'rate_limit_event':
        return this.#rateLimit(asJson(line.rate_limit_info));
      case 'result':
        return this.#end(line);
      default:
        return [];
    }
  }

  #system(line: Json): AgentActivity[] {
    switch (line.subtype) {
      case 'init':
        return this.#init(textOf(line.session_id));
      case 'api_retry':
        return this.#retry(line);
      case 'background_tasks_changed':
        this.#background.changed(line);
        return [];
      case 'task_updated':
      case 'task_notification':
        if (this.#background.told(line) && this.#verdict === null && this.#answer !== null) this.#cutShort();
        return [];
      case 'permission_denied':
        this.#denials.denied(line);
        return [];
      case 'informational':
        return this.#informational(line);
      default:
        return [];
    }
  }

  /** It begins a turn: the first, or one more because something in the background is done. */
  #init(id: string): AgentActivity[] {
    this.#answer = null;
    if (conversationId.test(id)) this.#conversation = id;
    return [];
  }

  /** What it waited for in the background was ended, and nobody will tell its model: what it said was not the end. */
  #cutShort(): void {
    this.#answer = null;
    this.#verdict = cutShort;
  }

  #retry(line: Json): AgentActivity[] {
    const status = countOf(line.error_status);
    const error = startOf(textOf(line.error), 200);
    if (error === 'authentication_failed') this.#refused = refused(status);
    const what = status === 0 ? 'did not answer' : `answered ${error} (${status})`;
    const seconds = Math.round(countOf(line.retry_delay_ms) / 1000);
    const text = `The provider ${what}; attempt ${countOf(line.attempt)} of ${countOf(line.max_retries)}, retrying in ${seconds} s`;
    return [{ type: 'notice', text }];
  }

  #informational(line: Json): AgentActivity[] {
    const outcome = asJson(line.prompt_submit_outcome);
    if (outcome.kind !== 'blocked_by_hook') return [];
    this.#blocked = startOf(textOf(outcome.reason), maxText) || 'it gave no reason';
    return [{ type: 'notice', text: `A hook refused the prompt: ${this.#blocked}` }];
  }

  #user(block: Json): AgentActivity[] {
    const text = textOf(block.text);
    if (block.type !== 'text' || !text.startsWith(interruptedMark)) return toolResult(block);
    this.#interrupted = true;
    return [{ type: 'notice', text: startOf(text, maxText) }];
  }

  #assistant(line: Json, message: Json): AgentActivity[] {
    // '<synthetic>' messages are Claude Code's own words on an error, not a turn of the model.
    if (message.model === '<synthetic>') this.#apiError = textOf(line.error);
    else if (this.#usage.message(message)) this.#turn();
    return listOf(message.content).flatMap((block): AgentActivity[] => {
      if (block.type === 'text') return [{ type: 'text', text: textOf(block.text) }];
      if (block.type !== 'tool_use') return [];
      this.#denials.use(block);
      return [{ type: 'tool_use', tool: textOf(block.name), detail: describeInput(asJson(block.input)) }];
    });
  }

  /** The model answers again: what had failed before is not what ends the run. */
  #turn(): void {
    this.#answer = null;
    if (this.#verdict === cutShort) this.#verdict = null;
    this.#apiError = '';
    this.#refused = null;
    this.#retryAt = null;
    this.#interrupted = false;
  }

  #rateLimit(info: Json): AgentActivity[] {
    if (info.status !== 'rejected') return [];
    const { resetsAt } = info;
    if (typeof resetsAt === 'number' && resetsAt > 0 && resetsAt < year10000) {
      this.#retryAt = new Date(resetsAt * 1000).toISOString();
    }
    const until = this.#retryAt === null ? '' : ` until ${this.#retryAt}`;
    const which = startOf(textOf(info.rateLimitType), 200);
    return [{ type: 'notice', text: `Usage limit reached (${which})${until}` }];
  }

  #end(line: Json): AgentActivity[] {
    this.#usage.result(line);
    this.#denials.final(line);
    const text = textOf(line.result);
    const isSuccess = line.is_error === false && line.subtype === 'success';
    // Whatever refused the prompt, its words are no result: nobody has worked on the task.
    if (isSuccess && this.#isIdle(line)) return this.#fail(idle(this.#blocked || startOf(text, maxText)));
    if (isSuccess) return this.#succeed(text);
    const failure = failureOf(line, this.#apiError, this.#retryAt);
    if (this.#successAt === this.#usage.messages) {
      // Stopped while it put things away: its work was done.
      return [{ type: 'notice', text: `After its result: ${failure.message}` }];
    }
    // Stopped because of it, it only says that it was interrupted.
    return this.#fail(failure === interrupted && this.#refused !== null ? this.#refused : failure);
  }

  #isIdle({ num_turns }: Json): boolean {
    return (
      this.#usage.messages === 0 && (this.#blocked !== '' || (typeof num_turns === 'number' && num_turns < 1))
    );
  }

  #succeed(text: string): AgentActivity[] {
    this.#answer = text;
    const isLast = this.#background.names.length === 0;
    this.#verdict = isLast ? { ok: true, kind: null, message: text, retryAt: null } : null;
    this.#result = isLast ? text : null;
    this.#successAt = isLast ? this.#usage.messages : null;
    return [{ type: 'result', ok: true, text }];
  }

  #fail(verdict: Verdict): AgentActivity[] {
    this.#answer = null;
    this.#verdict = verdict;
    this.#result = null;
    this.#successAt = null;
    return [{ type: 'result', ok: false, text: verdict.message }];
  }
}

/** What Claude Code says in the user's name when it was interrupted. */
const interruptedMark = '[Request interrupted by user';

function toolResult(block: Json): AgentActivity[] {
  if (block.type !== 'tool_result') return [];
  const content = Array.isArray(block.content)
    ? listOf(block.content)
        .map((part) => textOf(part.text))
        .join('\n')
    : textOf(block.content);
  return [{ type: 'tool_result', ok: block.is_error !== true, text: startOf(content, maxText) }];
}
