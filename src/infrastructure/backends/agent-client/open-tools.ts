import { startOf } from '../../../domain/cut-text.ts';
import { type Json, textOf } from '../shared/json-values.ts';

/** More at a time are not remembered. */
const maxTools = 256;
const maxTitle = 200;

/** The tools that an agent is using, as its updates tell. */
export class OpenTools {
  readonly #known = new Map<string, Json>();
  readonly #running = new Set<string>();

  /** While one runs, nothing need be said. */
  get isAnyRunning(): boolean {
    return this.#running.size > 0;
  }

  /** A tool with what was said of it before: later messages name only what is new. */
  complete(tool: Json): Json {
    const known = this.#known.get(textOf(tool.toolCallId)) ?? {};
    const [name, kind, title] = ['name', 'kind', 'title'].map((field) => tool[field] ?? known[field]);
    return { ...tool, name, kind, title };
  }

  update(update: Json): void {
    const { sessionUpdate } = update;
    if (sessionUpdate === 'tool_call' || sessionUpdate === 'tool_call_update') this.#tool(update);
    // It goes on without them: some programs never say that a tool has ended.
    if (sessionUpdate === 'agent_message_chunk') this.#running.clear();
  }

  #tool(update: Json): void {
    const id = textOf(update.toolCallId);
    const { name, kind, title } = this.complete(update);
    this.#known.set(id, { name, kind, title: startOf(textOf(title), maxTitle) });
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxTools && oldest !== undefined) this.#known.delete(oldest);
    if (update.status === 'completed' || update.status === 'failed') this.#running.delete(id);
    else if (this.#running.size < maxTools) this.#running.add(id);
  }
}
