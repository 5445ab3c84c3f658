import type { PromptEscape } from '../../../application/ports/backend.ts';

/**
 * `@path` attaches the file without asking for permission, and `@agent-name` calls an agent; a backslash before the `@`
 * prevents both (Claude Code 2.1.330: handoff.clients.ts; Gemini CLI 0.61 and Qwen Code 0.24: gemini-agents.clients.ts,
 * qwen-agents.clients.ts). MAOS's prompts never begin with `/` or `!`, which would be a command.
 */
export const mentionEscape: PromptEscape = {
  apply: (text) => text.replaceAll('@', '\\@'),
  legend: 'In this part, `\\@` means a plain at sign.',
};
