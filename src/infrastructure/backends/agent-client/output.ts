import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import { failureKinds, type PermissionDenials } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { conversationId } from '../shared/conversation-id.ts';
import { JsonLines, maxText } from '../shared/json-lines.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import { planNotice, toolResult } from './tools.ts';
import { ClientUsage } from './usage.ts';

/** Limits for counting and showing refusals. */
const maxCounted = 1_000;
const maxShown = 20;

/** Parses the bridge's output; see `journal.ts`. */
export class AgentClientParser implements OutputParser {
  readonly #lines = new JsonLines((line) => this.#line(line));
  readonly #usage = new ClientUsage();
  readonly #subagents = new Set<string>();
  readonly #refused: string[] = [];
  #refusals = 0;
  #conversation: string | null = null;
  #resumes = true;
  #isReplay = false;
  #verdict: Verdict | null = null;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return this.#lines.end();
  }

  parsed(): ParsedRun {
    const result = this.#verdict?.ok === true ? this.#verdict.message : null;
    return {
      verdict: this.#verdict,
      result,
      answer: result === null ? null : { text: result, background: [] },
      ...(this.#verdict === null ? {} : { isAtRest: true }),
      usage: this.#usage.total,
      conversation: this.#conversation,
      turns: this.#usage.turns,
      subagents: this.#subagents.size,
      denials: this.#denials,
      ...(this.#resumes ? {} : { cannotResume: true }),
    };
  }

  get #denials(): PermissionDenials | null {
    return this.#refusals === 0 ? null : { count: this.#refusals, shown: this.#refused };
  }

  #line(line: Json): readonly AgentActivity[] {
    // Output after the end of a turn changes nothing, until another one begins.
    if (this.#verdict !== null && !isBeginning(line)) return [];
    switch (line.type) {
      case 'took':
        this.#verdict = null;
        return [{ type: 'received', entry: textOf(line.entry) }];
      case 'asked':
        return [asked(line)];
      case 'withdrawn':
        return [{ type: 'permission_withdrawn', key: textOf(line.key) }];
      case 'agent':
        this.#resumes = line.resumes === true;
        return this.#resumes ? [] : [notice(startsAgain)];
      case 'replay':
        this.#isReplay = line.on === true;
        return [];
      case 'sent':
        this.#sent(asJson(line.message));
        return [];
      case 'received':
        return this.#isReplay ? [] : this.#received(asJson(line.message));
      case 'permission':
        return this.#permission(line);
      case 'said':
        return [{ type: 'text', text: textOf(line.text) }];
      case 'tool':
        return [{ type: 'tool_use', tool: textOf(line.name), detail: textOf(line.detail) }];
      case 'noise':
      case 'note':
        return [notice(textOf(line.text))];
      case 'end':
        return this.#end(line);
      default:
        return [];
    }
  }

  #sent(message: Json): void {
    if (message.method === 'initialize') this.#verdict = null;
    this.#usage.sent(message);
    if (message.method !== 'session/prompt' || !this.#resumes) return;
    const id = textOf(asJson(message.params).sessionId);
    if (conversationId.test(id)) this.#conversation = id;
  }

  #received(message: Json): readonly AgentActivity[] {
    if (message.method === 'session/update') return this.#update(asJson(asJson(message.params).update));
    this.#usage.received(message);
    return [];
  }

  #update(update: Json): readonly AgentActivity[] {
    switch (update.sessionUpdate) {
      case 'agent_message_chunk':
        this.#usage.worked();
        this.#usage.chunk(update);
        return [];
      case 'agent_thought_chunk':
        this.#usage.worked();
        return [];
      case 'tool_call':
        this.#usage.worked();
        return this.#toolEnd(update);
      case 'tool_call_update':
        return this.#toolEnd(update);
      case 'plan':
        return planNotice(listOf(update.entries));
      case 'usage_update':
        this.#usage.update(update);
        return [];
      case 'notice':
        return [notice([textOf(update.title), textOf(update.description)].filter(Boolean).join(': '))];
      case 'subagent_update':
        if (this.#subagents.size < maxCounted) this.#subagents.add(textOf(update.sessionId).slice(0, 200));
        return [];
      default:
        return [];
    }
  }

  #toolEnd(update: Json): readonly AgentActivity[] {
    const results = toolResult(update);
    if (results.length > 0) this.#usage.toolEnded();
    return results;
  }

  /** A permission that the bridge granted or refused on the user's behalf. */
  #permission({ granted, tool, option }: Json): readonly AgentActivity[] {
    const what = startOf(textOf(tool), maxText);
    if (granted === true) return [notice(`Permission granted (${textOf(option)}): ${what}`)];
    this.#refusals = Math.min(maxCounted, this.#refusals + 1);
    if (this.#refused.length < maxShown) this.#refused.push(what);
    return [notice(`Permission refused: ${what}`)];
  }

  #end(line: Json): readonly AgentActivity[] {
    const ok = line.ok === true;
    const text = ok ? textOf(line.result) : textOf(line.message) || 'It ended without a result.';
    const kind = failureKinds.find((known) => known === line.kind) ?? null;
    const verdict: Verdict = { ok, kind: ok ? null : kind, message: text, retryAt: null };
    this.#verdict = line.isConversationGone === true ? { ...verdict, isConversationGone: true } : verdict;
    return [{ type: 'result', ok, text }];
  }
}

/** Whether it is the first line of a bridge, or of another turn. */
function isBeginning({ type, message }: Json): boolean {
  return type === 'took' || (type === 'sent' && asJson(message).method === 'initialize');
}

function asked({ key, tool, action, reason }: Json): AgentActivity {
  const subject = { tool: textOf(tool), action: textOf(action), reason: textOf(reason) || null };
  return { type: 'permission', key: textOf(key), ...subject, input: null };
}

const startsAgain =
  'This program cannot resume conversations: an interrupted agent starts from the beginning.';

function notice(text: string): AgentActivity {
  return { type: 'notice', text: startOf(text, maxText) };
}
