import { addUsage, fullerUsage, noUsage, soundUsage, totalUsage, type Usage } from '../../../domain/usage.ts';
import { asJson, type Json, textOf } from './json-values.ts';

/** Maximum number of messages whose usage may still grow: messages of parallel sub-agents are interleaved. */
const maxOpenMessages = 64;

/**
 * Usage of a Claude Code run. It is reported in three ways: for each message (input when the message began, and little
 * output), for the stretch up to a result line, and for the whole run by model, including sub-agents. Each can be
 * missing or zero, so the largest number counts.
 */
export class MessageUsage {
  /** Usage by message: a message comes as several lines, each with the usage so far. */
  readonly #messages = new Map<string, Usage>();
  /** Usage of earlier messages, which are no longer tracked. */
  #spent: Usage | null = null;
  #stretch: Usage | null = null;
  /** Usage of earlier stretches. */
  #stretches: Usage | null = null;
  #models: Usage | null = null;
  #begun = 0;
  #begunBefore = 0;
  readonly #isCachedInInput: boolean;

  /** @param told.isCachedInInput whether `input_tokens` includes tokens read from a cache */
  constructor(told: { readonly isCachedInInput?: boolean } = {}) {
    this.#isCachedInInput = told.isCachedInInput ?? false;
  }

  /** Number of the model's messages. */
  get messages(): number {
    return this.#begun;
  }

  get total(): Usage | null {
    const told = [this.#byMessage(), totalUsage([this.#stretches, this.#stretch]), this.#models].filter(
      (usage) => usage !== null,
    );
    return told.length === 0 ? null : told.reduce(fullerUsage);
  }

  /** Takes a line of a message. @returns whether the line begins a new message */
  message(message: Json): boolean {
    if (!Array.isArray(message.content) && message.usage === undefined) return false;
    const id = textOf(message.id);
    const isNew = !this.#messages.has(id);
    if (isNew) this.#begun += 1;
    this.#messages.set(id, { ...this.#tokensOf(asJson(message.usage)), turns: 1 });
    const [oldest] = this.#messages;
    if (this.#messages.size > maxOpenMessages && oldest !== undefined) {
      this.#spent = this.#spent === null ? oldest[1] : addUsage(this.#spent, oldest[1]);
      this.#messages.delete(oldest[0]);
    }
    return isNew;
  }

  result(line: Json): void {
    const told = soundUsage({ ...this.#tokensOf(asJson(line.usage)), turns: line.num_turns });
    // Without a message in between, it is another report on the same stretch.
    if (this.#begun > this.#begunBefore) this.#stretches = totalUsage([this.#stretches, this.#stretch]);
    const isSame = this.#begun === this.#begunBefore && this.#stretch !== null;
    this.#stretch = isSame ? fullerUsage(this.#stretch ?? noUsage, told) : told;
    this.#begunBefore = this.#begun;
    const models = Object.values(asJson(line.modelUsage)).map((model) => tokensOfModel(asJson(model)));
    const whole = { ...(totalUsage(models) ?? noUsage), costUsd: line.total_cost_usd };
    this.#models = fullerUsage(this.#models ?? noUsage, soundUsage(whole));
  }

  #tokensOf(told: Json): Usage {
    const usage = tokensOf(told);
    if (!this.#isCachedInInput) return usage;
    return { ...usage, inputTokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens) };
  }

  #byMessage(): Usage | null {
    return totalUsage([this.#spent, ...this.#messages.values()]);
  }
}

function tokensOf(usage: Json): Usage {
  return soundUsage({
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens,
    cacheWriteTokens: usage.cache_creation_input_tokens,
    turns: 0,
    costUsd: null,
  });
}

function tokensOfModel(model: Json): Usage {
  return soundUsage({
    inputTokens: model.inputTokens,
    outputTokens: model.outputTokens,
    cacheReadTokens: model.cacheReadInputTokens,
    cacheWriteTokens: model.cacheCreationInputTokens,
    turns: 0,
    costUsd: null,
  });
}
