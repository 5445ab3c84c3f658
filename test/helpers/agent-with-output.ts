import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Agent } from '../../src/domain/agent.ts';
import { makeClaudeBackend } from '../../src/infrastructure/backends/claude/backend.ts';
import { realProject, run, shell } from './real-project.ts';

/** An agent that has run, in a project with the parser of Claude Code, with output that the test writes. */
export async function agentWithOutput(t: TestContext, overrides: Partial<Agent> = {}) {
  const config = {
    path: '/bin/sh',
    model: null,
    permissionMode: 'plan' as const,
    allowedTools: [],
    extraArgs: [],
    maxBudgetUsd: null,
  };
  const real = realProject(t, { backends: [makeClaudeBackend({ config, env: {} })] });
  const outcome = await run(real, [shell('a', 'true')]);
  const agent: Agent = { ...outcome.agent('a'), ...overrides };
  const folder = real.files.describe(outcome.id, `agents/${agent.id}`);
  return { real, agent, folder, stdout: join(folder, 'stdout.log'), stderr: join(folder, 'stderr.log') };
}
