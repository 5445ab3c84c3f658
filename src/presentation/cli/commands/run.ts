import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type OrchestrateRequest, orchestrate } from '../../../application/control/orchestrate.ts';
import { MaosError } from '../../../domain/errors.ts';
import { exitPolicies, failurePolicies, parentEndPolicies, strategies } from '../../../domain/session.ts';
import { workflowView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { renderPlan } from '../render/plan-view.ts';
import { followSession } from '../run/follow-session.ts';
import { agentsFromOptions, isPlanFile, objectiveOf, withOptions } from '../run/plan-words.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const runCommand: CliCommand = {
  name: 'run',
  summary: 'Run a team of agents and watch it',
  details: [
    "The team is given by --agent and --exec, or by a file: the object that the MCP tool orchestrate takes, {objective, agents: [{role, task, name, depends_on, …}], strategy, …}, as JSON (.json or .jsonc; comments and trailing commas are allowed) or YAML (.yaml or .yml). '-' reads it from stdin.",
    'Budgets (--max-…, or "budget" in the file, for the session and for each agent) are checked from what the agents report: at 80 % it is said, at 100 % they are stopped.',
    'Ctrl-C hands the session to a process of its own (see --on-exit) and exits with 130.',
    'With --json, stdout is JSON lines: every event, then one {"type":"summary",…}; with --dry-run or --detach it is one document.',
    'Exit status: 0 completed, 1 failed, cancelled or paused, 6 an agent is not signed in.',
  ].join('\n'),
  arguments: [
    {
      syntax: '[objective|file|-]',
      description: 'what the team is to reach, or a file with the whole plan',
    },
  ],
  options: [
    {
      flags: '-a, --agent <role=task>',
      description: 'an agent (or name:role=task); repeatable',
      kind: 'list',
    },
    {
      flags: '-x, --exec <name=line>',
      description: 'an agent that runs a /bin/sh line; repeatable',
      kind: 'list',
    },
    {
      flags: '-s, --strategy <strategy>',
      description: 'order of the agents',
      kind: 'text',
      choices: strategies,
    },
    {
      flags: '--failure-policy <policy>',
      description: 'after a failure: run what does not depend on it, or stop everything',
      kind: 'text',
      choices: failurePolicies,
    },
    {
      flags: '--on-exit <policy>',
      description: 'when maos must exit: stop the agents so that they can be resumed, or keep them running',
      kind: 'text',
      choices: exitPolicies,
    },
    {
      flags: '--on-parent-end <policy>',
      description:
        'started by an agent: when that has ended, cancel this team (the default), or keep it running',
      kind: 'text',
      choices: parentEndPolicies,
    },
    { flags: '--max-concurrency <n>', description: 'agents at once', kind: 'integer', range: [1, 500] },
    {
      flags: '--max-per-role <n>',
      description: 'agents of one role at once',
      kind: 'integer',
      range: [1, 500],
    },
    {
      flags: '--timeout-minutes <n>',
      description: 'for agents that name no limit of their own',
      kind: 'number',
      range: [0.001, 10_080],
    },
    {
      flags: '--max-tokens <n>',
      description: 'budget of the session: tokens, those from the cache included',
      kind: 'integer',
      range: [1, Number.MAX_SAFE_INTEGER],
    },
    {
      flags: '--max-cost <usd>',
      description: 'budget: US dollars, as the backends price themselves',
      kind: 'number',
      range: [0.000_001, 1_000_000],
    },
    {
      flags: '--max-turns <n>',
      description: 'budget: turns of the models',
      kind: 'integer',
      range: [1, Number.MAX_SAFE_INTEGER],
    },
    {
      flags: '--max-minutes <n>',
      description: 'budget: time from start to end',
      kind: 'number',
      range: [0.001, 525_600],
    },
    { flags: '--backend <name>', description: 'for agents that name none', kind: 'text' },
    { flags: '--model <name>', description: 'for agents that name none', kind: 'text' },
    { flags: '-n, --dry-run', description: 'show the plan; store and start nothing', kind: 'flag' },
    {
      flags: '-d, --detach',
      description: 'leave it running in the background and print its id',
      kind: 'flag',
    },
  ],
  examples: [
    {
      line: "maos run --exec 'lint=npm run lint' --exec 'tests=npm test'",
      says: 'two programs side by side',
    },
    {
      line: "maos run 'Add a login' -s sequential -a 'architect=Design it' -a 'engineer=Build it'",
      says: 'one agent after the other',
    },
    {
      line: 'maos run team.json --max-cost 5 --max-minutes 30',
      says: 'a plan from a file, stopped at five dollars or after half an hour',
    },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { options, terminal, json, projectPath } = context;
  if (options.flag('detach') && options.text('on-exit') === 'stop') {
    throw new MaosError('INVALID_INPUT', '--detach keeps the agents running: leave out --on-exit stop.');
  }
  const request = withOptions(await readRequest(context), options);
  const lost = await context.runtime().lostStore(projectPath);
  if (lost !== null) terminal.notice(`${lost.message} This session goes into a new one.`);
  const { project, supervisor, folder } = await context.runtime().openProject(projectPath);
  // What a dry run prints is all there is of it.
  if (request.dryRun !== true) context.watchInterrupts();
  const { workflow, stored } = await orchestrate(project, supervisor, { ...request, folder }, 'terminal');
  if (!stored) {
    if (json) terminal.document({ dry_run: true, ...workflowView(workflow, null) });
    else for (const line of renderPlan(workflow, terminal.canvas)) terminal.line(line);
    return exitStatus.done;
  }
  const { id } = workflow.session;
  if (options.flag('detach')) {
    await context.detach();
    if (json) terminal.document(workflowView(workflow, null));
    else terminal.line(id);
    return exitStatus.done;
  }
  return followSession(context, { project, supervisor, id });
}

async function readRequest(context: CommandContext): Promise<OrchestrateRequest> {
  const [word] = context.args;
  const agents = agentsFromOptions(context.options);
  if (word !== undefined && isPlanFile(word, (path) => existsSync(resolve(context.cwd, path)))) {
    if (agents.length > 0) {
      throw new MaosError(
        'INVALID_INPUT',
        `The agents stand in ${word === '-' ? 'the plan on stdin' : word}: leave out --agent and --exec, or the file.`,
      );
    }
    const { readPlanFile } = await import('../run/plan-file.ts');
    return readPlanFile(word, context);
  }
  if (agents.length === 0) {
    throw new MaosError(
      'INVALID_PLAN',
      "The plan has no agents: add --agent 'role=task' or --exec 'name=shell line' (each as often as you like), or name a file with the plan.",
      { details: { agents: 0 } },
    );
  }
  const [{ parseInput }, { planInput }] = await Promise.all([
    import('../../contracts/parse-input.ts'),
    import('../../contracts/plan-input.ts'),
  ]);
  return parseInput(planInput, { objective: word ?? objectiveOf(agents), agents }, 'run');
}
