import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';

const maxNames = 20;
const maxName = 120;
const stopped = new Set(['stopped', 'killed']);
const over = new Set(['completed', 'failed', ...stopped]);

/**
 * What Claude Code still runs beside its conversation: commands and agents that its model put into the background. While
 * there are some, a result line is not its last: it waits for them, and then lets the model go on.
 */
export class ClaudeBackground {
  readonly #tasks = new Map<string, string>();

  /** What it says of each task, at most twenty. */
  get names(): readonly string[] {
    return [...this.#tasks.values()].slice(0, maxNames);
  }

  /** A `background_tasks_changed` line: all there are now. */
  changed(line: Json): void {
    this.#tasks.clear();
    for (const { task_id, description, task_type } of listOf(line.tasks).slice(0, 1_000)) {
      const name = textOf(description) || textOf(task_type) || 'a task';
      this.#tasks.set(textOf(task_id), startOf(name, maxName));
    }
  }

  /** A line about one task. @returns whether the task was ended before it was done */
  told(line: Json): boolean {
    const status = textOf(line.status) || textOf(asJson(line.patch).status);
    if (!over.has(status)) return false;
    this.#tasks.delete(textOf(line.task_id));
    return stopped.has(status);
  }
}
