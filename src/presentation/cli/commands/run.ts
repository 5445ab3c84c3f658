import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { orchestrate } from '../../../application/control/orchestrate.ts';
import type { OrchestrateRequest } from '../../../application/control/plan-request.ts';
import { previewCommands } from '../../../application/control/preview-commands.ts';
import { problemsOf } from '../../../application/control/review-plan.ts';
import { isOfAgent } from '../../../application/queries/caller.ts';
import { MaosError } from '../../../domain/errors.ts';
import { RefusedPlan } from '../../../domain/plan-problem.ts';
import { exitPolicies, failurePolicies, parentEndPolicies, strategies } from '../../../domain/session.ts';
import type { WrittenPlan } from '../../contracts/plan-text.ts';
import { workflowView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { dryRunDocument, renderPlan } from '../render/plan-view.ts';
import { budgetOptions } from '../run/budget-options.ts';
import { followSession } from '../run/follow-session.ts';
import {
  agentsFromOptions,
  isPlanFile,
  objectiveOf,
  variablesFromOptions,
  withOptions,
} from '../run/plan-words.ts';
import { attachSession } from '../run/view-session.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const runCommand: CliCommand = {
  name: 'run',
  summary: 'Run a team of agents',
  details: [
    "Describe the team with --agent and --exec, or with a plan file: the object that the MCP tool orchestrate takes, {objective, agents: [{role, task, name, depends_on, …}], strategy, …}, as JSON (.json or .jsonc; comments and trailing commas are allowed) or YAML (.yaml or .yml). '-' reads it from stdin.",
    'A program of --exec has no input (its stdin is /dev/null) and no limits except those given; $MAOS_RESULTS is the folder for its results.',
    'Budgets (--max-…, or "budget" in the plan, for the session and for each agent) are checked against what the agents report: MAOS warns at 80 % and stops the agents at 100 %.',
    'With --worktree, each agent works on its own branch, maos/SESSION/NAME, and your checkout stays unchanged. MAOS runs the checks of --verify itself; if one fails, the agent gets its output and corrects its work.',
    'Ctrl-C moves the session to a background process, which stops the agents or keeps them running (see --on-exit), says how to continue or cancel it, and exits with 130; a second Ctrl-C exits at once. Ctrl-Z leaves the terminal to the shell until fg.',
    'With --json, stdout is JSON lines: every event, then one {"type":"summary",…}; with --dry-run or --detach it is one document.',
    'Exit status: 0 completed, 1 failed or cancelled, 4 its work could not be landed automatically, 5 a budget is used up, 6 an agent is not signed in, 7 paused.',
  ].join('\n'),
  arguments: [
    {
      syntax: '[objective|file|-]',
      description: 'objective of the team, or a plan file',
    },
  ],
  options: [
    {
      flags: '-a, --agent <role=task>',
      description: 'add an agent ([name:]role[@backend[/model]]=task); repeatable',
      kind: 'list',
    },
    {
      flags: '-x, --exec <name=line>',
      description: 'add an agent that runs a shell line; repeatable',
      kind: 'list',
    },
    {
      flags: '--set <name=value>',
      description: 'value of a variable of the plan file; repeatable',
      kind: 'list',
    },
    {
      flags: '-s, --strategy <strategy>',
      description: 'order in which agents run',
      kind: 'text',
      choices: strategies,
    },
    {
      flags: '--failure-policy <policy>',
      description: 'after a failure: run the agents that do not depend on it, or cancel all',
      kind: 'text',
      choices: failurePolicies,
    },
    {
      flags: '--on-exit <policy>',
      description: 'on shutdown: stop the agents (resumable), or keep them running',
      kind: 'text',
      choices: exitPolicies,
    },
    {
      flags: '--on-parent-end <policy>',
      description:
        'when the agent that started this team ends: cancel the team (default), or keep it running',
      kind: 'text',
      choices: parentEndPolicies,
    },
    {
      flags: '--max-concurrency <n>',
      description: 'maximum number of agents at once',
      kind: 'integer',
      range: [1, 500],
    },
    {
      flags: '--max-per-role <n>',
      description: 'maximum number of agents of one role at once',
      kind: 'integer',
      range: [1, 500],
    },
    {
      flags: '--timeout-minutes <n>',
      description: 'time limit of agents that set none',
      kind: 'number',
      range: [0.001, 10_080],
    },
    ...budgetOptions,
    {
      flags: '--idempotency-key <key>',
      description: 'start the team once: with the same key and plan, show the session started first',
      kind: 'text',
    },
    { flags: '--backend <name>', description: 'backend of agents that name none', kind: 'text' },
    { flags: '--model <name>', description: 'model of agents that name none', kind: 'text' },
    {
      flags: '--fallback <names>',
      description: 'backends to continue with when the quota is used up, comma-separated',
      kind: 'text',
    },
    {
      flags: '-w, --worktree',
      description: 'git worktree and branch for each agent that names no workspace',
      kind: 'flag',
    },
    {
      flags: '--verify <line>',
      description:
        'shell line that must succeed before an agent without a check of its own is done; repeatable',
      kind: 'list',
    },
    {
      flags: '--land',
      description: "land the agents' branches on yours when all have completed",
      kind: 'flag',
    },
    {
      flags: '-y, --yes',
      description: 'allow everything that the agents ask permission for, unless a rule of yours denies it',
      kind: 'flag',
    },
    {
      flags: '-n, --dry-run',
      description: 'show the plan, its command lines and its graph; store and start nothing',
      kind: 'flag',
    },
    {
      flags: '-d, --detach',
      description: 'run in the background and print the session id',
      kind: 'flag',
    },
  ],
  examples: [
    {
      line: "maos run --exec 'lint=npm run lint' --exec 'tests=npm test'",
      says: 'two programs in parallel',
    },
    {
      line: "maos run -a 'api:engineer=Add the route' -a 'ui:engineer=Add the page' --worktree --verify 'npm test' --land",
      says: 'each on a branch of its own, checked by MAOS, then landed',
    },
    {
      line: 'maos run team.json --max-cost 5 --max-minutes 30',
      says: 'a plan file, stopped at 5 dollars or after 30 minutes',
    },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { options, terminal, json, projectPath } = context;
  if (options.flag('detach') && options.text('on-exit') === 'stop') {
    throw new MaosError('INVALID_INPUT', '--detach keeps the agents running: remove --on-exit stop.');
  }
  const { asked, file } = await readRequest(context);
  const request = withOptions(asked, options);
  const lost = await context.runtime().lostStore(projectPath);
  if (lost !== null) terminal.notice(`${lost.message} This session is stored in a new database.`);
  const { project, supervisor, folder } = await context.runtime().openProject(projectPath);
  // A dry run only prints output, so losing stdout may end it.
  if (request.dryRun !== true) context.watchInterrupts();
  const approveAll = options.flag('yes');
  if (approveAll && project.parent === null && isOfAgent(context.env)) throw notByAgents();
  const placed = { ...request, folder, approveAll };
  if (file?.isFaulty === true) throw file.refusal(await problemsOf(project, placed));
  const started = await orchestrate(project, supervisor, placed, 'terminal').catch((error: unknown) => {
    throw file !== null && error instanceof RefusedPlan ? file.refusal(error.problems) : error;
  });
  const { workflow, stored, isRepeated } = started;
  const commands = stored ? null : await previewCommands(project, workflow);
  const remarks = [...(file?.remarks ?? []), ...started.remarks, ...(commands?.remarks ?? [])];
  const isOneDocument = json && (!stored || options.flag('detach'));
  for (const remark of isOneDocument ? [] : remarks) terminal.notice(`Note: ${remark}`);
  const view = { ...workflowView(workflow, null), ...(remarks.length === 0 ? {} : { remarks }) };
  if (commands !== null) {
    if (json) terminal.document(dryRunDocument(workflow, commands, view));
    else for (const line of renderPlan(workflow, commands, terminal.canvas)) terminal.line(line);
    return exitStatus.done;
  }
  const { id } = workflow.session;
  if (options.flag('detach')) {
    await context.detach('keep');
    if (json) terminal.document(view);
    else terminal.line(id);
    return exitStatus.done;
  }
  const session = { project, supervisor, id };
  // Whichever process runs it.
  return isRepeated ? attachSession(context, session) : followSession(context, session);
}

function notByAgents(): MaosError {
  return new MaosError('FORBIDDEN', 'This is the environment of an agent: it cannot use --yes.');
}

/** What the command line asks for; `file`: the plan that says it, if one does. */
interface Asked {
  readonly asked: OrchestrateRequest;
  readonly file: WrittenPlan | null;
}

async function readRequest(context: CommandContext): Promise<Asked> {
  const [word] = context.args;
  const agents = agentsFromOptions(context.options);
  const set = variablesFromOptions(context.options);
  const exists = (path: string): boolean => existsSync(resolve(context.cwd, path));
  // Without agents, the word can only be a plan, whatever its name.
  if (word !== undefined && (isPlanFile(word, exists) || (agents.length === 0 && exists(word)))) {
    if (agents.length > 0) {
      throw new MaosError(
        'INVALID_INPUT',
        `${word === '-' ? 'The plan on stdin' : word} already lists the agents: remove --agent and --exec, or the file.`,
      );
    }
    const { readPlanFile } = await import('../run/plan-file.ts');
    const file = await readPlanFile(word, context, set);
    return { asked: file.request, file };
  }
  if (set.size > 0) {
    throw new MaosError('INVALID_INPUT', '--set gives values to the variables of a plan file: name one.');
  }
  if (agents.length === 0) {
    throw new MaosError(
      'INVALID_PLAN',
      "The plan has no agents: add --agent 'role=task' or --exec 'name=shell line' (repeatable), or name a plan file.",
      { details: { agents: 0 } },
    );
  }
  const [{ parseInput }, { planInput }] = await Promise.all([
    import('../../contracts/parse-input.ts'),
    import('../../contracts/plan-input.ts'),
  ]);
  const asked = parseInput(planInput, { objective: word ?? objectiveOf(agents), agents }, 'run');
  return { asked, file: null };
}
