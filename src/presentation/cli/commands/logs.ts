import { isSettled } from '../../../application/control/control.ts';
import type { OutputStream } from '../../../application/ports/agent-disk.ts';
import type { Project } from '../../../application/project.ts';
import { checkNumberOf } from '../../../application/queries/check-output.ts';
import { type Agent, isAgentEnded } from '../../../domain/agent.ts';
import { MaosError } from '../../../domain/errors.ts';
import { agentNamed } from '../../contracts/agent-named.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { AgentLog } from '../logs/agent-log.ts';
import { makeLinePrinter, makeRecordPrinter } from '../logs/log-printer.ts';
import { type LogStart, startAtTail, startSince } from '../logs/log-start.ts';
import { mergeLogs } from '../logs/merge-logs.ts';
import { RawLog, sendStretch } from '../logs/raw-log.ts';
import { readSince } from '../logs/since.ts';
import type { LogLine, LogRequest } from '../logs/stream-log.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { watchOwner } from '../shell/owner-notice.ts';
import { plainPaint } from '../shell/terminal.ts';
import { allOption } from './session-argument.ts';

/** Interval between reads of the files of running agents. */
const pollMs = 200;
const streams = ['stdout', 'stderr'] as const;

export const logsCommand: CliCommand = {
  name: 'logs',
  aliases: ['log'],
  summary: 'Show the output of agents',
  details: [
    "Shows stdout and stderr together, in the order in which maos saw them: accurate to about 10 ms, and only while a maos process runs the session. The JSON of agents' CLIs is shown as readable text, and only the final state of a line that a program overwrites, such as a progress bar. On a terminal, the colors of programs are kept; all other control sequences are removed. With several agents, each line begins with the agent's name. A separator line marks each new attempt.",
    'With --raw, stdout is exactly the bytes that the agents printed.',
    'With --json, stdout is JSON lines {agent_id, name, attempt, stream, time, line}, or with --check, the number of the check instead of the attempt; a line longer than 1 MiB is split, and every part but the last has "continues": true.',
  ].join('\n'),
  arguments: [
    {
      syntax: '[session|agent]',
      description:
        "id, an unambiguous part of one, 'latest' (default), or the name of an agent of the newest session",
    },
    { syntax: '[names...]', description: "only these agents of the session, such as 'tester'" },
  ],
  options: [
    { flags: '-f, --follow', description: 'follow until the session ends or pauses', kind: 'flag' },
    {
      flags: '-n, --tail <n>',
      description: 'only the last lines of each agent',
      kind: 'integer',
      range: [0, 1_000_000],
    },
    {
      flags: '--since <time>',
      description: "only output since then: '10m' or '2h' ago, or a time such as 2026-11-27T10:00:00Z",
      kind: 'text',
    },
    {
      flags: '-t, --timestamps',
      description: 'begin each line with the time at which it was printed',
      kind: 'flag',
    },
    { flags: '--stream <stream>', description: 'only this stream', kind: 'text', choices: streams },
    {
      flags: '--raw',
      description: 'the bytes as printed; with --json, the lines as printed',
      kind: 'flag',
    },
    {
      flags: '--check <n>',
      description: "the output of a check of one agent's work instead: its number, or 'last'",
      kind: 'text',
    },
    allOption,
  ],
  examples: [
    { line: 'maos logs tester -f -n 20', says: 'the last lines of one agent, then new ones' },
    { line: 'maos logs --since 10m -t', says: 'the output of the last ten minutes, with times' },
  ],
  pages: ({ options }) => (options.flag('follow') || options.flag('raw') ? null : 'text'),
  run,
};

/** What to read, and from where. */
interface Reading {
  readonly found: OpenSession;
  readonly agents: readonly Agent[];
  readonly request: LogRequest;
  /** Only what came since then, in Unix milliseconds; null: all. */
  readonly since: number | null;
  /** Only so many last lines; null: all. */
  readonly tail: number | null;
  readonly isOfAgent: boolean;
}

async function run(context: CommandContext): Promise<number> {
  const { options, terminal, json } = context;
  const isRaw = options.flag('raw');
  if (isRaw && options.flag('timestamps')) {
    throw new MaosError('INVALID_INPUT', '--raw shows only the bytes: remove --timestamps or --raw.');
  }
  const { found, agent, names } = await named(context);
  const agents = chosenAgents(found, agent, names);
  const stream = options.text('stream') as OutputStream | undefined;
  const since = options.text('since');
  const reading: Reading = {
    found,
    agents,
    request: {
      streams: stream === undefined ? streams : [stream],
      check: chosenCheck(options.text('check'), agents),
      isRaw,
      keepsColours: !json && !isRaw && terminal.canvas.paint !== plainPaint,
    },
    since: since === undefined ? null : readSince(since, Date.parse(found.project.clock.now())),
    tail: options.number('tail') ?? null,
    isOfAgent: agent !== null,
  };
  await assertThere(context, reading);
  const stopWatching = options.flag('follow') ? watchOwner(found, context) : () => {};
  if (isRaw && !json) await showBytes(context, reading);
  else await showLines(context, reading);
  stopWatching();
  return exitStatus.done;
}

/** The name of an agent of the newest session may stand in place of the session. */
async function named(
  context: CommandContext,
): Promise<{ found: OpenSession; agent: Agent | null; names: readonly string[] }> {
  const finder = new SessionFinder(context);
  const [reference = 'latest', ...names] = context.args;
  if (reference !== 'latest' && !/^(sess|agent)_/.test(reference)) {
    const latest = await finder.session('latest').catch((error: unknown) => {
      if (error instanceof MaosError) return null;
      throw error;
    });
    const isName = latest?.project.store.load(latest.id).agents.some(({ name }) => name === reference);
    if (latest !== null && isName === true) return { found: latest, agent: null, names: context.args };
  }
  const found = await finder.sessionOrAgent(reference);
  return { found, agent: found.agent, names };
}

