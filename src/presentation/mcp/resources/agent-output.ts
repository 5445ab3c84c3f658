import type { AgentDisk } from '../../../application/ports/agent-disk.ts';
import type { Project } from '../../../application/project.ts';
import { readAgentOutput } from '../../../application/queries/agent-output.ts';
import type { Agent } from '../../../domain/agent.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { agentOf } from '../../../domain/workflow.ts';
import { locateSession } from '../../project-access.ts';
import { locateAgent } from '../answers/sessions.ts';
import type { RequestContext } from '../server/context.ts';
import { expandUri, type Resource, type Variables } from '../server/resource.ts';
import { completeAgent, completeSession, followSessionEvents, listedSessions } from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/agents/{agent_id}/output';

/** Longer output is cut to its end: clients cut at 40,000 characters. */
const mostChars = 40_000;
/** Without toLocaleString, whose locale data would delay a server's first response by a third. */
const mostCharsText = '40,000';
const mostLines = 10_000;

/** How often to check a running agent's output for subscribers, in milliseconds. */
const lookMs = 100;

export const agentOutputResource: Resource = {
  uri,
  name: 'agent-output',
  title: 'Output of an agent',
  description: `The readable output of an agent: the last ${mostCharsText} characters. The tool agent-output pages through all of it.`,
  mimeType: 'text/plain',
  async list(context) {
    return (await listedSessions(context)).flatMap(({ summary, about, agents }) =>
      agents.map((agent) => ({
        uri: expandUri({ uri }, { session_id: summary.session.id, agent_id: agent.id }),
        name: `${agent.name} output`,
        title: `Output of ${agent.name}: ${about}`,
        mimeType: 'text/plain',
        ...(agent.startedAt === null
          ? {}
          : { annotations: { lastModified: agent.endedAt ?? agent.startedAt } }),
      })),
    );
  },
  async read(variables, asked, context) {
    const { project, agent } = await locate(variables, context);
    const request = {
      agent,
      view: 'readable',
      tailLines: mostLines,
      cursor: null,
      maxChars: mostChars,
    } as const;
    const { text } = await readAgentOutput(project, request);
    return { uri: asked, mimeType: 'text/plain', text: text.toWellFormed() };
  },
  complete: (variable, typed, given, context) =>
    variable === 'session_id'
      ? completeSession(typed, context)
      : completeAgent(typed, given.session_id, context),
  async follow(variables, changed, context) {
    const { project, agent } = await locate(variables, context);
    return followOutput(project, agent, changed);
  },
};

async function locate({ session_id = '', agent_id = '' }: Variables, context: RequestContext) {
  const { id } = await locateSession(context, session_id);
  const found = await locateAgent(context, agent_id);
  if (found.agent.sessionId === id) return found;
  throw new MaosError(
    'AGENT_NOT_FOUND',
    `Session ${id} has no agent ${quote(agent_id)}: it belongs to ${found.agent.sessionId}.`,
  );
}

/** Watches the size of the output: after every event of the session, and at intervals while the agent runs. */
async function followOutput(project: Project, agent: Agent, changed: () => void): Promise<() => void> {
  const { store, host, clock, log } = project;
  let { state } = agent;
  let seen = await sizeOf(host, agent);
  let looking = false;
  let stopped = false;
  let stopTimer = (): void => {};
  const look = async (): Promise<void> => {
    if (looking || stopped) return;
    looking = true;
    stopTimer();
    try {
      const size = await sizeOf(host, agent);
      if (size !== seen && !stopped) changed();
      seen = size;
    } catch (error) {
      // Files that cannot be read now are checked again.
      log.log('warn', 'cannot read the output of a subscription', { agentId: agent.id, error });
    }
    looking = false;
    if (!stopped && state === 'running') stopTimer = clock.after(lookMs, () => void look());
  };
  const unsubscribe = followSessionEvents(project, agent.sessionId, () => {
    state = agentOf(store.load(agent.sessionId), agent.id).state;
    void look();
  });
  void look();
  return () => {
    stopped = true;
    stopTimer();
    unsubscribe();
  };
}

async function sizeOf(host: AgentDisk, agent: Agent): Promise<number> {
  return (await host.readOutput(agent, 'stdout', 0, 0)).size;
}
