import type { Attempt, HomeAgent } from './home.ts';
import { Launch, launchName } from './machine.ts';
import { resultsOf, type World } from './world.ts';

/** The pauses of a host that has nothing to do: one each for beats, for looking at itself, and for offers of its two names. */
const idleWaits = 4;

/** Everything that is not as it must be at the end of a history. */
export function checkEnds(world: World): string[] {
  const complaints = [...world.faults];
  for (const [name, count] of world.launches)
    if (count > 1) complaints.push(`${name} was started ${count} times`);
  for (const { agents } of world.homes) {
    for (const agent of agents) {
      for (const attempt of agent.attempts) complaints.push(...checkAttempt(world, agent, attempt));
    }
  }
  for (const { machine, waiting } of world.boxes) {
    const forgotten = forgottenOf(world);
    const unowned = machine.running.filter((text) => !forgotten.has(text.slice(`${machine.name}: `.length)));
    complaints.push(...unowned.map((text) => `${text} runs without an owner`));
    if (waiting > idleWaits + machine.stored.size)
      complaints.push(`${machine.name} has ${waiting} listeners, but no agent`);
  }
  complaints.push(...recordsLeft(world));
  return complaints;
}

/**
 * Launches of which nobody knows any more that they are to end: their homes gave them up, and the engine lost that wish
 * after the agent's last attempt was over, or no process of the home lived to see it lost.
 */
function forgottenOf({ engine, homes }: World): ReadonlySet<string> {
  const forgotten = new Set<string>();
  if (engine.wipes === 0) return forgotten;
  for (const { life, agents } of homes) {
    for (const { order, attempts, done } of agents) {
      if (done === null || (done.atMs > engine.wipedAtMs && done.by === life && !life.isDead)) continue;
      for (const { number, end } of attempts) {
        if (end !== null && end !== 'failed' && end.how === 'lost')
          forgotten.add(launchName({ ...order.agent, agentId: order.agent.id, attempt: number }));
      }
    }
  }
  return forgotten;
}

/**
 * Records that hosts keep for nothing. One of a program that has run stays if its home has died before it could confirm
 * that it has the end, or has given the attempt up.
 */
export function recordsLeft(world: World): string[] {
  const left: string[] = [];
  const forgotten = forgottenOf(world);
  for (const { machine } of world.boxes) {
    for (const [name, { key }] of machine.stored) {
      const launch = machine.launches.get(launchName(key));
      const attempt = world.homes
        .flatMap(({ agents }) => agents)
        .find(({ id, order }) => id === key.agentId && order.session.id === key.sessionId)
        ?.attempts.find(({ number }) => number === key.attempt);
      const isOver = launch instanceof Launch && launch.end !== null && attempt?.end !== null;
      if (!isOver && !forgotten.has(launchName(key))) left.push(`${machine.name} keeps a record of ${name}`);
    }
  }
  return left;
}

function checkAttempt(world: World, agent: HomeAgent, attempt: Attempt): string[] {
  const key = { ...agent.order.agent, agentId: agent.order.agent.id, attempt: attempt.number };
  const name = launchName(key);
  const launches = world.launches.get(name) ?? 0;
  const { end } = attempt;
  const wrong = (what: string): string[] => [`${name}: ${what}`];
  if (end === null) return wrong('has no end');
  if (end === 'failed' || end.how === 'never_started')
    return launches === 0 ? [] : wrong(`was started, but its home says ${end === 'failed' ? end : end.how}`);
  const launch = world.boxes
    .map(({ machine }) => machine.launches.get(name))
    .find((one) => one instanceof Launch);
  if (end.how === 'lost') return [];
  if (!(launch instanceof Launch) || launch.end === null) return wrong('has an end at home alone');
  const complaints: string[] = [];
  if (JSON.stringify(launch.end) !== JSON.stringify(end))
    complaints.push(...wrong(`ended as ${JSON.stringify(launch.end)}, its home says ${JSON.stringify(end)}`));
  for (const stream of ['stdout', 'stderr'] as const) {
    const [there, here] = [launch.printed[stream].toString(), attempt.files[stream].toString()];
    if (there !== here)
      complaints.push(...wrong(`printed ${JSON.stringify(there)}, its home has ${JSON.stringify(here)}`));
  }
  if (attempt.heard !== attempt.files.stdout.toString())
    complaints.push(...wrong(`its home has heard ${JSON.stringify(attempt.heard)}`));
  // If they are lost with the engine, and the host stays away for too long, the agent ends without them.
  const mayBeGone = world.engine.wipes > 0 && agent.results === null;
  if (agent.results !== resultsOf(agent.order.agent.name) && !mayBeGone)
    complaints.push(...wrong('its results are missing'));
  return complaints;
}
