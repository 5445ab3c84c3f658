import { isSettled } from '../../../application/control/control.ts';
import type { Project } from '../../../application/project.ts';
import { type OutputView, outputViews } from '../../../application/queries/agent-output.ts';
import { checkNumberOf } from '../../../application/queries/check-output.ts';
import { type Agent, isAgentEnded } from '../../../domain/agent.ts';
import { MaosError } from '../../../domain/errors.ts';
import { agentNamed } from '../../contracts/agent-named.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { type LinePrinter, OutputReader } from '../shell/output-reader.ts';
import { watchOwner } from '../shell/owner-notice.ts';
import type { Format } from '../shell/terminal.ts';
import { allOption } from './session-argument.ts';

/** Interval between reads of the files of running agents. */
const pollMs = 200;
const prefixFormats: readonly Format[] = ['cyan', 'yellow', 'green', 'magenta', 'blue'];

export const logsCommand: CliCommand = {
  name: 'logs',
  aliases: ['log'],
  summary: 'Show the output of agents',
  details: `With several agents, each line begins with the agent's name. A separator line marks each new attempt. With --json, stdout is JSON lines {agent_id, name, attempt, stream, line}, with the number of the check in place of the attempt for --check; a line longer than 1 MiB is split, and every part but the last has "continues": true.`,
  arguments: [
    { syntax: '[session|agent]', description: "id, an unambiguous part of one, or 'latest' (default)" },
    { syntax: '[names...]', description: "only these agents of the session, such as 'tester'" },
  ],
  options: [
    { flags: '-f, --follow', description: 'follow until the session ends or pauses', kind: 'flag' },
    {
      flags: '--tail <n>',
      description: 'only the last lines of each agent',
      kind: 'integer',
      range: [0, 1_000_000],
    },
    {
      flags: '--stream <stream>',
      description: "'readable' (default): formatted for people; 'stdout' or 'stderr': the raw bytes",
      kind: 'text',
      choices: outputViews,
    },
    {
      flags: '--check <n>',
      description: "the output of a check of one agent's work instead: its number, or 'last'",
      kind: 'text',
    },
    allOption,
  ],
  examples: [
    { line: 'maos logs -f', says: 'follow the newest session' },
    { line: 'maos logs latest tester --tail 20', says: 'the last lines of one agent' },
    { line: 'maos logs latest builder --check last', says: 'what its last check printed' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options } = context;
  const [reference = 'latest', ...names] = args;
  const found = await new SessionFinder(context).sessionOrAgent(reference);
  const agents = chosenAgents(found, found.agent, names);
  const view = (options.text('stream') as OutputView | undefined) ?? 'readable';
  const tail = options.number('tail') ?? null;
  const check = chosenCheck(options.text('check'), agents);
  const readers = agents.map((agent) => new OutputReader(found.project, agent, view, tail, check));
  const printer = makePrinter(context, agents, view, check);
  for (const reader of readers) await reader.read(printer);
  if (options.flag('follow')) {
    const stopWatching = watchOwner(found, context);
    await follow(found, readers, found.agent !== null, printer);
    stopWatching();
  }
  for (const reader of readers) reader.finish(printer);
  return exitStatus.done;
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

/** Reads until no more output can come: the session has settled, or the single requested agent has ended. */
async function follow(
  { project, id }: OpenSession,
  readers: readonly OutputReader[],
  onlyAgent: boolean,
  printer: LinePrinter,
): Promise<void> {
  for (;;) {
    // Checked before reading, so that output written before the end is still read below.
    const over = isOver(project, id, onlyAgent ? (readers[0]?.agent.id ?? null) : null);
    const { agents } = project.store.load(id);
    for (const reader of readers) {
      await reader.read(
        printer,
        agents.find((agent) => agent.id === reader.agent.id),
      );
    }
    if (over) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function isOver(project: Project, id: OpenSession['id'], agentId: Agent['id'] | null): boolean {
  const { session, agents } = project.store.load(id);
  if (isSettled(session.state)) return true;
  return agentId !== null && agents.some((agent) => agent.id === agentId && isAgentEnded(agent.state));
}

function makePrinter(
  { terminal, json }: CommandContext,
  agents: readonly Agent[],
  view: OutputView,
  check: number | undefined,
): LinePrinter {
  const ready = (): Promise<void> => terminal.drained();
  if (json) {
    return {
      ready,
      begin: () => {},
      print: ({ agent, attempt, line, continues }) => {
        const more = continues ? { continues } : {};
        const of = check === undefined ? { attempt } : { check };
        terminal.record({ agent_id: agent.id, name: agent.name, ...of, stream: view, line, ...more });
      },
    };
  }
  const { paint } = terminal.canvas;
  const width = Math.max(...agents.map(({ name }) => name.length));
  const prefixes = new Map(
    agents.map(({ id, name }, index) => [
      id,
      agents.length === 1
        ? ''
        : `${paint(prefixFormats[index % prefixFormats.length] as Format, `${name.padEnd(width)} |`)} `,
    ]),
  );
  /** The agent whose last line is incomplete. */
  let open: Agent['id'] | null = null;
  const put = (id: Agent['id'], text: string, continues: boolean): void => {
    const head = open === id ? '' : `${open === null ? '' : '\n'}${prefixes.get(id)}`;
    terminal.write(`${head}${text}${continues ? '' : '\n'}`);
    open = continues ? id : null;
  };
  return {
    ready,
    begin: ({ id }, attempt) => {
      // The other views are raw output.
      if (view === 'readable') put(id, paint('dim', `--- attempt ${attempt} ---`), false);
    },
    print: ({ agent, line, continues }) => put(agent.id, line, continues),
  };
}
