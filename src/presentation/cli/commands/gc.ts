import { collectGarbage } from '../../../application/maintenance/retention/collect-garbage.ts';
import type { RetentionPolicy } from '../../../application/ports/maintenance.ts';
import type { Project } from '../../../application/project.ts';
import type { UnreadProject } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type Collected, renderGarbage } from '../render/gc-report.ts';
import { canAsk, confirms } from '../shell/confirmation.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { noticeUnread, unreadViews } from '../shell/unread.ts';

const dayMs = 86_400_000;
const limits = ['max-age', 'max-sessions', 'max-bytes', 'max-refs-age'] as const;

export const gcCommand: CliCommand = {
  name: 'gc',
  summary: 'Remove old sessions with all their files',
  details: [
    'The limits are the settings retention.maxAgeDays, maxSessions and maxBytes; sessions that ended first are removed first. maxBytes counts disk space: sessions that use more than a tenth of it are removed before any other. Sessions that have not ended are never removed.',
    "A session's worktrees are removed with it, after everything in them that git does not ignore is committed to refs/maos/SESSION/. If that fails, the worktree and its session stay, and gc says why.",
    'Branches maos/SESSION/… and refs/maos/SESSION/… of removed sessions are deleted when another branch contains their work, or after retention.refsDays. A branch that is checked out is never deleted.',
    'On a terminal, gc asks first if the limits given here remove what your settings keep.',
    'If something cannot be removed, gc names it and continues. MAOS runs the same cleanup itself every few hours.',
    'Exit status: 0 done, 1 something could not be removed, a project could not be read, or you answered no.',
  ].join('\n'),
  arguments: [],
  options: [
    { flags: '-n, --dry-run', description: 'list what would be removed', kind: 'flag' },
    { flags: '--all', description: 'in every project, not only this one', kind: 'flag' },
    { flags: '-y, --yes', description: 'do not ask', kind: 'flag' },
    {
      flags: '--max-age <days>',
      description: 'instead of retention.maxAgeDays',
      kind: 'number',
      range: [0, 36_500],
    },
    { flags: '--max-sessions <n>', description: 'instead of retention.maxSessions', kind: 'integer' },
    { flags: '--max-bytes <n>', description: 'instead of retention.maxBytes', kind: 'integer' },
    {
      flags: '--max-refs-age <days>',
      description: 'instead of retention.refsDays',
      kind: 'number',
      range: [0, 36_500],
    },
  ],
  examples: [
    { line: 'maos gc --dry-run', says: 'what would be removed, and why' },
    { line: 'maos gc --max-age 7', says: 'every session that ended more than a week ago' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { options, terminal, json, runtime, projectPath } = context;
  if (!(await mayRemove(context))) {
    terminal.notice('Nothing was removed.');
    return exitStatus.failed;
  }
  const collected: Collected[] = [];
  const unread: UnreadProject[] = [];
  for await (const project of projectsOf(context, unread)) {
    const policy = policyOf(project.settings.retention, context);
    const now = project.clock.now();
    const report = await collectGarbage(project, policy, now, options.flag('dry-run'));
    collected.push({ project: project.path, ...report });
  }
  if (json) {
    terminal.document({
      dry_run: options.flag('dry-run'),
      removed_bytes: sum(collected, ({ removedBytes }) => removedBytes),
      projects: collected.map(reportView),
      not_read: unreadViews(unread),
    });
  } else if (collected.length === 0) {
    const where = options.flag('all') ? runtime().home : (await runtime().projectOf(projectPath)).path;
    terminal.notice(`No sessions in ${where}.`);
  } else {
    const view = { all: options.flag('all'), dryRun: options.flag('dry-run'), now: Date.now() };
    for (const line of renderGarbage(collected, { ...view, canvas: terminal.canvas })) terminal.line(line);
  }
  const left = collected.flatMap(({ notRemoved }) => notRemoved);
  const heldBack = collected.flatMap((report) => report.heldBack);
  if (!json) {
    for (const { id, path, reason } of heldBack)
      terminal.notice(`Session ${id} stays, because of the worktree ${showName(path)}: ${oneLine(reason)}`);
    for (const { path, reason } of left)
      terminal.notice(`Could not remove ${showName(path)}: ${oneLine(reason)}.`);
  }
  noticeUnread(unread, terminal);
  return left.length + heldBack.length + unread.length === 0 ? exitStatus.done : exitStatus.failed;
}

/** Asks somebody at a terminal, if limits of the command line remove what the settings keep. */
async function mayRemove(context: CommandContext): Promise<boolean> {
  const { options, program } = context;
  const isLimited = limits.some((name) => options.number(name) !== undefined);
  if (!isLimited || options.flag('dry-run') || options.flag('yes') || !canAsk(context)) return true;
  let sessions = 0;
  let refs = 0;
  for await (const project of projectsOf(context, [])) {
    const { retention } = project.settings;
    const now = project.clock.now();
    const asked = await collectGarbage(project, policyOf(retention, context), now, true);
    const usual = await collectGarbage(project, retention, now, true);
    const ids = new Set(usual.removed.map(({ id }) => id));
    const names = new Set(usual.refs.map(({ name }) => name));
    sessions += asked.removed.filter(({ id }) => !ids.has(id)).length;
    refs += asked.refs.filter(({ name }) => !names.has(name)).length;
  }
  const parts = [
    ...(sessions === 0 ? [] : [plural(sessions, 'session')]),
    ...(refs === 0 ? [] : [plural(refs, 'branch or ref', 'branches and refs')]),
  ];
  if (parts.length === 0) return true;
  const what = parts.join(' and ');
  return confirms(
    context,
    `This removes ${what} that your settings keep; '${program} gc --dry-run' with the same limits lists them. Remove them?`,
  );
}

async function* projectsOf(
  { options, runtime, projectPath }: CommandContext,
  unread: UnreadProject[],
): AsyncGenerator<Project> {
  if (options.flag('all')) {
    for await (const { project } of runtime().allProjects((other) => unread.push(other))) yield project;
    return;
  }
  const open = await runtime().findProject(projectPath);
  if (open !== null) yield open.project;
}

function policyOf(policy: RetentionPolicy, { options }: CommandContext): RetentionPolicy {
  const days = options.number('max-age');
  const refsDays = options.number('max-refs-age');
  return {
    maxAgeMs: days === undefined ? policy.maxAgeMs : days * dayMs,
    maxSessions: options.number('max-sessions') ?? policy.maxSessions,
    maxBytes: options.number('max-bytes') ?? policy.maxBytes,
    maxRefsAgeMs: refsDays === undefined ? policy.maxRefsAgeMs : refsDays * dayMs,
  };
}

function reportView(report: Collected) {
  const { project, removed, removedBytes, kept, keptBytes, notRemoved, heldBack, refs } = report;
  return {
    project,
    removed: removed.map(({ id, reason, endedAt, bytes }) => ({
      session_id: id,
      reason,
      ended_at: endedAt,
      bytes,
    })),
    removed_bytes: removedBytes,
    kept,
    kept_bytes: keptBytes,
    not_removed: notRemoved,
    held_back: heldBack.map(({ id, path, reason }) => ({ session_id: id, path, reason })),
    refs: refs.map(({ name, sessionId, commit, reason, since }) => ({
      ...{ name, session_id: sessionId, commit, reason, since },
    })),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
