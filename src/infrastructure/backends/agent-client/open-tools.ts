import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';

import { type ToolUse, toolUse } from './tools.ts';

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

  /** @returns what is to be told of: a tool that is new, or about which more is known now; null: nothing */
  update(update: Json): ToolUse | null {
    const { sessionUpdate } = update;
    // It goes on without them: some programs never say that a tool has ended.
    if (sessionUpdate === 'agent_message_chunk') this.#running.clear();
    const isTool = sessionUpdate === 'tool_call' || sessionUpdate === 'tool_call_update';
    return isTool ? this.#tool(update) : null;
  }

  /** As {@link update}, for a tool that needs a permission: some programs tell of it with that request only. */
  asked(tool: Json): ToolUse | null {
    return this.#tool({ ...tool, status: 'in_progress' });
  }

  #tool(update: Json): ToolUse | null {
    const id = textOf(update.toolCallId);
    const { name, kind, title } = this.complete(update);
    const use = toolUse({ ...update, name, kind, title });
    const { told } = this.#known.get(id) ?? {};
    // Of a tool that a model is still writing its input for, some programs tell only that there is one.
    const isComing = update.status === 'pending' && Object.keys(asJson(update.rawInput)).length === 0;
    const isNews = use.detail !== told && !isComing && update.status !== 'completed';
    this.#known.set(id, {
      ...{ name, kind, title: startOf(textOf(title), maxTitle) },
      told: isNews ? use.detail : told,
    });
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxTools && oldest !== undefined) this.#known.delete(oldest);
    if (update.status === 'completed' || update.status === 'failed') this.#running.delete(id);
    else if (this.#running.size < maxTools) this.#running.add(id);
    return isNews ? use : null;
  }
}
