import { addUsage, costOf, fullerUsage, noUsage, soundUsage, type Usage } from '../../../domain/usage.ts';
import { asJson, type Json } from '../shared/json-values.ts';

/**
 * What a run used. The protocol has a place for it in the answer to the prompt, and one for the cost in an update. Gemini
 * CLI has its own in `_meta` of that answer, and Qwen Code in `_meta` of a piece of text after each call of the model. Turns of the model are told nowhere: each answer that follows the end of a tool is one.
 */
export class ClientUsage {
  turns = 0;
  #prompt: string | null = null;
  #tokens: Usage | null = null;
  #calls: Usage | null = null;
  #costUsd: number | null = null;
  #isBetween = true;

  /** Null where the program told nothing. */
  get total(): Usage | null {
    const told = this.#tokens ?? this.#calls;
    if (told === null && this.#costUsd === null) return null;
    return soundUsage({ ...(told ?? noUsage), turns: this.turns, costUsd: this.#costUsd });
  }

  /** The model has said something. */
  worked(): void {
    if (this.#isBetween) this.turns += 1;
    this.#isBetween = false;
  }

  /** A tool has ended: what the model says next, it says in another turn. */
  toolEnded(): void {
    this.#isBetween = true;
  }

  /** A message to the program. */
  sent({ method, id }: Json): void {
    if (method === 'session/prompt') this.#prompt = String(id);
  }

  /** A message of the program. */
  received({ id, result }: Json): void {
    if (this.#prompt === null || String(id) !== this.#prompt) return;
    const { usage, _meta } = asJson(result);
    const counts = asJson(asJson(asJson(_meta).quota).token_count);
    this.#take(counted(asJson(usage)));
    this.#take({ ...noUsage, inputTokens: counts.input_tokens, outputTokens: counts.output_tokens });
  }

  /** A piece of text. */
  chunk({ _meta }: Json): void {
    const { usage } = asJson(_meta);
    if (usage === undefined) return;
    const call = soundUsage(counted(asJson(usage)));
    this.#calls = this.#calls === null ? call : addUsage(this.#calls, call);
  }

  /** A `usage_update`: its cost is that of the conversation so far. */
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
