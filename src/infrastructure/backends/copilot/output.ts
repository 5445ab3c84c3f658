import type {
  AgentActivity,
  OutputParser,
  ParsedRun,
  RunIdentity,
  Verdict,
} from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { countOf } from '../../../domain/usage.ts';
import { conversationId } from '../shared/conversation-id.ts';
import { JsonLines, maxText } from '../shared/json-lines.ts';
import { asJson, describeInput, type Json, listOf, textOf } from '../shared/json-values.ts';
import { TeamCalls } from '../shared/team-results.ts';
import { teamServerName } from '../shared/team-server.ts';
import { ToolDenials } from '../shared/tool-denials.ts';
import { conversationOf } from './conversation.ts';
import { endedWithout, failureOf, interrupted, refusalOf, refused } from './verdicts.ts';

/** Maximum number of tool uses whose result is awaited. */
const maxOpenUses = 64;
const maxName = 200;

/**
 * Parses `copilot --output-format json`: `{type, data, agentId?}` per line, `result` last. Lines of sub-agents come in
 * between, with their `agentId`. Tokens are not reported.
 */
export class CopilotOutputParser implements OutputParser {
  readonly #lines = new JsonLines((line) => this.#line(line, asJson(line.data)));
  readonly #denials = new ToolDenials();
  readonly #teamCalls = new TeamCalls();
  readonly #uses = new Map<string, { readonly tool: string; readonly detail: string }>();
  /** The id that MAOS assigned, until the last line confirms it. */
  readonly #given: string | null;
  #conversation: string | null = null;
  #verdict: Verdict | null = null;
  #result: string | null = null;
  /** The model's last message without a tool request. */
  #answer: string | null = null;
  #error: Verdict | null = null;
  #isInterrupted = false;
  /** The provider's error code in its last refusal. */
  #errorCode = '';
  #turns = 0;
  #subagents = 0;

  constructor(run: RunIdentity | undefined) {
    this.#given = run === undefined ? null : conversationOf(run);
  }

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return this.#lines.end();
  }

  parsed(): ParsedRun {
    return {
      verdict: this.#verdict ?? this.#error ?? (this.#isInterrupted ? interrupted : null),
      result: this.#result,
      answer: this.#result === null ? null : { text: this.#result, background: [] },
      usage: null,
      conversation: this.#conversation,
      turns: this.#turns,
      subagents: this.#subagents,
      denials: this.#denials.all,
    };
  }

  #line(line: Json, data: Json): AgentActivity[] {
    const isSubagent = textOf(line.agentId) !== '';
    switch (line.type) {
      case 'user.message':
        // From here on the conversation is stored and can be resumed.
        this.#conversation ??= this.#given;
        return [];
      case 'assistant.message':
        return this.#message(data, isSubagent);
      case 'tool.execution_start':
        return this.#use(data);
      case 'tool.execution_complete':
        return this.#used(data);
      case 'subagent.started':
        this.#subagents += 1;
        return [];
      case 'model.call_failure':
        return this.#refusal(data, isSubagent);
      case 'session.warning':
        return [{ type: 'notice', text: startOf(textOf(data.message), maxText) }];
      case 'session.error':
        if (!isSubagent) this.#error = failureOf(data, this.#errorCode);
        return [{ type: 'notice', text: startOf(textOf(data.message), maxText) }];
      case 'abort':
        this.#isInterrupted ||= !isSubagent;
        return [];
      case 'result':
        return this.#end(line);
      default:
        return [];
    }
  }

  #message({ content, toolRequests }: Json, isSubagent: boolean): AgentActivity[] {
    const text = textOf(content);
    this.#turns += 1;
    if (!isSubagent) {
      this.#answer = listOf(toolRequests).length === 0 ? text : null;
      // The model responds again, so an earlier failure does not end the run.
      this.#error = refused(text);
      this.#isInterrupted = false;
    }
    return text === '' ? [] : [{ type: 'text', text }];
  }

  #use({ toolCallId, toolName, mcpServerName, arguments: given }: Json): AgentActivity[] {
    if (mcpServerName === teamServerName) this.#teamCalls.begin(textOf(toolCallId));
    const use = { tool: startOf(textOf(toolName), maxName), detail: describeInput(asJson(given)) };
    this.#uses.set(textOf(toolCallId).slice(0, maxName), use);
    const [oldest] = this.#uses.keys();
    if (this.#uses.size > maxOpenUses && oldest !== undefined) this.#uses.delete(oldest);
    return [{ type: 'tool_use', ...use }];
  }

  #used({ toolCallId, success, result, error }: Json): AgentActivity[] {
    const id = textOf(toolCallId).slice(0, maxName);
    const { code, message } = asJson(error);
    if (code === 'denied') {
      const { tool = '', detail = '' } = this.#uses.get(id) ?? {};
      this.#denials.add(tool, detail);
    }
    this.#uses.delete(id);
    const ok = success === true;
    const text = ok ? textOf(asJson(result).content) : textOf(message);
    return [
      ...this.#teamCalls.end(textOf(toolCallId), text),
      { type: 'tool_result', ok, text: startOf(text, maxText) },
    ];
  }

  #refusal(data: Json, isSubagent: boolean): AgentActivity[] {
    const status = countOf(data.statusCode);
    this.#errorCode = startOf(textOf(data.errorCode), maxName);
    if (!isSubagent) this.#error = refusalOf(status);
    const what = status === 0 ? 'did not answer' : `answered ${status}`;
    return [{ type: 'notice', text: `The provider ${what} (attempt ${countOf(data.retryAttempt) + 1})` }];
  }

  #end({ exitCode, sessionId }: Json): AgentActivity[] {
    const id = textOf(sessionId);
    if (conversationId.test(id)) this.#conversation = id;
    // Stopped by SIGTERM, it reports status 0 as well.
    const failure = this.#error ?? (this.#isInterrupted ? interrupted : null);
    const answer = exitCode === 0 && failure === null ? this.#answer : null;
    if (answer === null) {
      this.#verdict = failure ?? endedWithout(countOf(exitCode));
      this.#result = null;
      return [{ type: 'result', ok: exitCode === 0, text: this.#verdict.message }];
    }
    this.#result = answer;
    this.#verdict = { ok: true, kind: null, message: answer, retryAt: null };
    return [{ type: 'result', ok: true, text: answer }];
  }
}
