import type { Agent, AgentFailure, FailureKind } from '../../../src/domain/agent.ts';
import { notStarted, specDefaults } from '../../../src/domain/agent.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import { makeAgentId, makeSessionId } from '../../../src/domain/ids.ts';
import type { Phase } from '../../../src/domain/orchestration.ts';
import type { Session } from '../../../src/domain/session.ts';
import type { Usage } from '../../../src/domain/usage.ts';
import type { Workflow } from '../../../src/domain/workflow.ts';

export const sessionId = makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ');

/** Milliseconds since the epoch, `seconds` after the samples begin. */
export function ms(seconds: number): number {
  return Date.UTC(2026, 0, 1, 12) + seconds * 1000;
}

export function time(seconds: number): string {
  return new Date(ms(seconds)).toISOString();
}

export const usage: Usage = {
  inputTokens: 1_000,
  outputTokens: 234,
  cacheReadTokens: 11_000,
  cacheWriteTokens: 100,
  turns: 3,
  costUsd: 0.25,
};

/** A running agent of the backend `claude` by default. */
export function agent(name: string, given: Partial<Agent> = {}): Agent {
  return {
    ...specDefaults,
    ...notStarted,
    id: makeAgentId(
      'qa',
      1,
      name
        .replaceAll(/[^a-z0-9]/g, '')
        .padEnd(6, '0')
        .slice(0, 6),
    ),
    sessionId,
    name,
    role: { name: 'qa', custom: null },
    ordinal: 1,
    instance: 'qa_1',
    task: `Do ${name}.`,
    backend: 'claude',
    model: null,
    timeoutMs: 60_000,
    maxMemoryMb: 1024,
    budget: noBudget,
    phase: 0,
    dependsOn: [],
    state: 'running',
    stage: (given.state ?? 'running') === 'running' ? 'executing' : null,
    attempt: 1,
    startedAt: time(1),
    ...given,
  };
}

export const waiting = { state: 'pending', attempt: 0, startedAt: null } as const;

export function workflow(agents: readonly Agent[], given: Partial<Session> = {}): Workflow {
  const session: Session = {
    id: sessionId,
    objective: 'Ship it.',
    strategy: 'parallel',
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    state: 'running',
    pauseReason: null,
    resumeAt: null,
    createdAt: time(0),
    startedAt: time(0),
    endedAt: null,
    approvals: null,
    repository: null,
    verify: null,
    land: null,
    landing: null,
    idempotency: null,
    inactiveMs: 0,
    ...given,
  };
  const count = Math.max(...agents.map(({ phase }) => phase)) + 1;
  const phases = Array.from({ length: count }, (_, index): Phase => ({ index, state: 'running' }));
  return { session, agents, phases };
}

/** Marks what is painted, as `<red>text</>`. */
export function markedPaint(format: unknown, text: string): string {
  return text === '' ? '' : `<${String(format)}>${text}</>`;
}

export function failureOf(kind: FailureKind, message: string, stderrTail = ''): AgentFailure {
  return { kind, message, stderrTail };
}
