import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { specDefaults } from '../../src/domain/agent.ts';
import { noBudget } from '../../src/domain/budget.ts';
import { cancelSession, cancelWaiting } from '../../src/domain/cancel.ts';
import { makeSessionId, type SessionId } from '../../src/domain/ids.ts';
import type { AgentRequest } from '../../src/domain/plan.ts';
import { makePlan } from '../../src/domain/plan.ts';
import { startSession } from '../../src/domain/session-life.ts';
import { createWorkflow } from '../../src/domain/workflow.ts';
import { metadataOf } from '../../src/infrastructure/files/session/session-documents.ts';
import type { RealProject } from './real-project.ts';

/**
 * Stores a session that was cancelled at a given time, with its folder, without running anything.
 * @param options.bytes size of a file in its folder
 */
export function endedSession(
  real: Pick<RealProject, 'project'>,
  endedAt: string,
  options: {
    readonly agents?: number;
    readonly bytes?: number;
    readonly ended?: boolean;
    /** Its agents work in worktrees from this commit of the project. */
    readonly commit?: string;
    /** The session that it lands onto `main`. */
    readonly lands?: SessionId;
  } = {},
): SessionId {
  const { store, files, ids, instance } = real.project;
  const id = makeSessionId(ids.ulid());
  const { commit, lands, agents: count = 1 } = options;
  const agents = Array.from(
    { length: count },
    (): AgentRequest => ({
      ...specDefaults,
      ...(commit === undefined ? {} : { workspace: 'worktree' }),
      role: { name: 'tester', custom: null },
      task: 'Nothing.',
      name: null,
      dependsOn: [],
      stage: null,
      backend: 'command',
      command: 'true',
      model: null,
      instanceSuffix: null,
      timeoutMs: 60_000,
      maxMemoryMb: 100,
      budget: noBudget,
    }),
  );
  const plan = makePlan({
    objective: 'Be removed.',
    strategy: 'parallel',
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    agents,
    aliases: {},
    ...(lands === undefined ? {} : { landing: { sessionId: lands, target: 'main', squash: false } }),
    ...(commit === undefined ? {} : { repository: { commit, branch: 'main' } }),
  });
  const suffixes = agents.map(() => ids.suffix());
  const created = createWorkflow(plan, { sessionId: id, suffixes }, endedAt);
  const running = startSession(created.next, endedAt);
  const events = [...created.events, ...running.events];
  let next = running.next;
  if (options.ended !== false) {
    const waiting = cancelWaiting(next, 'A sample.', endedAt);
    const cancelled = cancelSession(waiting.next, 'A sample.', endedAt);
    events.push(...waiting.events, ...cancelled.events);
    next = cancelled.next;
  }
  store.release(store.create({ next, events }, instance));
  const folder = files.describe(id);
  mkdirSync(join(folder, 'results'), { recursive: true });
  writeFileSync(join(folder, 'metadata.json'), metadataOf(next, real.project.path));
  writeFileSync(join(folder, 'results', 'out.txt'), 'x'.repeat(options.bytes ?? 10));
  return id;
}
