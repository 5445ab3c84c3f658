import type { Agent } from '../../domain/agent.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { CheckReport } from '../../domain/verification.ts';
import type { Project } from '../project.ts';

/** Whether the logs are still what the check printed. */
export type LogState = 'unchanged' | 'changed' | 'missing';

/** Compares the logs that are there with the digest of what the check printed. @param report null: it has no result */
export async function logStateOf(
  { host }: Pick<Project, 'host'>,
  agent: Pick<Agent, 'id' | 'sessionId'>,
  check: number,
  report: CheckReport | null,
): Promise<LogState> {
  const digest = await host.digestCheck(agent, check);
  if (digest === null) return 'missing';
  return report === null || digest.sha256 === report.logSha256 ? 'unchanged' : 'changed';
}

export interface CheckLogs {
  readonly unchanged: number;
  readonly missing: number;
  readonly changed: readonly { readonly seq: number; readonly what: string }[];
}

type CheckEvent = Extract<RecordedEvent, { type: 'verify.passed' | 'verify.failed' }>;

const pageSize = 1_000;

/** Compares the logs of all checks of a session with their records. */
export async function compareCheckLogs(
  { store, host }: Pick<Project, 'store' | 'host'>,
  id: SessionId,
): Promise<CheckLogs> {
  const changed: CheckLogs['changed'][number][] = [];
  let unchanged = 0;
  let missing = 0;
  for (let after = 0; ; ) {
    const page = store.events(id, after, pageSize, ['verify.passed', 'verify.failed']);
    for (const { seq, agentId, data } of page as readonly CheckEvent[]) {
      if (agentId === null) continue;
      const { check } = data.report;
      const agent = { id: agentId, sessionId: id };
      const state = await logStateOf({ host }, agent, check, data.report);
      if (state === 'unchanged') unchanged += 1;
      else if (state === 'missing') missing += 1;
      else {
        const where = host.checkLocation(agent, check);
        const what = `the logs of check ${check} of ${data.name} in ${where} are not what it printed`;
        changed.push({ seq, what });
      }
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return { unchanged, missing, changed };
    after = last.seq;
  }
}
