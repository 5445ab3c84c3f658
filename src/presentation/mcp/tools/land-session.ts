import * as z from 'zod';
import { latestWithWorktrees } from '../../../application/landing/landing-facts.ts';
import { type LandingPreview, previewLanding } from '../../../application/landing/preview.ts';
import { type StartedLanding, startLanding } from '../../../application/landing/start-landing.ts';
import { plural } from '../../../domain/amounts.ts';
import { locateSession } from '../../project-access.ts';
import { roomBeside } from '../answers/budget.ts';
import { fitLines } from '../answers/landed-lines.ts';
import { defineTool } from '../server/tool.ts';

const input = z.strictObject({
  session_id: z.string(),
  into: z.string().min(1).max(250).optional().describe('Branch; default: the one it began on'),
  squash: z.boolean().default(false),
  dry_run: z.boolean().default(false),
});

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  session_id: z.string().optional(),
  branches: z.array(z.string()),
});

type Answer = z.infer<typeof output>;

export const landSession = defineTool({
  name: 'land-session',
  title: "Land a team's work",
  description:
    "Merges the branches of an ended session's agents onto a branch: each is checked first, and conflicts go back to its agent. Answers with the session that does it.",
  input,
  output,
  // It moves a branch of the user's, with the files of its checkout.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  async run({ session_id, into = null, squash, dry_run }, context) {
    const { project, supervisor, id } = await locateSession(context, session_id, latestWithWorktrees);
    if (dry_run) return previewAnswer(await previewLanding(project, id, into));
    const landing = await startLanding(project, supervisor, id, { into, squash, merger: null });
    return startedAnswer(landing, id);
  },
});

function startedAnswer({ workflow, target, skipped }: StartedLanding, id: string): Answer {
  const lines = skipped.map(({ name, reason }) => `${name}: skipped: ${reason}`);
  if (workflow === null) {
    const summary = `Session ${id} has nothing to land onto ${target}.`;
    return withBranches({ summary, next: 'Nothing is left to do.', branches: [] }, lines);
  }
  const { session, agents } = workflow;
  const landing = agents.map(({ name }) => `${name}: to land`);
  const answer = {
    summary: `Session ${session.id} lands the work of ${plural(agents.length, 'agent')} onto ${target}.`,
    next: `Call wait-session with session_id ${session.id}, again until settled is true; session-status then shows each branch.`,
    session_id: session.id,
    branches: [],
  };
  return withBranches(answer, [...landing, ...lines]);
}

function previewAnswer({ target, work }: LandingPreview): Answer {
  const conflicts = work.filter(({ outlook }) => outlook === 'conflict').length;
  const lines = work.map(({ name, outlook, reason, paths, between }) => {
    const why = outlook === 'conflict' ? `with ${between.join(', ')} in ${paths.join(', ')}` : reason;
    return `${name}: ${outlook}${why === null ? '' : `: ${why}`}`;
  });
  const answer = {
    summary: `Onto ${target}, ${conflicts === 0 ? 'nothing conflicts' : `${plural(conflicts, 'branch', 'branches')} would conflict`}. Nothing was changed, and checks were not run.`,
    next: 'To land, call land-session again without dry_run. Conflicts then go back to the agents.',
    branches: [],
  };
  return withBranches(answer, lines);
}

function withBranches(answer: Answer, lines: readonly string[]): Answer {
  return { ...answer, branches: fitLines(lines, roomBeside(answer) - 80) };
}
