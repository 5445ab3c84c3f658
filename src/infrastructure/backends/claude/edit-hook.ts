import type { TeamServer } from '../../../application/ports/backend.ts';

/** Claude Code's tools that edit a file by its path. Changes by shell commands are not detected. */
const editTools = 'Edit|MultiEdit|Write|NotebookEdit';
/** Long enough for a busy machine. */
const patienceSeconds = 10;

/**
 * A hook that makes Claude Code ask before each edit whether another agent has claimed the file, and pass the answer to
 * its model. It never blocks the edit, even if this MAOS is gone. Hooks of the user and the project run as well (Claude
 * Code 2.1.330: path-claims.clients.ts).
 */
export function editHook(server: TeamServer | null): readonly string[] {
  if (server === null) return [];
  const variables = Object.entries(server.env).map(([name, value]) => `${name}=${value}`);
  const words = ['env', ...variables, server.command, ...server.args, '--before-edit'].map(shellWord);
  // Status 2 would block the edit; any other status except 0 would be shown as an error.
  const command = `${words.join(' ')} 2>/dev/null || true`;
  const hooks = [{ type: 'command', command, timeout: patienceSeconds }];
  return ['--settings', JSON.stringify({ hooks: { PreToolUse: [{ matcher: editTools, hooks }] } })];
}

function shellWord(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
