import type { TeamServer } from '../../../application/ports/backend.ts';

/** The tools of Claude Code that change a file they name. What a command changes is not seen. */
const editTools = 'Edit|MultiEdit|Write|NotebookEdit';
/** Longer than a busy machine takes to say that there is nothing to say. */
const patienceSeconds = 10;

/**
 * Makes Claude Code ask before each edit whether another agent has claimed the file. What it is told goes to its model; the
 * edit goes on, whatever becomes of the question: also where this MAOS is gone. Hooks of the user and the project run
 * beside it (Claude Code 2.1.330: path-claims.clients.ts).
 */
export function editHook(server: TeamServer | null): readonly string[] {
  if (server === null) return [];
  const variables = Object.entries(server.env).map(([name, value]) => `${name}=${value}`);
  const words = ['env', ...variables, server.command, ...server.args, '--before-edit'].map(shellWord);
  // Status 2 would refuse the edit, and any other but 0 would be shown as an error.
  const command = `${words.join(' ')} 2>/dev/null || true`;
  const hooks = [{ type: 'command', command, timeout: patienceSeconds }];
  return ['--settings', JSON.stringify({ hooks: { PreToolUse: [{ matcher: editTools, hooks }] } })];
}

function shellWord(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
