import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';

import { actionOf, type ToolUse, toolUse } from './tools.ts';

/** Maximum number of tools remembered. */
const maxTools = 256;
const maxTitle = 200;

/** The tools in use, from the program's updates. */
export class OpenTools {
  readonly #known = new Map<string, Json>();
  readonly #running = new Set<string>();

  /** The program may be silent while a tool runs. */
  get isAnyRunning(): boolean {
    return this.#running.size > 0;
  }

  /** Adds what earlier messages said about the tool, because later ones contain only changes. */
  complete(tool: Json): Json {
    const known = this.#known.get(textOf(tool.toolCallId)) ?? {};
    const [name, kind, title] = ['name', 'kind', 'title'].map((field) => tool[field] ?? known[field]);
    return { ...tool, name, kind, title, action: actionOf(tool) || known.action };
  }

  /** @returns a tool to report: a new one, or one with more details; null: nothing to report */
  update(update: Json): ToolUse | null {
    const { sessionUpdate } = update;
    // The agent has moved on: some programs never report the end of a tool.
    if (sessionUpdate === 'agent_message_chunk') this.#running.clear();
    const isTool = sessionUpdate === 'tool_call' || sessionUpdate === 'tool_call_update';
    return isTool ? this.#tool(update) : null;
  }

  /** Like {@link update}, for a tool in a permission request: some programs mention it only there. */
  asked(tool: Json): ToolUse | null {
    return this.#tool({ ...tool, status: 'in_progress' });
  }

  #tool(update: Json): ToolUse | null {
    const id = textOf(update.toolCallId);
    const { name, kind, title, action } = this.complete(update);
    const use = toolUse({ ...update, name, kind, title });
    const { told } = this.#known.get(id) ?? {};
    // While the model is still writing a tool's input, some programs report only its existence.
    const isComing = update.status === 'pending' && Object.keys(asJson(update.rawInput)).length === 0;
    const isNews = use.detail !== told && !isComing && update.status !== 'completed';
    this.#known.set(id, {
      ...{ name, kind, action, title: startOf(textOf(title), maxTitle) },
      told: isNews ? use.detail : told,
    });
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxTools && oldest !== undefined) this.#known.delete(oldest);
    if (update.status === 'completed' || update.status === 'failed') this.#running.delete(id);
    else if (this.#running.size < maxTools) this.#running.add(id);
    return isNews ? use : null;
  }
}
