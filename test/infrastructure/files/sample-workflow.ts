import { specDefaults } from '../../../src/domain/agent.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import type { RecordedEvent } from '../../../src/domain/events.ts';
import { makeSessionId, type SessionId } from '../../../src/domain/ids.ts';
import { type AgentRequest, makePlan } from '../../../src/domain/plan.ts';
import { createWorkflow, type Workflow } from '../../../src/domain/workflow.ts';

export const sessionId = makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ');
export const at = '2026-11-22T13:00:00.000Z';

/** A session that is not started yet, with two agents: `writer` in the project's folder, and `reviewer` in its own. */
export function sampleWorkflow(objective = 'Write it down'): Workflow {
  const request = (name: string, more: Partial<AgentRequest>): AgentRequest => ({
    ...specDefaults,
    role: { name: 'tester', custom: null },
    task: `Task of ${name}`,
    name,
    dependsOn: [],
    stage: null,
    backend: 'command',
    command: ['true'],
    model: null,
    instanceSuffix: null,
    timeoutMs: 60_000,
    maxMemoryMb: 512,
    budget: noBudget,
    ...more,
  });
  const plan = makePlan({
    objective,
    strategy: 'parallel',
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    agents: [request('writer', {}), request('reviewer', { dependsOn: ['writer'], workspace: 'own' })],
    aliases: {},
  });
  return createWorkflow(plan, { sessionId, suffixes: ['aaaaa1', 'bbbbb2'] }, at).next;
}

/** Events `from` to `to` of the sample session. */
export function sampleEvents(from: number, to: number, id: SessionId = sessionId): RecordedEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index): RecordedEvent => {
    const data = {
      action: 'cancel',
      agent: null,
      by: 'test',
      reason: `line ${from + index}\nwith "quotes" and ümlauts`,
    } as const;
    return { at, data, agentId: null, sessionId: id, type: 'session.requested', seq: from + index };
  });
}
