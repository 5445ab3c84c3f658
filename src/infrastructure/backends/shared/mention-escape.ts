import type { PromptEscape } from '../../../application/ports/backend.ts';

/**
 * `@path` attaches the file without asking for a permission, and `@agent-name` calls an agent; a backslash before the `@`
 * stops both (Claude Code 2.1.330: handoff.clients.ts; Gemini CLI 0.61 and Qwen Code 0.24: gemini-agents.clients.ts,
 * qwen-agents.clients.ts). A prompt of MAOS's never begins as a command of theirs: with `/` or `!`.
 */
export const mentionEscape: PromptEscape = {
  apply: (text) => text.replaceAll('@', '\\@'),
  legend: 'In this part, `\\@` means a plain at sign.',
};
