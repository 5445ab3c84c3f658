import type { LaunchKey } from '../../../src/application/ports/agent-host.ts';
import type { HostCapacity } from '../../../src/application/ports/host-capacity.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { notStarted, specDefaults } from '../../../src/domain/agent.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import { makeAgentId, makeSessionId } from '../../../src/domain/ids.ts';

const sessionId = makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ');
const suffix = (): string => Math.floor(36 ** 5 + Math.random() * (36 ** 6 - 36 ** 5)).toString(36);

/** The same id for a process and its children, but a different one in each test run. */
process.env.MAOS_TEST_SUFFIX ??= suffix();
const agentId = makeAgentId('tester', 1, process.env.MAOS_TEST_SUFFIX);

/** For a host without limits. */
export const unlimited: HostCapacity = {
  freeMemoryMb: () => 1_000_000,
  totalMemoryMb: () => 1_000_000,
  slots: { tryTake: () => true, give: () => {}, bind: () => {} },
};

export const sampleKey: LaunchKey = { sessionId, agentId, attempt: 1 };

export const sampleAgent: Agent = {
  ...specDefaults,
  ...notStarted,
  id: agentId,
  sessionId,
  name: 'tester',
  role: { name: 'tester', custom: null },
  ordinal: 1,
  instance: 'tester_1',
  task: 'Test it.',
  backend: 'command',
  model: null,
  workspace: 'own',
  timeoutMs: 90_000,
  maxMemoryMb: 512,
  budget: noBudget,
  phase: 0,
  dependsOn: [],
  state: 'running',
  stage: 'preparing',
  attempt: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
};

/** The same agent with a new id, for tests that run in parallel. */
export function anotherAgent(): { agent: Agent; key: LaunchKey } {
  const id = makeAgentId('tester', 1, suffix());
  return { agent: { ...sampleAgent, id }, key: { ...sampleKey, agentId: id } };
}
