import { orchestrate } from '../../../application/control/orchestrate.ts';
import { missingPrograms } from '../../../application/control/preview-commands.ts';
import { planOf, problemsOf } from '../../../application/control/review-plan.ts';
import type { OpenProject } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError, MaosError, quote } from '../../../domain/errors.ts';
import type { Plan } from '../../../domain/plan.ts';
import { RefusedPlan } from '../../../domain/plan-problem.ts';
import type { WrittenPlan } from '../../contracts/plan-text.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type GraphNode, mermaidGraph, textGraph } from '../render/plan-graph.ts';
import { readPlanFile } from '../run/plan-file.ts';
import { variablesFromOptions } from '../run/plan-words.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const planCommand: CliCommand = {
  name: 'plan',
  summary: 'Check a plan file, or draw its graph',
  details: [
    'check reports every error in the plan with its line and column. What is only missing on this machine, such as the CLI of a backend, is a warning.',
    'graph draws which agents wait for which others, as text or as Mermaid, which GitHub shows as a diagram.',
    'Neither starts anything.',
    'Exit status: 0 the plan is valid, 2 it is not.',
  ].join('\n'),
  arguments: [
    { syntax: '[action]', description: 'check or graph', choices: ['check', 'graph'] },
    { syntax: '[file]', description: "the plan, in JSON or YAML; '-' reads stdin" },
  ],
  options: [
    { flags: '--set <name=value>', description: 'value of a variable of the plan; repeatable', kind: 'list' },
    {
      flags: '--format <format>',
      description: 'format of the graph (default: text)',
      kind: 'text',
      choices: ['text', 'mermaid'],
    },
  ],
  examples: [
    { line: 'maos plan check team.yaml', says: 'before it runs, in CI for example' },
    { line: 'maos plan graph team.yaml --format mermaid', says: 'for a README' },
  ],
  async run(context) {
    const [action, file] = context.args;
    if (action === undefined || file === undefined) {
      throw usage(`An action and a file are needed: 'maos plan check FILE' or 'maos plan graph FILE'.`);
    }
    if (action !== 'check' && action !== 'graph') {
      throw usage(`Unknown action ${quote(action)}. Use 'maos plan check FILE' or 'maos plan graph FILE'.`);
    }
    if (action === 'check' && context.options.text('format') !== undefined) {
      throw usage(`--format is for the graph: 'maos plan graph ${file}'.`);
    }
    return action === 'check' ? check(context, file) : graph(context, file);
  },
};

function usage(message: string): MaosError {
  return new MaosError('INVALID_INPUT', message, { details: { command: 'plan' } });
}

/** A valid plan, with the project it was checked in. */
interface Checked {
  readonly file: WrittenPlan;
  readonly plan: Plan;
  readonly opened: OpenProject;
}

/** @throws MaosError with all faults of the plan */
async function readPlan(context: CommandContext, word: string): Promise<Checked> {
  const file = await readPlanFile(word, context, variablesFromOptions(context.options));
  const opened = await context.runtime().openProject(context.projectPath);
  const { project, folder } = opened;
  const request = { ...file.request, folder };
  if (file.isFaulty) throw file.refusal(await problemsOf(project, request));
  try {
    return { file, opened, plan: await planOf(project, request) };
  } catch (error) {
    throw error instanceof RefusedPlan ? file.refusal(error.problems) : error;
  }
}

async function check(context: CommandContext, word: string): Promise<number> {
  const { terminal, json } = context;
  let checked: Checked;
  try {
    checked = await readPlan(context, word);
  } catch (error) {
    const faults = json && isMaosError(error) ? faultsIn(error) : null;
    if (faults === null) throw error;
    terminal.document({ file: word, valid: false, faults, warnings: [] });
    return exitStatus.usage;
  }
  const { plan } = checked;
  const phases = Math.max(...plan.agents.map(({ phase }) => phase)) + 1;
  const warnings = await warningsOf(checked);
  if (json) {
    const size = { agents: plan.agents.length, phases };
    terminal.document({ file: word, valid: true, faults: [], warnings, ...size });
    return exitStatus.done;
  }
  const size = `${plural(plan.agents.length, 'agent')} in ${plural(phases, 'phase')}`;
  terminal.line(`${word === '-' ? 'The plan' : word} is valid: ${size}.`);
  for (const warning of warnings) terminal.notice(`Warning: ${warning}`);
  return exitStatus.done;
}

/** What a check reports of an error as fault of the plan; null if it is none. */
function faultsIn({ code, message, details }: MaosError): readonly unknown[] | null {
  if (Array.isArray(details.faults)) return details.faults;
  if (typeof details.line !== 'number') return null;
  return [{ code, message, path: [], line: details.line, column: details.column }];
}

/** What would keep a valid plan from running here and now. */
async function warningsOf({ file, plan, opened }: Checked): Promise<readonly string[]> {
  const { project, supervisor, folder } = opened;
  const missing = await missingPrograms(project, plan.agents);
  try {
    const request = { ...file.request, folder, dryRun: true };
    const { remarks } = await orchestrate(project, supervisor, request, 'terminal');
    return [...file.remarks, ...remarks, ...missing];
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return [...file.remarks, error.message, ...missing];
  }
}

async function graph(context: CommandContext, word: string): Promise<number> {
  const { terminal, json, options } = context;
  const { plan } = await readPlan(context, word);
  const nodes = plan.agents.map(
    ({ name, role, phase, dependsOn }): GraphNode => ({ name, role: role.name, phase, dependsOn }),
  );
  if (json) {
    const agents = nodes.map(({ dependsOn, phase, ...node }) => ({
      ...node,
      phase: phase + 1,
      depends_on: dependsOn.map((index) => nodes[index]?.name),
    }));
    terminal.document({ agents, mermaid: mermaidGraph(nodes).join('\n') });
    return exitStatus.done;
  }
  const isMermaid = options.text('format') === 'mermaid';
  for (const line of isMermaid ? mermaidGraph(nodes) : textGraph(nodes, terminal.canvas.width)) {
    terminal.line(line);
  }
  return exitStatus.done;
}
