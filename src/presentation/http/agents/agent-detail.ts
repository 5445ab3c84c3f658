import { attemptsOf, checksIn } from '../../../application/evidence/agent-history.ts';
import type { RecentHistories } from '../../../application/evidence/recent-histories.ts';
import type { Project } from '../../../application/project.ts';
import { liveStatusOf } from '../../../application/queries/live-status.ts';
import type { Agent } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { attemptView, checkRecordView } from '../../contracts/evidence-view.ts';
import { agentView, namesOf } from '../../contracts/views.ts';

/** Maximum length of its task, prompt and result each: bytes of the prompt, characters of the others. */
const maxText = 256 * 1024;
const maxFailure = 16 * 1024;

/** An agent with its texts whole, its attempts, checks and files. */
export async function agentDetail(
  project: Project,
  workflow: Workflow,
  agent: Agent,
  histories: RecentHistories,
) {
  const { store, host, clock } = project;
  const { session, agents } = workflow;
  const events = histories.of(store, session.id).filter(({ agentId }) => agentId === agent.id);
  const attempts = await attemptsOf(project, agent, events);
  const prompt = agent.attempt === 0 ? null : await host.readPrompt(agent, maxText);
  const texts = { task: agent.task, result: agent.result };
  const truncated = [
    ...(['task', 'result'] as const).filter((key) => (texts[key] ?? '').length > maxText),
    ...(prompt !== null && prompt.size > prompt.bytes.length ? ['prompt'] : []),
  ];
  const liveStatus = liveStatusOf(store, workflow, Date.parse(clock.now()));
  const around = { session, names: namesOf(agents), liveStatus };
  return {
    ...agentView(agent, around, { failure: maxFailure, result: maxText }),
    session_id: session.id,
    project: project.path,
    dependents: agents.filter(({ dependsOn }) => dependsOn.includes(agent.id)).map(({ name }) => name),
    timeout_ms: agent.timeoutMs,
    max_memory_mb: agent.maxMemoryMb,
    ...(agent.command === null ? {} : { command: agent.command }),
    task: startOf(agent.task, maxText).toWellFormed(),
    prompt: prompt === null ? null : new TextDecoder().decode(prompt.bytes),
    result: agent.result === null ? null : startOf(agent.result, maxText).toWellFormed(),
    truncated,
    attempts: attempts.map(attemptView),
    checks: checksIn(agent, events).map(checkRecordView),
    files: store
      .artifacts(session.id)
      .filter(({ by, candidates }) => by === agent.id || (by === null && candidates.includes(agent.name)))
      .map(({ path, sizeBytes, recordedAt }) => ({ path, size_bytes: sizeBytes, recorded_at: recordedAt })),
  };
}
