import { type Agent, inFixRound, toBeProven } from '../agent.ts';
import { formatDuration, formatUsage, plural } from '../amounts.ts';
import { showName } from '../invisible-marks.ts';
import type { Usage } from '../usage.ts';
import { type CheckReport, checkEndText, noProof, type Proof } from '../verification.ts';
import type { AgentWork, DiffStat } from '../worktree.ts';
import { event } from './event-type.ts';

/** Enough digits to identify a commit for people, as git shows them. */
const shortId = 10;
const maxPaths = 5;

function onCommit(commit: string | null): string {
  return commit === null ? '' : ` on ${commit.slice(0, shortId)}`;
}

function listed(names: readonly string[]): string {
  const more = names.length > maxPaths ? ` and ${names.length - maxPaths} more` : '';
  return `${names.slice(0, maxPaths).map(showName).join(', ')}${more}`;
}

function withProof(agent: Agent, change: (proof: Proof) => Partial<Proof>): Agent {
  const proof = agent.proof ?? noProof;
  return { ...agent, proof: { ...proof, ...change(proof) } };
}

function withWork(agent: Agent, change: Partial<AgentWork>): Agent {
  return agent.work === null ? agent : { ...agent, work: { ...agent.work, ...change } };
}

/** Events of worktrees, of agents' commits, and of the checks of their work. `name` is the agent's name. */
export const proofEvents = {
  /** The agent's worktree exists. */
  'workspace.prepared': event<{ name: string; branch: string; base: string }>({
    text: ({ branch, base }) => `works on branch ${branch}, from ${base.slice(0, shortId)}`,
    hiddenFrom: ['progress', 'lines'],
    agent: (agent, { branch, base }) => ({
      ...agent,
      work: { commit: null, diff: null, ...agent.work, branch, base },
    }),
  }),

  /** The work of agents that this one depends on cannot be merged without a decision. `between`: their names. */
  'workspace.conflict': event<{ name: string; paths: readonly string[]; between: readonly string[] }>({
    text: ({ paths, between }) =>
      `the work of ${between.join(' and ')} conflicts in ${plural(paths.length, 'file')}: ${listed(paths)}`,
  }),

  /** Everything in its worktree is in this commit. `diff`: from its base. */
  'work.committed': event<{ name: string; commit: string; branch: string; diff: DiffStat }>({
    text: ({ commit, branch, diff }) =>
      `committed ${commit.slice(0, shortId)} on ${branch}: ${plural(diff.files, 'file')} changed, +${diff.insertions} -${diff.deletions}`,
    hiddenFrom: ['progress'],
    agent: (agent, { commit, branch, diff }) => withWork(agent, { commit, branch, diff }),
  }),

  /**
   * The agent's program has finished, in its own words or by its exit status, and checks decide whether its work is
   * done. From here on it is in stage `verifying`. `durationMs`: running time of the attempt's program.
   */
  'agent.finished': event<{ name: string; durationMs: number; result: string; usage: Usage | null }>({
    text: ({ durationMs, usage }) => {
      const used = formatUsage(usage);
      return `finished in ${formatDuration(durationMs)}${used === null ? '' : `, ${used}`}; its work is checked next`;
    },
    agent: (agent, { durationMs, result, usage }) =>
      agent.state === 'running' ? toBeProven({ ...agent, result, usage }, durationMs) : agent,
    checkpoint: true,
  }),

  /** `check`: unique for the agent. `round`: number of fix rounds so far. `restored`: as in `CheckReport`. */
  'verify.started': event<{
    name: string;
    check: number;
    command: string;
    commit: string | null;
    round: number;
    restored: readonly string[];
  }>({
    text: ({ check, command, commit, restored }) =>
      `check ${check}${onCommit(commit)}: ${showName(command)}${restored.length === 0 ? '' : `, with protected files as they were before: ${listed(restored)}`}`,
    agent: (agent, { check, commit, restored }, at) =>
      withProof(agent, () => ({ checks: check, subject: { commit, restored }, runningSince: at })),
  }),

  'verify.passed': event<{ name: string; report: CheckReport }>({
    text: ({ report }) =>
      `check ${report.check} passed in ${formatDuration(tookMs(report))}: ${showName(report.command)}`,
    agent: (agent) => withProof(agent, ({ command }) => ({ command: command + 1, runningSince: null })),
  }),

  'verify.failed': event<{ name: string; report: CheckReport }>({
    text: ({ report }) =>
      `check ${report.check} failed after ${formatDuration(tookMs(report))}: ${showName(report.command)}: ${checkEndText(report)}`,
    // The end of its output is only in its log.
    agent: (agent, { report }) =>
      withProof(agent, () => ({ failed: { report, outputTail: '' }, runningSince: null })),
  }),

  /** The agent starts again, to mend what the check found. From here on it is in stage `preparing`. */
  'agent.fix_round': event<{ name: string; round: number; of: number; attempt: number }>({
    text: ({ round, of, attempt }) => `fix round ${round} of ${of} (attempt ${attempt})`,
    agent: (agent, { round }, at) => (agent.state === 'running' ? inFixRound(agent, round, at) : agent),
  }),
};

function tookMs({ startedAt, endedAt }: CheckReport): number {
  return Date.parse(endedAt) - Date.parse(startedAt);
}
