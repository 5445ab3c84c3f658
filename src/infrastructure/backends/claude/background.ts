import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';

const maxNames = 20;
const maxName = 120;
const stopped = new Set(['stopped', 'killed']);
const over = new Set(['completed', 'failed', ...stopped]);

/**
 * Commands and agents that the model has put into the background. While there are some, a result line is not the last:
 * Claude Code waits for them and then lets the model continue.
 */
export class ClaudeBackground {
  readonly #tasks = new Map<string, string>();

  /** Descriptions of the tasks, at most twenty. */
  get names(): readonly string[] {
    return [...this.#tasks.values()].slice(0, maxNames);
  }

  /** Takes a `background_tasks_changed` line, which lists all current tasks. */
  changed(line: Json): void {
    this.#tasks.clear();
    for (const { task_id, description, task_type } of listOf(line.tasks).slice(0, 1_000)) {
      const name = textOf(description) || textOf(task_type) || 'a task';
      this.#tasks.set(textOf(task_id), startOf(name, maxName));
    }
  }

  /** Takes a line about one task. @returns whether the task was stopped before it finished */
  told(line: Json): boolean {
    const status = textOf(line.status) || textOf(asJson(line.patch).status);
    if (!over.has(status)) return false;
    this.#tasks.delete(textOf(line.task_id));
    return stopped.has(status);
  }
}
