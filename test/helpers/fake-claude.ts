import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Backend } from '../../src/application/ports/backend.ts';
import { makeClaudeBackend } from '../../src/infrastructure/backends/claude/backend.ts';
import type { AgentJson } from '../../src/presentation/contracts/plan-input.ts';
import { type RealProject, type RealProjectOptions, realProject } from './real-project.ts';

const script = fileURLToPath(new URL('../fixtures/programs/fake-claude.mjs', import.meta.url));

/** A step of {@link file://../fixtures/programs/fake-claude.mjs}. */
export type Step =
  | { readonly line: object }
  | { readonly ms: number }
  | { readonly wait: string }
  | { readonly make: string }
  /** Waits until a message with this text is in the conversation. */
  | { readonly hear: string }
  /** Hears messages until there is this file. */
  | { readonly listen: string }
  /** Waits for the permission to use a tool. */
  | { readonly ask: { readonly tool: string; readonly input: object } }
  /** Calls a tool of `maos agent`; see there. */
  | {
      readonly call: {
        readonly tool: string;
        readonly args?: object;
        readonly bundle: string;
        readonly home: string;
        readonly dies?: true;
        readonly got?: string;
        readonly until?: string;
      };
    }
  /** Calls the tool again and again until there is this file, and once more. */
  | {
      readonly calls: {
        readonly tool: string;
        readonly bundle: string;
        readonly home: string;
        readonly until: string;
      };
    }
  | { readonly exit: number };

/** The real backend, with a program that replaces Claude Code. */
export function fakeClaudeBackend(folder: string): Backend {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'fake-claude');
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
  chmodSync(path, 0o755);
  const config = { path, model: null, permissionMode: 'acceptEdits' as const, maxBudgetUsd: null };
  return makeClaudeBackend({ config: { ...config, allowedTools: [], extraArgs: [] }, env: process.env });
}

/** The same as it would be if it read nothing but its prompt, as most CLIs do. */
export function promptOnlyBackend(folder: string): Backend {
  const claude = fakeClaudeBackend(folder);
  const prepare: Backend['prepare'] = async (context) => {
    const spec = await claude.prepare(context);
    const at = spec.args.indexOf('--input-format');
    return { ...spec, args: spec.args.toSpliced(at, 2), stdin: 'prompt' };
  };
  return { ...claude, live: null, prepare };
}

/** Backends of a {@link realProject}, in the project's own folder: this one, and as `codex` one that reads only its prompt. */
export const fakeClaude = (root: string): readonly Backend[] => [
  fakeClaudeBackend(join(root, 'bin')),
  { ...promptOnlyBackend(join(root, 'bin')), name: 'codex' },
];

export function claudeProject(
  t: TestContext,
  options: Omit<RealProjectOptions, 'backends'> = {},
): RealProject {
  return realProject(t, { ...options, backends: fakeClaude });
}

/**
 * An agent of this backend.
 * @param plays its steps at the first start, the second and so on; the last one is repeated
 */
export function player(
  root: string,
  name: string,
  plays: readonly (readonly Step[])[],
  more: Partial<AgentJson> = {},
): AgentJson {
  writeFileSync(join(root, `${name}.play.json`), JSON.stringify(plays));
  return { name, role: 'tester', task: `play ${name}`, backend: 'claude', ...more };
}

/** The conversation that each start resumed, null for a new one. */
export function startsOf(root: string, name: string): readonly (string | null)[] {
  const file = join(root, `${name}.starts`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

let turns = 0;

/** A turn of the model. */
export function turn(inputTokens: number, text = 'Working.'): Step {
  turns += 1;
  const usage = { input_tokens: inputTokens, output_tokens: 0 };
  const content = [{ type: 'text', text }];
  return {
    line: { type: 'assistant', message: { id: `msg_${turns}`, model: 'claude-x', usage, content } },
  };
}

/** Its last line after a success. */
export function success(result: string, inputTokens = 10, costUsd = 0.01): Step {
  return {
    line: {
      ...{ type: 'result', subtype: 'success', is_error: false, result, num_turns: 1 },
      total_cost_usd: costUsd,
      modelUsage: { x: { inputTokens, outputTokens: 0 } },
    },
  };
}

/** Its last lines when the provider refuses. @param until when it accepts requests again; null: not stated */
export function refusal(until: Date | null): readonly Step[] {
  const info = { status: 'rejected', resetsAt: (until?.getTime() ?? 0) / 1000, rateLimitType: 'five_hour' };
  const message = { model: '<synthetic>', content: [] };
  return [
    ...(until === null ? [] : [{ line: { type: 'rate_limit_event', rate_limit_info: info } }]),
    { line: { type: 'assistant', error: 'rate_limit', message } },
    {
      line: {
        ...{ type: 'result', subtype: 'success', is_error: true, api_error_status: 429, num_turns: 0 },
        ...{ result: 'API Error: Request rejected (429)', total_cost_usd: 0, modelUsage: {} },
      },
    },
    { exit: 1 },
  ];
}
