import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { PathClaims } from '../application/claims/path-claims.ts';
import type { Runtime } from '../application/runtime.ts';
import { callingAgent } from './calling-agent.ts';
import { isAwayFromHome } from './relayed-calls.ts';

/** The part of a PreToolUse hook's input that describes an edit. */
const editCall = z.object({
  cwd: z.string().optional(),
  tool_input: z.object({ file_path: z.string().optional(), notebook_path: z.string().optional() }),
});

/**
 * The information for Claude Code's model before an edit: the other agents that have claimed the file. The edit is not
 * blocked, because claims are only information, and the agents decide among themselves which of them yields.
 * @param call the input of a PreToolUse hook
 * @returns the hook's output; null: none
 */
export async function beforeEdit(
  runtime: Runtime,
  env: Readonly<Record<string, string | undefined>>,
  call: string,
): Promise<unknown> {
  // On another machine than its team, an agent edits a folder of its own.
  if (isAwayFromHome(env)) return null;
  const { cwd = '.', tool_input: input } = editCall.parse(JSON.parse(call));
  const path = input.file_path ?? input.notebook_path;
  if (path === undefined) return null;
  const agent = await callingAgent(runtime, env, cwd);
  if (agent === null) return null;
  const claims = new PathClaims(agent.project);
  const found = await claims.beforeEdit(agent.caller, realPath(isAbsolute(path) ? path : join(cwd, path)));
  if (found.length === 0) return null;
  const additionalContext = `${found.join('\n')}\nMAOS tells you this once for this file; the edit was not held up. What stands in quotes is the other agent's. If your change may collide with its work, settle it with that agent before you go on.`;
  return { hookSpecificOutput: { hookEventName: 'PreToolUse', additionalContext } };
}

/** Claims use canonical paths. A file that does not exist yet has none, but its existing parent folder does. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}
