import * as z from 'zod';
import { liveStatusOf } from '../../../application/queries/live-status.ts';
import { type Agent, lingeringText } from '../../../domain/agent.ts';
import { stageText } from '../../../domain/agent-stage.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { milestoneText } from '../../../domain/milestone.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { readsOnly } from '../server/tool.ts';
import { agentTool } from './agent-tool.ts';

/** The same limit as for the results of MAOS's other tools. */
const maxBytes = 9_000;

export const team = agentTool({
  name: 'team',
  title: 'Team',
  description: 'Lists the agents of your team: name, role, state, task, last report.',
  input: z.strictObject({}),
  annotations: readsOnly,
  async run(_input, { project: { store, clock }, caller }) {
    const workflow = store.load(caller.sessionId);
    const { reports } = liveStatusOf(store, workflow, Date.parse(clock.now()));
    const { session, agents } = workflow;
    const me = agents.find(({ id }) => id === caller.agentId);
    const head = `Objective: ${shorten(oneLine(session.objective), 300)}\nYou are ${me?.name}. Your lead is ${leadOf(workflow)}.`;
    const others = agents.filter(({ id }) => id !== caller.agentId);
    const lines = others.map((agent) => {
      const report = reports.get(agent.id);
      const said = report === undefined ? '' : `; reported: ${oneLine(milestoneText(report))}`;
      return `- ${agent.name} (${showName(agent.role.name)}): ${stateOf(agent)}${said}; task: ${shorten(oneLine(agent.task), 160)}`;
    });
    return [head, ...fitting(lines, maxBytes - Buffer.byteLength(head))].join('\n');
  },
});

/** The team's orchestrator; without one, the user. */
function leadOf({ agents }: Workflow): string {
  return agents.find(({ role }) => role.name === 'orchestrator')?.name ?? 'the user';
}

function stateOf(agent: Agent): string {
  if (agent.lingering !== null) return lingeringText(agent.lingering);
  return agent.stage === null || agent.stage === 'executing' ? agent.state : stageText(agent.stage);
}

function fitting(lines: readonly string[], bytes: number): readonly string[] {
  let left = bytes;
  const over = lines.findIndex((line) => {
    left -= Buffer.byteLength(line) + 1;
    return left < 40;
  });
  return over < 0 ? lines : [...lines.slice(0, over), `… ${lines.length - over} more`];
}
