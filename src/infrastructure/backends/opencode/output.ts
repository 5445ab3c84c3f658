import type { AgentActivity, OutputParser, ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { addUsage, costOf, countOf, noUsage, type Usage } from '../../../domain/usage.ts';
import { conversationId } from '../shared/conversation-id.ts';
import { JsonLines, maxText } from '../shared/json-lines.ts';
import { asJson, describeInput, type Json, textOf } from '../shared/json-values.ts';
import { receivedWith } from '../shared/team-results.ts';
import { teamServerName } from '../shared/team-server.ts';
import { ToolDenials } from '../shared/tool-denials.ts';
import { failureOf, verdictOfReason } from './verdicts.ts';

/** Maximum characters of a result. */
const maxResult = 1_000_000;
const maxTool = 80;
/** Tools of the team's server, as opencode names them. */
const teamTool = `${teamServerName}_`;

/**
 * Parses `opencode run --format json`: a line for each completed part of a message (`step_start`, `text`, `tool_use`,
 * `step_finish`) and for each `error`. There is no final line: the last message is the answer if the process then exits
 * with status 0. Of sub-agents only the completed call of the tool `task` is visible.
 */
export class OpencodeOutputParser implements OutputParser {
  readonly #lines = new JsonLines((line) => this.#line(line));
  readonly #denials = new ToolDenials();
  #conversation: string | null = null;
  #usage: Usage | null = null;
  #verdict: Verdict | null = null;
  /** What the model has said in the current step. */
  #text = '';
  #answer: string | null = null;
  #turns = 0;
  #subagents = 0;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return this.#lines.end();
  }

  parsed(): ParsedRun {
    return {
      verdict: this.#verdict,
      result: this.#answer,
      answer: this.#answer === null ? null : { text: this.#answer, background: [] },
      usage: this.#usage === null ? null : { ...this.#usage, isOfRun: true },
      conversation: this.#conversation,
      turns: this.#turns,
      subagents: this.#subagents,
      denials: this.#denials.all,
    };
  }

  #line(line: Json): AgentActivity[] {
    const id = textOf(line.sessionID);
    if (conversationId.test(id)) this.#conversation = id;
    const part = asJson(line.part);
    switch (line.type) {
      case 'step_start':
        return this.#begin();
      case 'text':
        return this.#say(textOf(part.text));
      case 'tool_use':
        return this.#tool(textOf(part.tool), asJson(part.state));
      case 'step_finish':
        return this.#finish(part);
      case 'error':
        return this.#fail(failureOf(asJson(line.error), line.timestamp));
      default:
        return [];
    }
  }

  /** The model responds: earlier text was not the last, and an earlier failure does not end the run. */
  #begin(): AgentActivity[] {
    this.#text = '';
    this.#answer = null;
    this.#verdict = null;
    return [];
  }

  #say(text: string): AgentActivity[] {
    this.#text = startOf(this.#text === '' ? text : `${this.#text}\n${text}`, maxResult);
    return [{ type: 'text', text }];
  }

  #tool(told: string, { status, input, output, error }: Json): AgentActivity[] {
    const tool = startOf(told, maxTool);
    const detail = describeInput(asJson(input));
    const ok = status !== 'error';
    const text = ok ? textOf(output) : textOf(error);
    if (tool === 'task') this.#subagents += 1;
    if (!ok && refusal.test(text)) this.#denials.add(tool, detail);
    return [
      { type: 'tool_use', tool, detail },
      ...(tool.startsWith(teamTool) ? receivedWith(text) : []),
      { type: 'tool_result', ok, text: startOf(text, maxText) },
    ];
  }

  #finish(part: Json): AgentActivity[] {
    const reason = textOf(part.reason);
    this.#turns += 1;
    this.#usage = addUsage(this.#usage ?? noUsage, usageOf(part));
    if (reason === 'tool-calls') return [];
    const verdict = reason === 'stop' ? null : verdictOfReason(reason);
    if (verdict !== null) return this.#fail(verdict);
    this.#answer = this.#text;
    return [{ type: 'result', ok: true, text: this.#text }];
  }

  #fail(verdict: Verdict): AgentActivity[] {
    // Errors are reported twice: for the failed step and for the run.
    const isSame = this.#verdict?.message === verdict.message;
    this.#verdict = verdict;
    this.#answer = null;
    return isSame ? [] : [{ type: 'result', ok: false, text: verdict.message }];
  }
}

/** A refusal by the user or by a rule. */
const refusal = /^The user (?:rejected permission|has specified a rule which prevents)/;

/** `input` does not include cached tokens. */
function usageOf({ tokens, cost }: Json): Usage {
  const { input, output, reasoning, cache } = asJson(tokens);
  const { read, write } = asJson(cache);
  return {
    inputTokens: countOf(input),
    outputTokens: countOf(output) + countOf(reasoning),
    cacheReadTokens: countOf(read),
    cacheWriteTokens: countOf(write),
    turns: 1,
    costUsd: costOf(cost),
  };
}
