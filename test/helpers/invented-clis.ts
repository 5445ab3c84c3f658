import { fileURLToPath } from 'node:url';

/** Fake agent CLIs with different interfaces, and their settings in `backends.custom`. */

export function inventedProgram(file: 'scribe.mjs' | 'courier.mjs' | 'filer.sh'): string {
  return fileURLToPath(new URL(`../fixtures/programs/${file}`, import.meta.url));
}

export const inventedClis = {
  /** Prompt on stdin, lines. */
  scribe: {
    command: [inventedProgram('scribe.mjs')],
    roleArgs: ['--persona={role}'],
    modelArgs: ['--model={model}'],
    resumeArgs: ['--session={conversation}'],
    escape: { '@': '(at)' },
    result: { pattern: '^ANSWER: (.*)$' },
    error: { pattern: '^FATAL: (.*)$' },
    conversation: { pattern: '^Session: (.*)$' },
    inputTokens: { pattern: '^Tokens: ([\\d,]+) in' },
    outputTokens: { pattern: ' (\\d+) out' },
    costUsd: { pattern: '\\((\\$[\\d.]+)\\)' },
    failureKinds: { rate_limited: 'quota exceeded' },
  },
  /** Prompt as an argument, JSON lines. */
  courier: {
    command: [inventedProgram('courier.mjs'), '--say', '{prompt}'],
    roleArgs: ['--rules', '{role}'],
    modelArgs: ['--model', '{model}'],
    resumeArgs: ['--continue', '{conversation}'],
    output: 'json',
    text: { path: 'text', where: { event: 'words', role: 'model' } },
    result: { path: 'text', where: { event: 'final' } },
    error: { path: 'detail.0.message' },
    conversation: { path: 'trip.id' },
    inputTokens: { path: 'used.in' },
    outputTokens: { path: 'used.out' },
    costUsd: { path: 'usd' },
    failureKinds: { auth_required: 'sign in' },
  },
  /** Prompt in a file, the last lines are the result. */
  filer: { command: [inventedProgram('filer.sh'), 'run', '--task', '{promptFile}'] },
} as const;
