import { setTimeout as delay } from 'node:timers/promises';
import { isSettled } from '../../../application/control/control.ts';
import type { Project } from '../../../application/project.ts';
import { isOfAgent } from '../../../application/queries/caller.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import type { UnreadProject } from '../../../application/runtime.ts';
import type { SessionId } from '../../../domain/ids.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { type FoundRequest, showRequests } from '../render/requests.ts';
import { exitStatus } from '../shell/exit-status.ts';
import type { OptionValues } from '../shell/option-values.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';
import { noticeUnread } from '../shell/unread.ts';
import { allOption } from './session-argument.ts';

const defaultLimit = 50;
const lookEveryMs = 250;

export const requestsCommand: CliCommand = {
  name: 'requests',
  summary: 'List what agents ask: permissions and questions',
  details: [
    "Lists the open requests of this project, or of one session. Answer them with 'maos approve', 'maos deny' and 'maos answer'.",
    'Exit status: 0 done, 5 none was opened before the timeout or the end of the session.',
  ].join('\n'),
  arguments: [{ syntax: '[session]', description: 'only this session (default: all)' }],
  options: [
    { flags: '--closed', description: 'also answered, expired and withdrawn requests', kind: 'flag' },
    { flags: '--wait', description: 'wait until a request is open', kind: 'flag' },
    {
      flags: '--timeout <seconds>',
      description: 'timeout of --wait (default: none)',
      kind: 'number',
      range: [0, 2_000_000],
    },
    {
      flags: '--limit <n>',
      description: `maximum number of requests (default: ${defaultLimit})`,
      kind: 'integer',
      range: [1, 10_000],
    },
    allOption,
  ],
  examples: [
    { line: 'maos requests', says: 'what waits for an answer' },
    { line: 'maos requests latest --closed --json', says: 'every request of the newest session, as JSON' },
    { line: 'maos requests --wait && maos approve latest', says: 'allow what is asked next' },
  ],
  pages: ({ options }) => (options.flag('wait') ? null : 'text'),
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options } = context;
  const [reference] = args;
  const session = reference === undefined ? null : await new SessionFinder(context).session(reference);
  const isWaiting = options.flag('wait');
  const late = lateSignal(options);
  if (session === null && options.flag('all')) {
    const found = await inEveryProject(context, isWaiting ? late : AbortSignal.abort());
    const isLate = isWaiting && !found.some(({ request }) => request.state === 'open');
    const status = showRequests(context, null, found);
    return isLate ? exitStatus.limit : status;
  }
  const project = session?.project ?? (await findProject(context, isWaiting ? late : AbortSignal.abort()));
  if (project === null) {
    showRequests(context, null, []);
    return isWaiting ? exitStatus.limit : exitStatus.done;
  }
  await adoptOrphansFor(context, project);
  const requests = new InputRequests(project);
  const isWaited = isWaiting && (await waitFor(late, project, requests, session?.id ?? null));
  const status = showRequests(context, project, requestsOf(project, options, session?.id));
  return isWaiting && !isWaited ? exitStatus.limit : status;
}

function requestsOf(project: Project, options: OptionValues, sessionId?: SessionId): readonly FoundRequest[] {
  const requests = new InputRequests(project).list({
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(options.flag('closed') ? {} : { state: 'open' }),
    limit: options.number('limit') ?? defaultLimit,
  });
  return requests.map((request) => ({ project, request }));
}

/** @param late until then, they are looked for until one is open */
async function inEveryProject(context: CommandContext, late: AbortSignal): Promise<readonly FoundRequest[]> {
  const { runtime, options, terminal } = context;
  for (;;) {
    const unread: UnreadProject[] = [];
    const found: FoundRequest[] = [];
    for await (const { project } of runtime().allProjects((one) => unread.push(one))) {
      await adoptOrphansFor(context, project);
      found.push(...requestsOf(project, options));
    }
    if (late.aborted || found.some(({ request }) => request.state === 'open')) {
      noticeUnread(unread, terminal);
      // Ids begin with the time.
      found.sort((a, b) => (a.request.id < b.request.id ? 1 : -1));
      return found.slice(0, options.number('limit') ?? defaultLimit);
    }
    await delay(lookEveryMs, undefined, { signal: late }).catch(() => {});
  }
}

/** What an agent's program lists starts nothing: its session has an owner, or gets one from a person's command. */
async function adoptOrphansFor(context: CommandContext, project: Project): Promise<void> {
  if (!isOfAgent(context.env) && project.parent === null) await adoptOrphans(context, project);
}

function lateSignal(options: OptionValues): AbortSignal {
  const seconds = options.number('timeout');
  return seconds === undefined ? new AbortController().signal : AbortSignal.timeout(seconds * 1_000);
}

/** The project of the current folder. Before its first session there is nothing to watch: it is looked for regularly. */
async function findProject(
  { runtime, projectPath }: CommandContext,
  late: AbortSignal,
): Promise<Project | null> {
  for (;;) {
    const found = await runtime().findProject(projectPath);
    if (found !== null || late.aborted) return found?.project ?? null;
    await delay(lookEveryMs, undefined, { signal: late }).catch(() => {});
  }
}

/** @returns whether a request is open */
async function waitFor(
  late: AbortSignal,
  project: Project,
  requests: InputRequests,
  sessionId: InputRequest['sessionId'] | null,
): Promise<boolean> {
  const over = new AbortController();
  const { store, watcher } = project;
  const check = (): void => {
    if (sessionId !== null && isSettled(store.summary(sessionId).session.state)) over.abort();
  };
  const unsubscribe = watcher.subscribe(check);
  check();
  try {
    await requests.waitForOpen(sessionId, AbortSignal.any([over.signal, late]));
  } finally {
    unsubscribe();
  }
  const query = { ...(sessionId === null ? {} : { sessionId }), state: 'open', limit: 1 } as const;
  return requests.list(query).length > 0;
}
