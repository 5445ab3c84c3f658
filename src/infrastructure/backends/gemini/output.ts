import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { PermissionDenials } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { type ReportedUsage, soundUsage } from '../../../domain/usage.ts';
import { conversationId } from '../shared/conversation-id.ts';
import { JsonLines, maxText } from '../shared/json-lines.ts';
import { asJson, describeInput, type Json, textOf } from '../shared/json-values.ts';
import { TeamCalls } from '../shared/team-results.ts';
import { teamServerName } from '../shared/team-server.ts';
import { failureOf } from './verdicts.ts';

/** Maximum characters of an answer. */
const maxAnswer = 500_000;
/** Maximum number of refused tool uses that are named. */
const maxShown = 20;
/** Maximum number of tool uses whose result is awaited. */
const maxOpenUses = 64;
/** Tools of the team's server, as Gemini CLI names them. */
const teamTool = `mcp_${teamServerName}_`;

/**
 * Parses `-o stream-json` of Gemini CLI: `init`, `message` in chunks, `tool_use`, `tool_result`, `error` and `result`,
 * which reports success but not the answer. The answer is what the model has said since its last tool use.
 */
export class GeminiOutputParser implements OutputParser {
  readonly #lines = new JsonLines((line) => this.#line(line));
  /** Names of the tools in use. */
  readonly #uses = new Map<string, string>();
  readonly #teamCalls = new TeamCalls();
  readonly #denied: string[] = [];
  #denials = 0;
  #conversation: string | null = null;
  #verdict: Verdict | null = null;
  #answer: string | null = null;
  #usage: ReportedUsage | null = null;
  /** What the model has said since its last tool use. */
  #said = '';
  /** The part of it that has not been reported, because chunks have only a few words. */
  #held = '';
  /** The message of the last `error` line. */
  #error = '';
  #turns = 0;
  #isInTurn = false;
  #subagents = 0;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return [...this.#lines.end(), ...this.#flush()];
  }

  parsed(): ParsedRun {
    return {
      verdict: this.#verdict,
      result: this.#answer,
      answer: this.#answer === null ? null : { text: this.#answer, background: [] },
      usage: this.#usage,
      conversation: this.#conversation,
      turns: this.#turns,
      subagents: this.#subagents,
      denials: this.#permissionDenials,
    };
  }

  get #permissionDenials(): PermissionDenials | null {
    return this.#denials === 0 ? null : { count: this.#denials, shown: [...this.#denied] };
  }

  #line(line: Json): AgentActivity[] {
    if (line.type === 'message') return line.role === 'assistant' ? this.#say(textOf(line.content)) : [];
    return [...this.#flush(), ...this.#event(line)];
  }

  #event(line: Json): AgentActivity[] {
    switch (line.type) {
      case 'init':
        return this.#init(textOf(line.session_id));
      case 'tool_use':
        return this.#use(line);
      case 'tool_result':
        return this.#toolResult(line, asJson(line.error));
      case 'error':
        this.#error = startOf(textOf(line.message), maxText);
        return [{ type: 'notice', text: this.#error }];
      case 'result':
        return this.#end(line);
      default:
        return [];
    }
  }

  #init(id: string): AgentActivity[] {
    if (conversationId.test(id)) this.#conversation = id;
    this.#turn(false);
    this.#said = '';
    this.#error = '';
    return [];
  }

  /** The model speaks or acts, so the run has not ended yet. */
  #turn(isInTurn: boolean): void {
    if (isInTurn && !this.#isInTurn) this.#turns += 1;
    this.#isInTurn = isInTurn;
    this.#answer = null;
    this.#verdict = null;
  }

  #say(piece: string): AgentActivity[] {
    this.#turn(true);
    this.#said += startOf(piece, maxAnswer - this.#said.length);
    this.#held += piece;
    const at = this.#held.lastIndexOf('\n');
    if (at < 0 && this.#held.length < maxText) return [];
    const text = at < 0 ? this.#held : this.#held.slice(0, at);
    this.#held = at < 0 ? '' : this.#held.slice(at + 1);
    return [{ type: 'text', text }];
  }

  #flush(): AgentActivity[] {
    const text = this.#held;
    this.#held = '';
    return text === '' ? [] : [{ type: 'text', text }];
  }

  #use({ tool_name, tool_id, parameters }: Json): AgentActivity[] {
    this.#turn(true);
    this.#said = '';
    const tool = startOf(textOf(tool_name), 80);
    if (tool === 'invoke_agent') this.#subagents += 1;
    if (tool.startsWith(teamTool)) this.#teamCalls.begin(idOf(tool_id));
    const detail = describeInput(asJson(parameters));
    this.#uses.set(idOf(tool_id), detail === '' ? tool : `${tool}: ${detail}`);
    const [oldest] = this.#uses.keys();
    if (this.#uses.size > maxOpenUses && oldest !== undefined) this.#uses.delete(oldest);
    return [{ type: 'tool_use', tool, detail }];
  }

  #toolResult(line: Json, error: Json): AgentActivity[] {
    this.#isInTurn = false;
    const id = idOf(line.tool_id);
    const use = this.#uses.get(id) ?? 'a tool';
    this.#uses.delete(id);
    if (error.type === 'policy_violation') {
      this.#denials += 1;
      if (this.#denied.length < maxShown) this.#denied.push(use);
    }
    const text = textOf(line.output) || textOf(error.message);
    return [
      ...this.#teamCalls.end(id, text),
      { type: 'tool_result', ok: line.status === 'success', text: startOf(text, maxText) },
    ];
  }

  #end(line: Json): AgentActivity[] {
    this.#usage = usageOf(asJson(line.stats), this.#turns);
    const text = this.#said;
    // A hook or the loop detection also ends a run as a success, but without text.
    if (line.status === 'success' && text.trim() !== '') {
      this.#answer = text;
      this.#verdict = { ok: true, kind: null, message: text, retryAt: null };
      return [{ type: 'result', ok: true, text }];
    }
    this.#answer = null;
    this.#verdict = failureOf(line, this.#error);
    return [{ type: 'result', ok: line.status === 'success', text: this.#verdict.message }];
  }
}

function idOf(value: unknown): string {
  return textOf(value).slice(0, 200);
}

/** Thinking tokens are only in the total. */
function usageOf(stats: Json, turns: number): ReportedUsage {
  const { input_tokens, output_tokens, cached, input, total_tokens } = stats;
  const told = soundUsage({
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
    turns,
    costUsd: null,
  });
  const { inputTokens: total } = soundUsage({ ...told, inputTokens: total_tokens });
  const { inputTokens: uncached } = soundUsage({ ...told, inputTokens: input });
  return {
    ...told,
    isOfRun: true,
    inputTokens: input === undefined ? Math.max(0, told.inputTokens - told.cacheReadTokens) : uncached,
    outputTokens: Math.max(told.outputTokens, total - told.inputTokens),
  };
}
