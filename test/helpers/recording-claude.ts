import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const script = `#!/bin/sh
if [ "$1" = --version ]; then echo '9.9.9 (Claude Code)'; exit; fi
for word in "$@"; do printf '%s\\0' "$word"; done >"$MAOS_WORKSPACE/arguments"
IFS= read -r prompt
echo '{"type":"result","subtype":"success","is_error":false,"result":"Recorded.","num_turns":1}'
cat >/dev/null
`;

/**
 * A program that replaces Claude Code: it records its arguments and succeeds.
 * @returns its path
 */
export function recordingClaude(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'recording-claude');
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

/** The value of an option in its recorded arguments; null without the option. @param workspace that of its agent */
export function givenOption(workspace: string, option: string): string | null {
  const words = readFileSync(join(workspace, 'arguments'), 'utf8').split('\0');
  const index = words.indexOf(option);
  return index < 0 ? null : (words[index + 1] ?? null);
}
