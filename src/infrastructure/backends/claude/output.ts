import type { AgentActivity, Verdict } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { countOf } from '../../../domain/usage.ts';
import { maxText } from '../shared/json-lines.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';
import { MessageStreamParser } from '../shared/message-stream.ts';
import { ClaudeBackground } from './background.ts';
import { readControlRequest, readReplay } from './live-input.ts';
import { cutShort, failureOf, idle, interrupted, refused } from './verdicts.ts';

/** In Unix seconds: later times have no ISO form of the usual length, or none at all. */
const year10000 = 253_402_300_800;
/** Text that Claude Code adds as the user's when it was interrupted. */
const interruptedMark = '[Request interrupted by user';

/** The specifics of Claude Code in `--output-format stream-json` (https://code.claude.com/docs/en/headless). */
export class ClaudeOutputParser extends MessageStreamParser {
  readonly #background = new ClaudeBackground();
  #retryAt: string | null = null;
  /** After SIGINT the mark may be the last output: no result line follows, and the exit status is 0. */
  #interrupted = false;
  /** Claude Code's name for the provider's error, from its last synthetic message. */
  #apiError = '';
  /** Set when the provider rejects the credentials: Claude Code retries a few times, which does not help. */
  #refused: Verdict | null = null;
  /** Why the prompt never reached the model. */
  #blocked = '';

  protected override get unfinished(): Verdict | null {
    return this.#refused ?? (this.#interrupted ? interrupted : null);
  }

  protected override get background(): readonly string[] {
    return this.#background.names;
  }

  protected override other(line: Json): AgentActivity[] {
    if (line.type === 'rate_limit_event') return this.#rateLimit(asJson(line.rate_limit_info));
    if (line.type === 'control_request') return [...readControlRequest(line)];
    if (line.type === 'control_cancel_request') {
      return [{ type: 'permission_withdrawn', key: textOf(line.request_id) }];
    }
    if (line.type !== 'system') return [];
    switch (line.subtype) {
      case 'api_retry':
        return this.#retry(line);
      case 'background_tasks_changed':
        this.#background.changed(line);
        return [];
      case 'task_started':
        return this.#started(line);
      case 'task_updated':
      case 'task_notification':
        if (this.#background.told(line) && this.verdict === null && this.answer !== null) this.#cutShort();
        return [];
      case 'permission_denied':
        this.denials.denied(line);
        return [];
      case 'informational':
        return this.#informational(line);
      default:
        return [];
    }
  }

  protected override replayed(line: Json): AgentActivity | null {
    return readReplay(line);
  }

  /** '<synthetic>' messages are Claude Code's own text about an error, not a turn of the model. */
  protected override isOwnMessage(line: Json, message: Json): boolean {
    const isOwn = message.model === '<synthetic>';
    if (isOwn) this.#apiError = textOf(line.error);
    return isOwn;
  }

  protected override turn(): void {
    super.turn();
    if (this.verdict === cutShort) this.verdict = null;
    this.#apiError = '';
    this.#refused = null;
    this.#retryAt = null;
    this.#interrupted = false;
  }

  protected override userText(text: string): AgentActivity[] {
    if (!text.startsWith(interruptedMark)) return [];
    this.#interrupted = true;
    return [{ type: 'notice', text: startOf(text, maxText) }];
  }

  protected override failureOf(line: Json): Verdict {
    const failure = failureOf(line, this.#apiError, this.#retryAt);
    // When stopped during these retries, it reports only the interruption.
    return failure === interrupted && this.#refused !== null ? this.#refused : failure;
  }

  /** The text of whatever refused the prompt is not a result: the model has not worked on the task. */
  protected override whyIdle({ num_turns, subagent_stats }: Json, text: string): Verdict | null {
    this.subagents = Math.max(this.subagents, countOf(asJson(subagent_stats).spawned));
    const isIdle = this.#blocked !== '' || (typeof num_turns === 'number' && num_turns < 1);
    return isIdle && this.usage.messages === 0 ? idle(this.#blocked || startOf(text, maxText)) : null;
  }

  /** Background commands are tasks too. */
  #started({ subagent_type, description }: Json): AgentActivity[] {
    if (subagent_type === undefined) return [];
    this.subagents += 1;
    return [{ type: 'notice', text: startOf(`Sub-agent started: ${textOf(description)}`, maxText) }];
  }

  /** Background work was stopped, and the model does not learn of it: its last answer was not final. */
  #cutShort(): void {
    this.answer = null;
    this.verdict = cutShort;
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
}
