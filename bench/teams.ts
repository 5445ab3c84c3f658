import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedEvent } from '../src/domain/events.ts';
import { parseSessionId } from '../src/domain/ids.ts';
import { projectFolder, workspaceHash } from '../src/infrastructure/files/home/home.ts';
import { openSessionStore } from '../src/infrastructure/sqlite/session-store.ts';
import type { StdioClient } from './stdio-client.ts';
import type { Workplace } from './workplace.ts';

/** The simplest program. macOS has it in another folder. */
export const trueProgram = existsSync('/bin/true') ? '/bin/true' : '/usr/bin/true';

export interface Team {
  readonly objective: string;
  readonly strategy: 'parallel' | 'sequential';
  readonly agents: readonly object[];
}

/** Agents that all run the same program. */
export function teamOf(
  count: number,
  command: readonly string[],
  strategy: Team['strategy'] = 'parallel',
): Team {
  return teamOfCommands(Array<readonly string[]>(count).fill(command), strategy);
}

/** Agents, one after the other, that wait for these seconds each. */
export function teamOfWaits(seconds: readonly number[]): Team {
  return teamOfCommands(
    seconds.map((wait) => ['sleep', wait.toFixed(3)]),
    'sequential',
  );
}

function teamOfCommands(commands: readonly (readonly string[])[], strategy: Team['strategy']): Team {
  const agents = commands.map((command, index) => ({
    role: 'tester',
    name: `agent-${index + 1}`,
    task: 'Run the program.',
    command,
  }));
  return { objective: 'Measure what MAOS adds.', strategy, agents };
}

/** Starts a team. @returns its session's id */
export async function orchestrate(client: StdioClient, team: Team): Promise<string> {
  const answer = await client.ask<{ session_id?: string; agents: unknown[] }>('orchestrate', team);
  if (answer.session_id === undefined || answer.agents.length === 0) {
    throw new Error(`orchestrate answered ${JSON.stringify(answer)}`);
  }
  return answer.session_id;
}

/** Waits for the session to end. @throws Error when not every agent completed */
export async function awaitCompletion(client: StdioClient, id: string): Promise<void> {
  const answer = await client.ask<{ state: string; summary: string }>('wait-session', {
    session_id: id,
    timeout_seconds: 280,
  });
  if (answer.state !== 'completed') throw new Error(`The session did not complete: ${answer.summary}`);
}

/** The stored events of a session, read from another process than the one that runs it. */
export function readEvents(place: Workplace, id: string): readonly RecordedEvent[] {
  const hash = workspaceHash(place.project);
  const file = join(projectFolder(place.home, hash), 'project.db');
  const store = openSessionStore({ file, project: { hash, path: place.project } });
  try {
    return store.events(parseSessionId(id), 0, 100_000);
  } finally {
    store.close();
  }
}

/** Unix milliseconds of the events of a type, in order. */
export function timesOf(events: readonly RecordedEvent[], type: RecordedEvent['type']): readonly number[] {
  return events.filter((event) => event.type === type).map(({ at }) => Date.parse(at));
}
