import { hasWork, noBranch, type WorkDiff, workDiff } from '../../../application/evidence/work-diff.ts';
import { diffText } from '../../../domain/work-text.ts';
import { agentNamed } from '../../contracts/agent-named.ts';
import { workDiffView } from '../../contracts/work-view.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { harmlessDiff } from '../shell/pager.ts';
import { shellWord } from '../shell/program-name.ts';
import { plainPaint } from '../shell/terminal.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const diffCommand: CliCommand = {
  name: 'diff',
  summary: 'Show what agents changed in their worktrees',
  details:
    "Shows 'git diff' from the commit each agent started from to the commit with its work. It uses the same pager as git: MAOS_PAGER, GIT_PAGER, core.pager of your own git configuration, PAGER, or less.",
  arguments: [sessionArgument, { syntax: '[agent]', description: 'only this agent (default: all)' }],
  options: [{ flags: '--stat', description: 'changed files and numbers of lines', kind: 'flag' }, allOption],
  examples: [
    { line: 'maos diff', says: 'all agents of the newest session' },
    { line: 'maos diff latest builder --stat', says: 'the files that one agent changed' },
    { line: 'maos diff k7q2 builder | git apply', says: 'apply its changes without its commits' },
  ],
  pages: () => 'diff',
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json } = context;
  const [reference = 'latest', name] = args;
  const { project, id } = await new SessionFinder(context).session(reference);
  const workflow = project.store.load(id);
  const chosen = name === undefined ? workflow.agents : [agentNamed(workflow, name)];
  const agents = chosen.filter(hasWork);
  if (agents.length === 0) throw noBranch(id, name);
  const { paint } = terminal.canvas;
  const form = { colour: !json && paint !== plainPaint, stat: options.flag('stat') };
  const diffs: WorkDiff[] = [];
  for (const agent of agents) diffs.push(await workDiff(project, workflow.session, agent, form));
  if (json) {
    terminal.document({ session_id: id, agents: diffs.map(workDiffView) });
    return exitStatus.done;
  }
  for (const { agent, commit } of diffs) {
    if (agent.work.commit !== null) continue;
    if (agent.pool !== null) {
      terminal.notice(`${agent.name} works on another machine: its work arrives when it has ended.`);
      continue;
    }
    const { workingDirectory } = project.host.locations(workflow.session, agent);
    const sofar = commit === null ? 'nothing yet' : 'only part of its work yet';
    const command = `git -C ${shellWord(workingDirectory)} diff ${agent.work.base}`;
    terminal.notice(
      `${agent.name} has committed ${sofar}. Show the changes in its worktree with: ${command}`,
    );
  }
  const text = diffs.map((diff) => textOf(diff, diffs.length > 1, context)).join('\n');
  terminal.write(terminal.live ? harmlessDiff(text) : text);
  return exitStatus.done;
}

/** With several agents, each has a heading. */
function textOf({ agent, text }: WorkDiff, headed: boolean, { terminal }: CommandContext): string {
  if (!headed) return text;
  const { work, name } = agent;
  const changes = work.diff === null ? '' : ` (${diffText(work.diff)})`;
  return `${terminal.canvas.paint('bold', `${name}: ${work.branch}${changes}`)}\n${text}`;
}
