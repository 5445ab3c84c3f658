import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { requestCancel } from '../../../src/application/control/control.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { claudeProject, player, success, turn } from '../../helpers/fake-claude.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';

/** Makes the store reject such rows of an agent, as it rejects values that do not fit its columns. */
function refuse({ database }: RealProject, when: string): void {
  const db = new DatabaseSync(database);
  db.exec(
    `CREATE TRIGGER refused BEFORE UPDATE ON agents WHEN ${when} BEGIN SELECT RAISE(ABORT, 'no such value'); END`,
  );
  db.close();
}

const mark = (name: string) => `echo ${name} >>ran.txt`;
const ran = ({ root }: RealProject) =>
  readFileSync(join(root, 'ran.txt'), 'utf8').trimEnd().split('\n').toSorted();

describe('a report that the store refuses', () => {
  it('ends its agent, and what depends on it, with the reason; the rest of the team goes on', async (t) => {
    const real = realProject(t);
    refuse(real, "NEW.result LIKE '%poison%'");
    const together = new Gate(real.root, 'together');
    const outcome = await run(real, [
      shell('bad', `${mark('bad')}; ${together.wait}; echo poison`),
      shell('good', `${mark('good')}; ${together.open}; echo fine`),
      shell('after-bad', mark('after-bad'), { depends_on: ['bad'] }),
      shell('after-good', `${mark('after-good')}; echo fine too`, { depends_on: ['good'] }),
    ]);
    assert.equal(outcome.state, 'failed');
    const { state, failure, result, attempt } = outcome.agent('bad');
    assert.deepEqual([state, failure?.kind, result, attempt], ['failed', 'report_refused', null, 1]);
    assert.match(failure?.message ?? '', /could not be stored: no such value\. Check its log/);
    assert.equal(outcome.of('agent.failed', 'bad')[0]?.data.kind, 'report_refused');
    assert.equal(outcome.agent('after-bad').failure?.kind, 'dependency_failed');
    assert.deepEqual(
      ['good', 'after-good'].map((name) => outcome.agent(name).result),
      ['fine', 'fine too'],
    );
    assert.deepEqual(ran(real), ['after-good', 'bad', 'good']);
    assert.equal(outcome.of('session.taken_over').length, 0);
    assert.equal(real.project.store.ownerOf(outcome.id), null);
  });

  it('keeps of it what can be stored: the result, where its usage is at fault', async (t) => {
    const real = claudeProject(t);
    refuse(real, 'NEW.usage_input_tokens = 4711');
    const outcome = await run(real, [player(real.root, 'odd', [[success('Found it.', 4711)]])]);
    const { state, failure, result, usage } = outcome.agent('odd');
    assert.deepEqual([state, failure?.kind, result, usage], ['failed', 'report_refused', 'Found it.', null]);
  });

  it('of its progress stops the agent with the reason', async (t) => {
    const real = claudeProject(t);
    refuse(real, 'NEW.usage_input_tokens = 4711');
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [
      player(real.root, 'odd', [[turn(4711), { ms: 300_000 }]]),
      shell('other', `echo working; ${gate.wait}; echo done`),
    ]);
    const failed = await eventOf(real, id, 'agent.failed', 'odd');
    assert.equal(failed.data.kind, 'report_refused');
    assert.match(failed.data.message, /could not be stored: no such value\./);
    gate.openNow();
    const outcome = await settled(real, id);
    assert.deepEqual(agentProcesses([outcome.agent('odd').id]), []);
    assert.equal(outcome.agent('other').result, 'working\ndone');
  });

  it('leaves a session that can be cancelled', async (t) => {
    const real = realProject(t);
    refuse(real, "NEW.result LIKE '%poison%'");
    const id = await start(real, [shell('bad', 'echo poison; sleep 300'), shell('other', 'sleep 300')]);
    for (const name of ['bad', 'other']) await eventOf(real, id, 'agent.spawned', name);
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    const outcome = await settled(real, id);
    assert.equal(outcome.state, 'cancelled');
    assert.deepEqual(agentProcesses(['bad', 'other'].map((name) => outcome.agent(name).id)), []);
  });
});