function chosenAgents(
  { project, id }: OpenSession,
  agent: Agent | null,
  names: readonly string[],
): readonly Agent[] {
  const workflow = project.store.load(id);
  const { agents } = workflow;
  if (agent !== null) return agents.filter((member) => member.id === agent.id);
  for (const name of names) agentNamed(workflow, name);
  return names.length === 0 ? agents : agents.filter((member) => names.includes(member.name));
}

function chosenCheck(asked: string | undefined, agents: readonly Agent[]): number | undefined {
  if (asked === undefined) return undefined;
  const [agent, ...others] = agents;
  if (agent !== undefined && others.length === 0) return checkNumberOf(agent, asked);
  throw new MaosError(
    'INVALID_INPUT',
    `--check ${asked} needs one agent: name it after the session, as in 'maos logs latest ${agent?.name ?? 'AGENT'} --check ${asked}'.`,
    { details: { command: 'logs' } },
  );
}

/** Somebody may have removed the folders, of which the store knows nothing. */
async function assertThere({ terminal }: CommandContext, { found, agents }: Reading): Promise<void> {
  const { project, id } = found;
  const gone: Agent[] = [];
  let isAnyThere = false;
  for (const agent of agents) {
    if (await project.host.hasOutput(agent)) isAnyThere = true;
    else if (hasRun(agent)) gone.push(agent);
  }
  const [first] = gone;
  if (first === undefined) return;
  const { session } = project.store.load(id);
  const { session: folder } = project.host.locations(session, first);
  if (!isAnyThere) {
    throw new MaosError(
      'SESSION_NOT_FOUND',
      `The output of session ${id} is gone: ${folder} or its logs have been removed. Its record remains: see 'maos status ${id}' and 'maos events ${id}'.`,
      { details: { sessionId: id, folder } },
    );
  }
  const names = gone.map(({ name }) => name).join(', ');
  terminal.notice(`The output of ${names} is gone: it has been removed from ${folder}.`);
}

/** Of others, it is not certain that they got as far as having logs. */
function hasRun({ state, failure }: Agent): boolean {
  return state === 'completed' || failure?.kind === 'exit_code' || failure?.kind === 'signal';
}

async function startOf({ found, request, since, tail }: Reading, agent: Agent): Promise<LogStart> {
  if (tail !== null) return startAtTail(found.project, agent, request, tail);
  if (since !== null) return startSince(found.project, agent, request, since);
  return { cursors: {}, skip: 0 };
}

async function showLines(context: CommandContext, reading: Reading): Promise<void> {
  const { terminal, json, options } = context;
  const { found, agents, request, since } = reading;
  const logs: AgentLog[] = [];
  const skips = new Map<Agent['id'], number>();
  for (const agent of agents) {
    const { cursors, skip } = await startOf(reading, agent);
    skips.set(agent.id, skip);
    logs.push(new AgentLog(found.project, agent, request, cursors));
  }
  const printer = json
    ? makeRecordPrinter(terminal, request.check)
    : makeLinePrinter(terminal, agents, options.flag('timestamps'));
  const print = (line: LogLine): void => {
    const skip = skips.get(line.agent.id) ?? 0;
    if (skip > 0) {
      if (!line.continues) skips.set(line.agent.id, skip - 1);
    } else if (since === null || line.at >= since) printer.print(line);
  };
  const show = (): Promise<void> => mergeLogs(logs, print, () => terminal.drained());
  await show();
  await follow(context, reading, async (now) => {
    for (const log of logs) log.renew(now.find(({ id }) => id === log.agent.id));
    await show();
  });
  for (const log of logs) log.finish();
  await show();
}

async function showBytes(context: CommandContext, reading: Reading): Promise<void> {
  const { host } = reading.found.project;
  const logs: RawLog[] = [];
  for (const agent of reading.agents) {
    const { cursors } = await startOf(reading, agent);
    const position = Object.fromEntries(Object.entries(cursors).map(([stream, at]) => [stream, Number(at)]));
    logs.push(new RawLog(host, agent, reading.request, position));
  }
  const { check } = reading.request;
  const show = (): Promise<void> =>
    mergeLogs(
      logs,
      (stretch) => sendStretch(host, stretch, check, (bytes) => context.terminal.send(bytes)),
      async () => {},
    );
  await show();
  await follow(context, reading, async () => {
    for (const log of logs) log.renew();
    await show();
  });
}

/**
 * With --follow, reads until no more output can come: the session has settled, or the single requested agent has ended.
 */
async function follow(
  { options }: CommandContext,
  { found: { project, id }, agents, isOfAgent }: Reading,
  read: (now: readonly Agent[]) => Promise<void>,
): Promise<void> {
  if (!options.flag('follow')) return;
  for (;;) {
    // Checked before reading, so that output written before the end is still read below.
    const over = isOver(project, id, isOfAgent ? (agents[0]?.id ?? null) : null);
    await read(project.store.load(id).agents);
    if (over) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function isOver(project: Project, id: OpenSession['id'], agentId: Agent['id'] | null): boolean {
  const { session, agents } = project.store.load(id);
  if (isSettled(session.state)) return true;
  return agentId !== null && agents.some((agent) => agent.id === agentId && isAgentEnded(agent.state));
}
