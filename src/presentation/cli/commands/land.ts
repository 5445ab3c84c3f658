import { latestWithWorktrees } from '../../../application/landing/landing-facts.ts';
import { previewLanding } from '../../../application/landing/preview.ts';
import { type StartedLanding, startLanding } from '../../../application/landing/start-landing.ts';
import { previewView } from '../../contracts/landing-view.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { previewTable, skippedTable } from '../render/report-landing.ts';
import { followSession } from '../run/follow-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const landCommand: CliCommand = {
  name: 'land',
  summary: "Land the work of a session's agents on a branch",
  details: [
    "Takes the agents' branches in the plan's order. MAOS merges each onto the target in a worktree of its own and checks it there; only then does the target move. A conflict or a failed check goes back to the agent whose work it is. Work that cannot land stays on its branch. Work that has landed is skipped, so you can repeat the command.",
    'If the target is checked out with changes, the work waits on the branch maos/SESSION/landed, and land prints the command that takes it.',
    "'latest' is the newest session with agents in worktrees. With --json, stdout is JSON lines, as for run; with --dry-run it is one document.",
    'Exit status: 0 everything that could land did, 1 some work conflicts, fails its check or cannot land, 4 the session cannot be landed now, or work waits because the target is checked out with changes; otherwise as for run. With --dry-run: 0 nothing conflicts, 1 something does.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [
    {
      flags: '--into <branch>',
      description: 'target (default: the branch that was checked out when the session began)',
      kind: 'text',
    },
    { flags: '--squash', description: 'one commit per agent instead of a merge', kind: 'flag' },
    {
      flags: '--merger <backend>',
      description: 'backend of new agents that resolve conflicts and fix failed checks instead of the owners',
      kind: 'text',
    },
    { flags: '-n, --dry-run', description: 'show what would conflict, and change nothing', kind: 'flag' },
    allOption,
  ],
  examples: [
    { line: 'maos land latest', says: 'everything that the newest team made, checked and landed' },
    { line: 'maos land k7q2 --into develop --squash', says: 'one commit per agent on another branch' },
    { line: 'maos land latest --dry-run', says: 'which branches would conflict, and with what' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options } = context;
  const session = await new SessionFinder(context).session(args[0] as string, latestWithWorktrees);
  const into = options.text('into') ?? null;
  if (options.flag('dry-run')) return preview(context, session, into);
  context.watchInterrupts();
  const { project, supervisor, id } = session;
  const request = { into, squash: options.flag('squash'), merger: options.text('merger') ?? null };
  const landing = await startLanding(project, supervisor, id, request);
  if (landing.workflow === null) return nothingToLand(context, session, landing);
  return followSession(context, { project, supervisor, id: landing.workflow.session.id });
}

async function preview({ terminal, json }: CommandContext, session: OpenSession, into: string | null) {
  const found = await previewLanding(session.project, session.id, into);
  const conflicts = found.work.some(({ outlook }) => outlook === 'conflict');
  if (json) terminal.document({ session_id: session.id, ...previewView(found) });
  else {
    terminal.line(`Landing ${session.id} onto ${found.target} would give:`);
    for (const line of previewTable(found, terminal.canvas)) terminal.line(line);
    terminal.line('Nothing was changed (dry run). Checks were not run.');
  }
  return conflicts ? exitStatus.failed : exitStatus.done;
}

function nothingToLand(
  { terminal, json }: CommandContext,
  { id }: OpenSession,
  { target, skipped }: StartedLanding,
): number {
  if (json) {
    const branches = skipped.map(({ name, branch, reason }) => ({
      agent: name,
      state: 'skipped',
      branch,
      reason,
    }));
    terminal.record({
      type: 'summary',
      session_id: id,
      target,
      landed: branches,
      exit_status: exitStatus.done,
    });
    return exitStatus.done;
  }
  terminal.line(`${id} has nothing to land onto ${target}.`);
  for (const line of skippedTable(skipped, terminal.canvas)) terminal.line(line);
  return exitStatus.done;
}
