/** What a scripted model does in the course of a run: it calls tools of MAOS, reads what they answer, and ends. */
import assert from 'node:assert/strict';

/** A tool, by MAOS's name, and its arguments. */
export type ToolCall = readonly [name: string, args: Readonly<Record<string, unknown>>];

/** What a tool answered, as the client tells the model. */
export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
}

/**
 * Calls a tool with each value yielded and is handed what came back; what it returns is the model's last word. The
 * first request to the model is its argument.
 */
export type Script<Request> = (first: Request) => Generator<ToolCall, string, ToolAnswer>;

/** Follows a script from request to request. */
export class ModelScript<Request> {
  #script: Script<Request> = () => assert.fail('no script was begun');
  #running: Generator<ToolCall, string, ToolAnswer> | null = null;

  /** From the next request on, the model follows this one. */
  begin(script: Script<Request>): void {
    [this.#script, this.#running] = [script, null];
  }

  /** @param answer of the tool that was called last, if one was */
  next(
    request: Request,
    answer: ToolAnswer = { text: '', isError: false },
  ): { readonly text: string } | { readonly call: ToolCall } {
    this.#running ??= this.#script(request);
    try {
      const { done, value } = this.#running.next(answer);
      return done === true ? { text: value } : { call: value };
    } catch (error) {
      // A client that asks again must not hear of a good end.
      this.begin(() => {
        throw error;
      });
      throw error;
    }
  }
}

/** The JSON a tool answered; one that refused ends the test. */
export function read({ text, isError }: ToolAnswer): Readonly<Record<string, unknown>> {
  assert.equal(isError, false, text);
  return JSON.parse(text);
}

/** Calls wait-session until it says that the session is settled. */
export function* waitUntilSettled(
  session_id: unknown,
): Generator<ToolCall, Readonly<Record<string, unknown>>, ToolAnswer> {
  for (;;) {
    const answer = read(yield ['wait-session', { session_id, timeout_seconds: 60 }]);
    if (answer.settled === true) return answer;
  }
}
