import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { orchestrate } from '../../../application/control/orchestrate.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { scratchRepository } from '../demo/repository.ts';
import { demoScripts } from '../demo/scripts.ts';
import { demoTeam, worktreeTeam } from '../demo/team.ts';
import { followSession } from '../run/follow-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { shellWord } from '../shell/program-name.ts';

export const demoCommand: CliCommand = {
  name: 'demo',
  summary: 'Run two demo teams of small programs; needs no account',
  details:
    'Creates a temporary folder and runs four real processes in it: the first writes a spec, two write code and tests from it in parallel, the last runs the tests. With git, three more then work in worktrees of a repository: MAOS checks each commit, gives a failed check back to its agent, and lands what passes. Takes about fifteen seconds. The folder stays, for you to look at; the last line says how to remove it. With --json, stdout is JSON lines, as for run.',
  arguments: [],
  options: [],
  examples: [{ line: 'maos demo', says: 'with a live view' }],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { terminal, json } = context;
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'maos-demo-')));
  const slugStatus = await runSlugTeam(context, join(folder, 'slugify'));
  const status =
    slugStatus === exitStatus.done ? await runWorktreeTeam(context, join(folder, 'words')) : slugStatus;
  // After Ctrl-C, the team goes on there.
  if (!json && status !== exitStatus.interrupted) {
    terminal.line();
    terminal.line(`The files of the demo stay in ${showName(folder)}.`);
    terminal.line(`Remove them with: rm -rf ${shellWord(folder)}`);
  }
  return status;
}

async function runSlugTeam(context: CommandContext, folder: string): Promise<number> {
  const { terminal, json, program } = context;
  for (const [path, text] of Object.entries(demoScripts)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  if (!json) {
    const { paint } = terminal.canvas;
    terminal.line(`Four agents build and check ${paint('bold', 'slugify.mjs')} in ${showName(folder)}`);
    terminal.line(
      paint(
        'dim',
        'Each is a real process; their programs are in team/. Ctrl-C moves the session to the background.',
      ),
    );
    terminal.line();
  }
  const { project, supervisor } = await context.runtime().openProject(folder);
  context.watchInterrupts();
  const request = { ...demoTeam(process.execPath), folder };
  const { workflow } = await orchestrate(project, supervisor, request, 'terminal');
  const { id } = workflow.session;
  const { paint } = terminal.canvas;
  const shared = project.files.describe(id, 'shared/context/spec.md');
  return followSession(
    context,
    { project, supervisor, id },
    {
      record: { project_folder: folder },
      lines: [
        `${paint('bold', 'Project folder')}  ${folder}`,
        `${paint('bold', 'The spec')}        ${shared}`,
      ],
      next: [
        [`cat ${join(folder, 'slugify.mjs')}`, 'what they built'],
        [`${program} run --exec 'hello=echo hello'`, 'a team of your own'],
        [`${program} init`, 'let Claude Code run such teams'],
      ],
    },
  );
}

async function runWorktreeTeam(context: CommandContext, folder: string): Promise<number> {
  const { terminal, json, env } = context;
  try {
    await scratchRepository(folder, env);
    const { project } = await context.runtime().openProject(folder);
    await project.workspaces.begin(folder);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'git was not found' : errorText(error);
    terminal.notice(`Worktrees, checks and landing are left out: ${why}`);
    return exitStatus.done;
  }
  const { paint } = terminal.canvas;
  if (!json) {
    terminal.line();
    terminal.line(`Three agents work on branches of their own in ${paint('bold', showName(folder))}`);
    terminal.line(
      paint('dim', 'MAOS checks each commit. One check fails, and its agent fixes what it found.'),
    );
    terminal.line();
  }
  const { project, supervisor } = await context.runtime().openProject(folder);
  const { workflow } = await orchestrate(project, supervisor, { ...worktreeTeam, folder }, 'terminal');
  return followSession(
    context,
    { project, supervisor, id: workflow.session.id },
    {
      record: { repository_folder: folder },
      lines: [`${paint('bold', 'Repository')}  ${folder}`],
    },
  );
}

function errorText(error: unknown): string {
  return error instanceof Error ? oneLine(error.message) : String(error);
}
