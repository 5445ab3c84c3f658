import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentEnvironment } from '../../../src/application/session/agent-environment.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import type { Session } from '../../../src/domain/session.ts';
import { sampleAgent } from '../../infrastructure/process/sample-agent.ts';

const session: Session = {
  id: sampleAgent.sessionId,
  objective: 'Ship it.',
  strategy: 'pipeline',
  failurePolicy: 'continue',
  onExit: 'stop',
  limits: { maxConcurrency: null, maxAgentsPerRole: null },
  budget: noBudget,
  depth: 1,
  parent: null,
  folder: null,
  state: 'running',
  pauseReason: null,
  resumeAt: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
  approvals: null,
  repository: null,
  verify: null,
  land: null,
  landing: null,
  idempotency: null,
  inactiveMs: 0,
};
const locations = {
  session: '/s',
  projectRoot: '/p',
  workingDirectory: '/p',
  workspace: '/s/workspace',
  sharedContext: '/s/shared/context',
  results: '/s/results',
  messages: '/s/shared/messages',
  artifact: (path: string) => `/s/${path}`,
};

test('an agent is told who it is, for whom it works and where things lie', () => {
  assert.deepEqual(agentEnvironment(session, sampleAgent, locations, 'a token'), {
    MAOS_AGENT_ID: sampleAgent.id,
    MAOS_AGENT_ATTEMPT: String(sampleAgent.attempt),
    MAOS_AGENT_TOKEN: 'a token',
    MAOS_AGENT_ROLE: 'tester',
    MAOS_AGENT_INSTANCE: 'tester_1',
    MAOS_SESSION_ID: session.id,
    MAOS_WORKSPACE: '/s/workspace',
    MAOS_SHARED_CONTEXT: '/s/shared/context',
    MAOS_RESULTS: '/s/results',
    MAOS_MESSAGE_DIR: '/s/shared/messages',
    MAOS_PROJECT_ROOT: '/p',
    MAOS_SESSION_OBJECTIVE: 'Ship it.',
    MAOS_SESSION_STRATEGY: 'pipeline',
    MAOS_TIMEOUT_MINUTES: '1.5',
    MAOS_MAX_MEMORY_MB: '512',
    MAOS_DEPTH: '2',
  });
});

test('a custom role is described', () => {
  const role = { name: 'poet', custom: { description: 'Writes.', responsibilities: ['odes', 'sonnets'] } };
  const env = agentEnvironment(session, { ...sampleAgent, role }, locations, '');
  assert.equal(env.MAOS_AGENT_ROLE_DESC, 'Writes.');
  assert.equal(env.MAOS_AGENT_ROLE_RESPONSIBILITIES, 'odes\nsonnets');
});

test('an objective of any length and content fits into an environment', () => {
  for (const objective of [
    'x'.repeat(500_000),
    '語'.repeat(500_000),
    `a${'😀'.repeat(300_000)}`,
    'nul\0here',
  ]) {
    const value =
      agentEnvironment({ ...session, objective }, sampleAgent, locations, '').MAOS_SESSION_OBJECTIVE ?? '';
    assert.ok(Buffer.byteLength(value) < 128 * 1024 - 100, `${Buffer.byteLength(value)} bytes`);
    assert.ok(value.isWellFormed() && !value.includes('\0'));
    assert.ok(objective.length < 100 || value.endsWith('…'));
  }
});
