import type { SessionSummary } from '../../../application/ports/session-summary.ts';
import type { Project } from '../../../application/project.ts';
import { sessionRanMs } from '../../../application/queries/live-status.ts';
import type { UnreadProject } from '../../../application/runtime.ts';
import { formatUsage } from '../../../domain/amounts.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { type SessionState, sessionStates } from '../../../domain/session.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import { landingText } from '../../../domain/work-text.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { summaryView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { formatAge, formatSessionState } from '../render/format.ts';
import { pathCell } from '../render/home-path.ts';
import { lookOf } from '../render/states.ts';
import { renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { checkHome } from '../shell/home-check.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';
import type { Canvas } from '../shell/terminal.ts';
import { noticeUnread, unreadViews } from '../shell/unread.ts';

interface Listed {
  readonly project: string;
  readonly summary: SessionSummary;
  /** The end of its id, which no other session of its project has. */
  readonly shortId: string;
  /** How long it has run, in milliseconds, as its budget counts it. */
  readonly ranMs: number;
}

const defaultLimit = 20;
/** Maximum number of sessions read from the store at a time. */
const pageSize = 500;
/** Sessions of a project among which short ids are unique. */
const mostSessions = 100_000;

export const listCommand: CliCommand = {
  name: 'list',
  aliases: ['ls'],
  summary: 'List sessions, newest first',
  details: [
    'Lists the sessions of this project: the git repository that contains the current folder, with all its worktrees, or the folder itself outside a repository.',
    'Exit status: 0 done, 1 a project could not be read.',
  ].join('\n'),
  arguments: [],
  options: [
    {
      flags: '--state <state>',
      description: 'only sessions in this state',
      kind: 'text',
      choices: sessionStates,
    },
    {
      flags: '--limit <n>',
      description: `maximum number of sessions (default: ${defaultLimit})`,
      kind: 'integer',
      range: [1, 100_000],
    },
    { flags: '--all', description: 'in every project, not only this one', kind: 'flag' },
  ],
  examples: [
    { line: 'maos list --state running', says: 'running sessions' },
    { line: 'maos list --all --json', says: 'every project, as JSON' },
  ],
  pages: () => 'text',
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { options, terminal, json, runtime, projectPath, program } = context;
  const limit = options.number('limit') ?? defaultLimit;
  const state = options.text('state') as SessionState | undefined;
  const all = options.flag('all');
  const listed: Listed[] = [];
  let matching = 0;
  const unread: UnreadProject[] = [];
  if (all) {
    for await (const { project } of runtime().allProjects((project) => unread.push(project))) {
      await adoptOrphans(context, project);
      listed.push(...sessionsOf(project, state, limit));
      matching += countOf(project, state);
    }
    // Ids begin with the time of creation.
    listed.sort((a, b) => (a.summary.session.id < b.summary.session.id ? 1 : -1));
    listed.splice(limit);
  } else {
    const open = await runtime().findProject(projectPath);
    if (open !== null) {
      await adoptOrphans(context, open.project);
      listed.push(...sessionsOf(open.project, state, limit));
      matching = countOf(open.project, state);
    }
  }
  const { path, former } = await runtime().projectOf(projectPath);
  const lost = all || listed.length > 0 ? null : await runtime().lostStore(projectPath);
  if (lost !== null) unread.push({ file: String(lost.details.file), path, error: lost });
  if (listed.length === 0 && unread.length === 0) {
    const { state: usable, detail, fix } = await checkHome(runtime().home);
    if (usable === 'problem') throw new MaosError('FORBIDDEN', `${detail}. ${fix}`);
  }
  noticeUnread(unread, terminal);
  const status = unread.length === 0 ? exitStatus.done : exitStatus.failed;
  if (former !== null && !all) {
    terminal.notice(
      `This is the project ${showName(path)}. An earlier version kept sessions for ${showName(former)} separately: see '${program} list --all'.`,
    );
  }
  if (json) {
    terminal.document({
      sessions: listed.map(({ project, summary, ranMs }) => ({ ...summaryView(summary, ranMs), project })),
      ...(matching > listed.length ? { more: matching - listed.length } : {}),
      not_read: unreadViews(unread),
    });
    return status;
  }
  if (listed.length === 0) {
    if (unread.length > 0) return status;
    const where = all ? '' : ` in ${showName(path)}`;
    const hint = all || state !== undefined ? '' : ` '${program} list --all' lists every project.`;
    terminal.notice(`No ${state === undefined ? '' : `${state} `}sessions${where}.${hint}`);
    return status;
  }
  for (const line of sessionTable(listed, all, terminal.canvas, Date.now())) terminal.line(line);
  // Not on stdout, whose lines programs may take for sessions.
  if (matching > listed.length) {
    terminal.notice(`… ${matching - listed.length} more: --limit ${matching} shows all.`);
  }
  return status;
}

function countOf({ store }: Project, state: SessionState | undefined): number {
  if (state === undefined) return store.findSessions('', mostSessions).length;
  let count = 0;
  for (let before: SessionId | undefined; ; ) {
    const page = store.list({ limit: pageSize, state, ...(before === undefined ? {} : { before }) });
    count += page.length;
    before = page.at(-1)?.session.id;
    if (page.length < pageSize) return count;
  }
}

/** The newest sessions of a project. */
export function sessionsOf(project: Project, state: SessionState | undefined, limit: number): Listed[] {
  const now = Date.parse(project.clock.now());
  const short = shortIds(project.store.findSessions('', mostSessions));
  const found: Listed[] = [];
  let before: SessionId | undefined;
  while (found.length < limit) {
    const wanted = Math.min(pageSize, limit - found.length);
    const page = project.store.list({
      limit: wanted,
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before }),
    });
    found.push(
      ...page.map((summary) => ({
        project: project.path,
        summary,
        shortId: short.get(summary.session.id) ?? summary.session.id,
        ranMs: sessionRanMs(project.store, summary.session, now),
      })),
    );
    before = page.at(-1)?.session.id;
    if (page.length < wanted) break;
  }
  return found;
}

/**
 * A row per session, headings first.
 * @param all with their projects
 * @param now in Unix milliseconds
 */
export function sessionTable(
  listed: readonly Pick<Listed, 'project' | 'shortId' | 'summary'>[],
  all: boolean,
  canvas: Canvas,
  now: number,
): string[] {
  const rows = listed.map(({ project, shortId, summary: { session, progress, usage } }) => {
    const { symbol, format } = lookOf(session.state);
    const state = formatSessionState(session, now);
    return [
      { text: session.id, short: shortId },
      { text: `${symbol} ${state}`, format },
      `${progress.completed}/${progress.total}`,
      formatAge(now - Date.parse(session.createdAt)),
      formatUsage(usage) ?? '',
      all ? pathCell(project) : '',
      session.landing === null ? oneLine(startOf(session.objective, 500)) : landingText(session.landing),
    ];
  });
  const columns = [
    { title: 'SESSION', whole: true },
    { title: 'STATE' },
    { title: 'DONE', rank: 2 },
    { title: 'CREATED', rank: 1 },
    { title: 'USAGE', rank: 3 },
    { title: 'PROJECT' },
    { title: 'OBJECTIVE' },
  ];
  return renderTable(columns, rows, canvas);
}
