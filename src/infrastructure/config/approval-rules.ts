import * as z from 'zod';
import type { Kind } from './kinds.ts';

const text = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^[^\0]*$/);
const keys = ['tool', 'pattern', 'decision'];
const schema = z
  .array(
    z
      .strictObject({ tool: text, pattern: text.nullish(), decision: z.enum(['allow', 'deny']) })
      .transform(({ tool, pattern = null, decision }) => ({ tool, pattern, decision })),
  )
  .max(1_000);
const example = '{"tool": "Bash", "pattern": "git status *", "decision": "allow"}';

/** The rules that answer agents' permission requests. */
export const approvalRules: Kind<z.infer<typeof schema>> = {
  schema,
  allowed: `a list of at most 1000 rules such as ${example}`,
  // Lists can only be set in files.
  fromText: (given) => given,
  problem(value, path) {
    if (!Array.isArray(value)) return null;
    for (const [index, rule] of value.entries()) {
      const where = `${path}[${index}]`;
      if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) {
        return `${where} must be an object such as ${example}.`;
      }
      const unknown = Object.keys(rule).find((key) => !keys.includes(key));
      if (unknown !== undefined) {
        return `${where} has the unknown key ${JSON.stringify(unknown)}; a rule has ${keys.join(', ')}.`;
      }
      const { tool, pattern, decision } = rule as Record<string, unknown>;
      if (!text.safeParse(tool).success)
        return `${where}.tool must be the name of a tool, or a pattern with *.`;
      if (!text.nullish().safeParse(pattern).success) {
        return `${where}.pattern must be a text of 1 to 4096 characters, or left out.`;
      }
      if (decision !== 'allow' && decision !== 'deny') return `${where}.decision must be allow or deny.`;
    }
    return null;
  },
};
