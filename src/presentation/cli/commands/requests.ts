import { setTimeout as delay } from 'node:timers/promises';
import { isSettled } from '../../../application/control/control.ts';
import type { Project } from '../../../application/project.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { askedText, requestView } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { formatAge, formatUntil } from '../render/format.ts';
import { renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { OptionValues } from '../shell/option-values.ts';

const defaultLimit = 50;
const lookEveryMs = 250;
/** `--all` of this command means requests, not projects. */
const unscoped = new OptionValues(new Map());

export const requestsCommand: CliCommand = {
  name: 'requests',
  summary: 'List what agents ask: permissions and questions',
  details: [
    "Lists the open requests of this project, or of one session. Answer them with 'maos approve', 'maos deny' and 'maos answer'.",
    'Exit status: 0 done, 5 none was opened before the timeout or the end of the session.',
  ].join('\n'),
  arguments: [{ syntax: '[session]', description: 'only of this session (default: every one)' }],
  options: [
    { flags: '--all', description: 'also those that are answered, expired or withdrawn', kind: 'flag' },
    { flags: '--wait', description: 'wait until a request is open', kind: 'flag' },
    { flags: '--timeout <seconds>', description: 'how long to wait', kind: 'number', range: [0, 2_000_000] },
    {
      flags: '--limit <n>',
      description: `maximum number of requests (default: ${defaultLimit})`,
      kind: 'integer',
      range: [1, 10_000],
    },
  ],
  examples: [
    { line: 'maos requests', says: 'what waits for an answer' },
    { line: 'maos requests latest --all --json', says: 'every request of the newest session, as JSON' },
    { line: 'maos requests --wait && maos approve latest', says: 'allow what is asked next' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, runtime, projectPath } = context;
  const [reference] = args;
  const session =
    reference === undefined
      ? null
      : await new SessionFinder({ runtime, projectPath, options: unscoped }).session(reference);
  const isWaiting = options.flag('wait');
  const late = lateSignal(options);
  const project = session?.project ?? (await findProject(context, isWaiting ? late : AbortSignal.abort()));
  if (project === null) {
    show(context, null, []);
    return isWaiting ? exitStatus.limit : exitStatus.done;
  }
  const requests = new InputRequests(project);
  const isWaited = isWaiting && (await waitFor(late, project, requests, session?.id ?? null));
  const found = requests.list({
    ...(session === null ? {} : { sessionId: session.id }),
    ...(options.flag('all') ? {} : { state: 'open' }),
    limit: options.number('limit') ?? defaultLimit,
  });
  const status = show(context, project, found);
  return isWaiting && !isWaited ? exitStatus.limit : status;
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

function show(
  { terminal, json, options, program }: CommandContext,
  project: Project | null,
  requests: readonly InputRequest[],
): number {
  const names = new Map<string, string>();
  for (const id of new Set(requests.map(({ sessionId }) => sessionId))) {
    for (const [agentId, name] of namesOf(project?.store.load(id).agents ?? [])) names.set(agentId, name);
  }
  if (json) {
    terminal.document({ requests: requests.map((request) => requestView(request, names)) });
    return exitStatus.done;
  }
  if (requests.length === 0) {
    const where = project === null ? '' : ` in ${showName(project.path)}`;
    terminal.notice(`No ${options.flag('all') ? '' : 'open '}requests${where}.`);
    return exitStatus.done;
  }
  const now = Date.now();
  const rows = requests.map((request) => [
    request.id,
    options.flag('all') ? stateOf(request) : '',
    names.get(request.agentId) ?? request.agentId,
    request.kind,
    formatAge(now - Date.parse(request.askedAt)),
    request.state === 'open' ? formatUntil(request.expiresAt, now) : '',
    askedText(request),
  ]);
  const titles = ['REQUEST', 'STATE', 'AGENT', 'KIND', 'ASKED', 'EXPIRES', 'WHAT'];
  const columns = titles.map((title) => ({ title }));
  const lines = renderTable(columns, rows, terminal.canvas);
  for (const line of lines) terminal.line(line);
  if (rows.some((row, index) => !lines[index + 1]?.endsWith(row.at(-1) ?? ''))) {
    terminal.notice(`Cut to the width of the terminal. In full: ${program} requests --json`);
  }
  if (requests.some(({ state }) => state === 'open')) {
    terminal.notice(`Answer with: ${program} approve, deny or answer REQUEST`);
  }
  return exitStatus.done;
}

function stateOf({ state, answer }: InputRequest): string {
  if (answer?.kind !== 'permission') return state;
  return answer.decision === 'allow' ? 'allowed' : 'denied';
}
