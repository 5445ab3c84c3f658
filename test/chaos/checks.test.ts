import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkRecords } from './checks.ts';
import { readSessions } from './records.ts';
import { World } from './world.ts';

/*
 * A check that never fails proves nothing, so each one gets data in which it must find a fault.
 */

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

describe('the checks of a chaos round', () => {
  const world = new World(path('../../bin/maos.js'));
  const found = (): readonly string[] => checkRecords(world, []).violations.map(({ kind }) => kind);
  const files = (): readonly string[] =>
    readdirSync(world.home, { recursive: true }).map((name) => join(world.home, String(name)));
  const fileNamed = (name: string): string => files().find((file) => file.endsWith(`/${name}`)) as string;
  let agentId: string;

  /** Changes the database, runs the checks, and reverts the change. */
  function withSql(change: string, back: string): readonly string[] {
    const db = new DatabaseSync(fileNamed('project.db'));
    try {
      db.exec(change);
      const kinds = found();
      db.exec(back);
      return kinds;
    } finally {
      db.close();
    }
  }

  /** Appends to a file, runs the checks, and reverts the change. */
  function withLine(file: string, line: string): readonly string[] {
    const content = readFileSync(file);
    appendFileSync(file, `${line}\n`);
    const kinds = found();
    writeFileSync(file, content);
    return kinds;
  }

  before(async () => {
    const plan = join(world.folder, 'plan.json');
    const command = ['/bin/sh', path('fixtures/worker.sh'), world.ledger, '1', '0', 'none'];
    const agent = { role: 'tester', task: 'Work.', backend: 'command', command };
    writeFileSync(plan, JSON.stringify({ objective: 'Work.', agents: [agent] }));
    await world.start('run', plan, '--json').exited;
    agentId = readSessions(world.home)[0]?.agents[0]?.id ?? assert.fail('no agent');
  });
  after(async () => {
    await world.end();
    await world.remove();
  });

  it('find nothing wrong with a run nobody disturbed', () => {
    const { violations, acknowledged, events, starts } = checkRecords(world, []);
    assert.deepEqual(violations, []);
    assert.ok(acknowledged > 5 && acknowledged === events && starts === 1);
  });

  it('find an agent that ran again after its end, and one that ran twice at once', () => {
    assert.ok(withLine(world.ledger, `start ${agentId} 1`).includes('ran twice'));
    assert.ok(withLine(world.ledger, `overlap ${agentId} 1 2`).includes('ran twice'));
  });

  it('find an agent nobody stored', () => {
    assert.deepEqual(withLine(world.ledger, 'start agent_tester_9_zzzzzz 1'), ['lost']);
  });

  it('find a record that was told of and is gone or another, in the table or in the log', () => {
    const [stdout = assert.fail()] = world.launched.map((each) => each.stdout);
    assert.deepEqual(withLine(stdout, '{"seq":99,"type":"agent.completed","session_id":"sess_x"}'), ['lost']);
    assert.deepEqual(withLine(fileNamed('session.log'), '{"seq":99}'), ['lost']);
    const changed = withSql(
      "UPDATE events SET at = replace(at, 'Z', '+') WHERE seq = 3",
      "UPDATE events SET at = replace(at, '+', 'Z') WHERE seq = 3",
    );
    assert.deepEqual(changed.toSorted(), ['lost', 'lost', 'untrue']);
  });

  it('find a state that is not true', () => {
    for (const [table, state] of [
      ['agents', "state = 'cancelled'"],
      [
        'agents',
        "state = 'failed', failure_kind = 'signal', failure_message = 'x', failure_stderr_tail = ''",
      ],
      ['sessions', "state = 'failed'"],
    ]) {
      const kinds = withSql(
        `UPDATE ${table} SET ${state}`,
        table === 'agents'
          ? "UPDATE agents SET state = 'completed', failure_kind = NULL, failure_message = NULL, failure_stderr_tail = NULL"
          : "UPDATE sessions SET state = 'completed'",
      );
      assert.ok(kinds.includes('untrue'), `${table} ${state}: ${kinds}`);
    }
    assert.deepEqual(found(), []);
  });
});
