import { addUsage, costOf, fullerUsage, noUsage, soundUsage, type Usage } from '../../../domain/usage.ts';
import { asJson, type Json } from '../shared/json-values.ts';

/**
 * Usage of a run. The protocol has fields for it in the response to the prompt, and for the cost in an update. Gemini
 * CLI reports it in `_meta` of that response, Qwen Code in `_meta` of a text chunk after each model call. Turns are not
 * reported, so each model response that follows a tool counts as one.
 */
export class ClientUsage {
  turns = 0;
  #prompt: string | null = null;
  /** Of earlier prompts. */
  #before: Usage | null = null;
  #tokens: Usage | null = null;
  #calls: Usage | null = null;
  #costUsd: number | null = null;
  #isBetween = true;

  /** Null if the program reported nothing. */
  get total(): Usage | null {
    const told = this.#counted;
    if (told === null && this.#costUsd === null) return null;
    return soundUsage({ ...(told ?? noUsage), turns: this.turns, costUsd: this.#costUsd });
  }

  get #counted(): Usage | null {
    const told = this.#tokens ?? this.#calls;
    return this.#before === null || told === null ? (told ?? this.#before) : addUsage(this.#before, told);
  }

  /** Call when the model has responded. */
  worked(): void {
    if (this.#isBetween) this.turns += 1;
    this.#isBetween = false;
  }

  /** Call when a tool has ended: the model's next response begins another turn. */
  toolEnded(): void {
    this.#isBetween = true;
  }

  /** Takes a message to the program. */
  sent({ method, id }: Json): void {
    if (method !== 'session/prompt') return;
    this.#before = this.#counted;
    this.#tokens = null;
    this.#calls = null;
    this.#prompt = String(id);
  }

  /** Takes a message from the program. */
  received({ id, result }: Json): void {
    if (this.#prompt === null || String(id) !== this.#prompt) return;
    const { usage, _meta } = asJson(result);
    const counts = asJson(asJson(asJson(_meta).quota).token_count);
    this.#take(counted(asJson(usage)));
    this.#take({ ...noUsage, inputTokens: counts.input_tokens, outputTokens: counts.output_tokens });
  }

  /** Takes a text chunk. */
  chunk({ _meta }: Json): void {
    const { usage } = asJson(_meta);
    if (usage === undefined) return;
    const call = soundUsage(counted(asJson(usage)));
    this.#calls = this.#calls === null ? call : addUsage(this.#calls, call);
  }

  /** Takes a `usage_update`; its cost covers the conversation so far. */
  update({ cost }: Json): void {
    const { amount, currency } = asJson(cost);
    if (currency === 'USD') this.#costUsd = costOf(amount) ?? this.#costUsd;
  }

  #take(told: Readonly<Record<keyof Usage, unknown>>): void {
    const usage = soundUsage(told);
    const isNothing = Object.values(usage).every((count) => count === 0 || count === null);
    if (!isNothing) this.#tokens = fullerUsage(this.#tokens ?? noUsage, usage);
  }
}

function counted(usage: Json): Readonly<Record<keyof Usage, unknown>> {
  return {
    ...noUsage,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    cacheReadTokens: usage.cachedReadTokens,
    cacheWriteTokens: usage.cachedWriteTokens,
  };
}
