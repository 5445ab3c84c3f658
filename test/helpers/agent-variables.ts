import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentId, SessionId } from '../../src/domain/ids.ts';
import { outcome, type RealProject, shell } from './real-project.ts';
import { until } from './waiting.ts';

/** An agent that writes its environment to a file, then runs until the file `end` is in its shared context. */
export function writesEnvironment(name: string) {
  const folder = '"$MAOS_SHARED_CONTEXT"';
  const write = `env > ${folder}/.${name}.$MAOS_AGENT_ATTEMPT && mv ${folder}/.${name}.$MAOS_AGENT_ATTEMPT ${folder}/${name}.$MAOS_AGENT_ATTEMPT`;
  return shell(
    name,
    `${write}; until [ -e ${folder}/end ]; do sleep 0.05; done; read -r how < ${folder}/end; exit $how`,
  );
}

/** The `MAOS_*` variables that an agent of {@link writesEnvironment} was given, with the home of the test's project. */
export async function variablesOf(
  real: RealProject,
  sessionId: SessionId,
  name: string,
  attempt = 1,
): Promise<Record<string, string>> {
  const agent = outcome(real, sessionId).agent(name);
  const { session } = real.project.store.load(sessionId);
  const { sharedContext } = real.project.host.locations(session, agent);
  const file = join(sharedContext, `${name}.${attempt}`);
  await until(() => existsSync(file), `the environment of ${name} (${agent.id as AgentId})`);
  const lines = readFileSync(file, 'utf8').split('\n');
  const own = lines.filter((line) => line.startsWith('MAOS_'));
  const variables = Object.fromEntries(own.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  // The agent's own is that of whoever runs the tests.
  return { ...variables, MAOS_HOME: real.home };
}
