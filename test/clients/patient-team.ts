/** A team of one that works until it is let go. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isWait, type Message, passed } from './wire.ts';
import { readJsonLines, type Workplace } from './workplace.ts';

const command = 'touch begun; until [ -e go ]; do sleep 0.1; done; echo patience pays';

/** `~/.maos/config.json` with which a client may start it. */
export const allowPatient = { allowCommands: [command] };

/** The arguments of orchestrate. */
export const patientTeam = {
  objective: 'Wait.',
  agents: [{ role: 'tester', task: 'Wait.', backend: 'command', command }],
};

/** The agent ends, and says that patience pays. */
export function releaseAll({ project }: Workplace): void {
  writeFileSync(join(project, 'go'), '');
}

/** Comes when the agent works. */
export async function begun(workplace: Workplace): Promise<void> {
  for (const since = performance.now(); !hasBegun(workplace); await delay(50))
    assert.ok(performance.now() - since < 120_000, 'the agent did not begin within two minutes');
}

/**
 * Comes when the agent works and MAOS was asked to wait for it.
 * @param sent what clients have sent so far; by default, through the tap
 */
export async function midWait(
  workplace: Workplace,
  { ended }: { readonly ended: Promise<unknown> },
  sent: () => readonly Message[] = () => passed(workplace, 'sent'),
): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (const since = performance.now(); ; await delay(50)) {
    if (hasBegun(workplace) && sent().some(isWait)) return;
    assert.ok(!over, 'the client ended before it waited');
    assert.ok(performance.now() - since < 120_000, 'nobody waited within two minutes');
  }
}

function hasBegun({ project }: Workplace): boolean {
  return existsSync(join(project, 'begun'));
}

/** Holds that whoever took the session over found its agent alive, and started none again. */
export async function adoptedAlive(workplace: Workplace): Promise<void> {
  const events = readJsonLines((await workplace.maos('events', 'latest', '--json')).stdout);
  const taken = events.find(({ type }) => type === 'session.taken_over');
  assert.deepEqual(taken?.data.running, ['tester']);
  assert.equal(events.filter(({ type }) => type === 'agent.started').length, 1);
}
