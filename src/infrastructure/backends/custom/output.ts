import { LineSplitter } from '../../../application/line-splitter.ts';
import type { AgentActivity, OutputParser, ParsedRun } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { soundUsage, type Usage } from '../../../domain/usage.ts';
import { conversationId } from '../shared/conversation-id.ts';
import { JsonLines, maxText } from '../shared/json-lines.ts';
import type { Json } from '../shared/json-values.ts';
import { TextParser } from '../shared/text-output.ts';
import { type Matcher, makeLineFinder, makeRecordFinder } from './matcher.ts';
import type { CustomSettings } from './settings.ts';

/** A longer line is searched in pieces. */
const maxLineBytes = 64 * 1024;
/** Maximum characters of a result; more would not fit into the prompts of dependent agents. */
const maxResult = 1_000_000;

const facts = ['conversation', 'inputTokens', 'outputTokens', 'costUsd', 'text', 'result', 'error'] as const;
type Fact = (typeof facts)[number];

/** The last value that each expression or path in the settings has found. */
class Findings<From> {
  readonly #finders: readonly (readonly [Fact, (from: From) => string | null])[];
  readonly #found = new Map<Fact, string>();

  constructor(
    settings: CustomSettings,
    makeFinder: (matcher: Matcher | null) => (from: From) => string | null,
  ) {
    this.#finders = facts
      .filter((fact) => settings[fact] !== null)
      .map((fact) => [fact, makeFinder(settings[fact])]);
  }

  of(fact: Fact): string | null {
    return this.#found.get(fact) ?? null;
  }

  read(from: From): readonly AgentActivity[] {
    const activities: AgentActivity[] = [];
    for (const [fact, find] of this.#finders) {
      const told = find(from);
      if (told === null) continue;
      if (fact === 'text') activities.push({ type: 'text', text: told });
      else if (fact !== 'conversation' || conversationId.test(told))
        this.#found.set(fact, startOf(told, maxResult));
      // The last one counts: a later result means that the error was overcome, a later error that the result was not
      // final.
      if (fact === 'result') this.#found.delete('error');
      if (fact === 'error') this.#found.delete('result');
      if (fact === 'result' || fact === 'error') {
        activities.push({ type: 'result', ok: fact === 'result', text: startOf(told, maxText) });
      }
    }
    return activities;
  }

  get usage(): Usage | null {
    const [inputTokens, outputTokens, costUsd] = (['inputTokens', 'outputTokens', 'costUsd'] as const).map(
      (fact) => numberIn(this.of(fact)),
    );
    if (inputTokens === null && outputTokens === null && costUsd === null) return null;
    return soundUsage({
      inputTokens,
      outputTokens,
      costUsd,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      turns: 0,
    });
  }
}

/** Also accepts '12,345' and '1.2k'. */
function numberIn(text: string | null): number | null {
  const [, digits = '', unit = ''] = /^\s*\$?([\d.,]*\d)\s*([kM]?)/u.exec(text ?? '') ?? [];
  const factor = { k: 1_000, M: 1_000_000 }[unit] ?? 1;
  return digits === '' ? null : Number(digits.replaceAll(',', '')) * factor;
}

/** Parses the output of a CLI according to the user's settings. */
export class CustomOutputParser implements OutputParser {
  readonly #settings: CustomSettings;
  readonly #kindOf: (words: string) => FailureKind | null;
  readonly #reader: Pick<OutputParser, 'push' | 'end'>;
  readonly #findings: Pick<Findings<never>, 'of' | 'usage'>;
  /** Takes the last lines as the result if no setting says where it is. */
  readonly #plain: TextParser | null;

  constructor(settings: CustomSettings, kindOf: (words: string) => FailureKind | null) {
    this.#settings = settings;
    this.#kindOf = kindOf;
    if (settings.output === 'json') {
      const findings = new Findings<Json>(settings, makeRecordFinder);
      this.#findings = findings;
      this.#reader = new JsonLines((record) => findings.read(record));
      this.#plain = null;
      return;
    }
    const findings = new Findings<string>(settings, makeLineFinder);
    this.#findings = findings;
    this.#plain = new TextParser();
    this.#reader = linesReader(this.#plain, findings);
  }

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#reader.push(chunk);
  }

  end(): readonly AgentActivity[] {
    return this.#reader.end();
  }

  parsed(): ParsedRun {
    const error = this.#findings.of('error');
    const told = this.#findings.of('result');
    const isLastLines = this.#plain !== null && this.#settings.result === null;
    return {
      verdict:
        error === null ? null : { ok: false, kind: this.#kindOf(error), message: error, retryAt: null },
      result: isLastLines ? (this.#plain?.parsed().result ?? null) : told,
      answer: told === null ? null : { text: told, background: [] },
      usage: this.#findings.usage,
      conversation: this.#findings.of('conversation'),
      turns: 0,
      subagents: 0,
      denials: null,
    };
  }
}

/** Shows people the lines unchanged. */
function linesReader(plain: TextParser, findings: Findings<string>): Pick<OutputParser, 'push' | 'end'> {
  const splitter = new LineSplitter(maxLineBytes, 'split');
  const decoder = new TextDecoder();
  const read = (lines: readonly Uint8Array[]) => lines.flatMap((line) => findings.read(decoder.decode(line)));
  return {
    push: (chunk) => [...plain.push(chunk), ...read(splitter.push(chunk))],
    end: () => [...plain.end(), ...read(splitter.end())],
  };
}
