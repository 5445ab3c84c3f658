import type { PermissionDenials } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { asJson, describeInput, type Json, listOf, textOf } from './json-values.ts';

/** Limit for counting denials. */
const maxCounted = 1_000;
const maxShown = 20;
/** Maximum number of tool uses whose result is awaited. */
const maxOpenUses = 64;
const maxId = 200;
const maxTool = 80;

/**
 * What Claude Code was not permitted to do. In print mode no user is asked: a tool that needs a permission is refused,
 * and the run continues without it. Each refusal is reported by a `permission_denied` line, with the tool's result, and
 * again in the result line.
 */
export class MessageDenials {
  readonly #denied = new Map<string, string>();
  readonly #uses = new Map<string, string>();

  get all(): PermissionDenials | null {
    if (this.#denied.size === 0) return null;
    return { count: this.#denied.size, shown: [...this.#denied.values()].slice(0, maxShown) };
  }

  /** Records a tool use, to name it if it is refused. */
  use({ id, name, input }: Json): void {
    this.#uses.set(idOf(id), describe(name, asJson(input)));
    const [oldest] = this.#uses.keys();
    if (this.#uses.size > maxOpenUses && oldest !== undefined) this.#uses.delete(oldest);
  }

  /** Takes a `user` line, which says how the permissions of its tool results were decided. */
  results(line: Json): void {
    for (const { id, permission_decision } of listOf(line.tool_result_meta)) {
      if (asJson(permission_decision).decision === 'reject') this.#add(id, null);
    }
  }

  /** Takes a `system` line of the subtype `permission_denied`. */
  denied(line: Json): void {
    this.#add(line.tool_use_id, textOf(line.tool_name) || null);
  }

  /** Takes the result line. */
  final(line: Json): void {
    for (const { tool_use_id, tool_name, tool_input } of listOf(line.permission_denials)) {
      this.#add(tool_use_id, describe(tool_name, asJson(tool_input)));
    }
  }

  #add(told: unknown, what: string | null): void {
    const id = idOf(told);
    const known = this.#denied.get(id);
    if (known === undefined && this.#denied.size >= maxCounted) return;
    this.#denied.set(id, this.#uses.get(id) ?? what ?? known ?? 'a tool');
  }
}

function idOf(value: unknown): string {
  return textOf(value).slice(0, maxId);
}

function describe(tool: unknown, input: Json): string {
  const detail = describeInput(input);
  const name = startOf(textOf(tool), maxTool) || 'a tool';
  return detail === '' ? name : `${name}: ${detail}`;
}
