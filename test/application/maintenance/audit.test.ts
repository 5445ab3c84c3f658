import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { type AuditReport, verifyAudit } from '../../../src/application/maintenance/audit.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  lacksProcesses,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { landedSession } from '../evidence/checked-session.ts';

interface Audited {
  readonly real: RealProject;
  readonly id: SessionId;
  readonly count: number;
}

async function audited(t: Parameters<typeof realProject>[0]): Promise<Audited> {
  const real = realProject(t);
  const { id, events } = await run(real, [
    shell('a', 'echo one'),
    shell('b', 'echo two', { depends_on: ['a'] }),
  ]);
  return { real, id, count: events.length };
}

/** Changes the database directly. */
function tamper({ real }: Audited, sql: string): void {
  const db = new DatabaseSync(real.database);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

function editLog({ real, id }: Audited, edit: (lines: string[]) => string[]): void {
  const path = join(real.project.files.describe(id), 'session.log');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(path, `${edit(lines).join('\n')}\n`);
}

function first({ problems }: AuditReport): string {
  const [found] = problems;
  return found === undefined ? 'sound' : `${found.where} ${found.kind} ${found.seq}`;
}

describe('an audit', () => {
  it('finds an untouched session sound, and names its last hash', async (t) => {
    const { real, id, count } = await audited(t);
    const report = await verifyAudit(real.project, id);
    assert.deepEqual(report, {
      session: id,
      sound: true,
      events: count,
      lastHash: real.project.store.maintenance.hashAt(id, count),
      logRecords: count,
      logBehind: 0,
      checkLogs: 0,
      checkLogsMissing: 0,
      problems: [],
    });
  });

  it('finds logs of checks that are not what the checks printed', async (t) => {
    if (lacksProcesses(t, 'writes logs')) return;
    const real = realProject(t);
    const { id, agent } = landedSession(real);
    const folder = (check: number) => real.project.host.checkLocation(agent, check);
    const whole = await verifyAudit(real.project, id);
    assert.deepEqual([whole.sound, whole.checkLogs, whole.checkLogsMissing], [true, 2, 0]);
    rmSync(folder(2), { recursive: true });
    const gone = await verifyAudit(real.project, id);
    assert.deepEqual([gone.sound, gone.checkLogs, gone.checkLogsMissing], [true, 1, 1]);
    appendFileSync(join(folder(1), 'stderr.log'), 'ok\n');
    const { sound, problems } = await verifyAudit(real.project, id);
    const [failed] = real.project.store.events(id, 0, 10, ['verify.failed']);
    assert.deepEqual(
      [sound, problems],
      [
        false,
        [
          {
            ...{ where: 'check', kind: 'changed', seq: failed?.seq },
            message: `Record ${failed?.seq}: the logs of check 1 of builder in ${folder(1)} are not what it printed.`,
          },
        ],
      ],
    );
  });

  it('finds a session that runs sound, too', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'gate');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'checkpoint.written');
    const report = await verifyAudit(real.project, id);
    assert.deepEqual([report.sound, report.problems], [true, []]);
    gate.openNow();
    await settled(real, id);
  });

  const tableCases: [what: string, sql: string, expected: string][] = [
    [
      'a changed text',
      `UPDATE events SET data = json_set(data, '$.name', 'x') WHERE seq = 4`,
      'table changed 4',
    ],
    ['a changed time', `UPDATE events SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 2`, 'table changed 2'],
    ['a removed record', 'DELETE FROM events WHERE seq = 3', 'table missing 3'],
    [
      'two that changed places',
      'UPDATE events SET seq = 1000 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 1000',
      'table changed 2',
    ],
    [
      'data that is no JSON',
      `PRAGMA ignore_check_constraints = ON; UPDATE events SET data = '{' WHERE seq = 5`,
      'table changed 5',
    ],
    ['a changed hash', `UPDATE events SET hash = '${'0'.repeat(64)}' WHERE seq = 3`, 'table changed 3'],
  ];
  for (const [what, sql, expected] of tableCases) {
    it(`names ${what} in the table`, async (t) => {
      const subject = await audited(t);
      tamper(subject, sql);
      const report = await verifyAudit(subject.real.project, subject.id);
      assert.equal(first(report), expected);
      assert.equal(report.sound, false);
    });
  }

  it('names records cut off the end of table and log alike', async (t) => {
    const subject = await audited(t);
    tamper(subject, `DELETE FROM events WHERE seq > ${subject.count - 2}`);
    editLog(subject, (lines) => lines.slice(0, -2));
    const report = await verifyAudit(subject.real.project, subject.id);
    assert.equal(first(report), `table cut ${subject.count - 1}`);
    assert.deepEqual(
      report.problems.map(({ where }) => where),
      ['table', 'checkpoint'],
    );
  });

  it('names a history written anew in table and log, by what checkpoints noted', async (t) => {
    const subject = await audited(t);
    const { maintenance } = subject.real.project.store;
    tamper(subject, `UPDATE events SET data = json_set(data, '$.name', 'x') WHERE seq = 4`);
    let hash = '';
    const anew = maintenance.hashedEvents(subject.id, 0, 1_000).map(({ event }) => {
      hash = maintenance.chainHash(hash, event);
      return { event, hash };
    });
    tamper(
      subject,
      anew
        .map(({ event, hash: own }) => `UPDATE events SET hash = '${own}' WHERE seq = ${event.seq}`)
        .join('; '),
    );
    editLog(subject, () => anew.map(({ event }) => JSON.stringify(event)));
    const report = await verifyAudit(subject.real.project, subject.id);
    // The first one that does not match. The number of checkpoints before the end depends on the machine's speed.
    assert.match(first(report) ?? '', /^checkpoint changed \d+$/);
  });

  const logCases: [what: string, edit: (lines: string[]) => string[], expected: string][] = [
    [
      'a changed line',
      (lines) => lines.with(2, (lines[2] as string).replace(/"at":"2/, '"at":"3')),
      'log changed 3',
    ],
    ['a line that is none', (lines) => lines.with(1, '{"seq":2'), 'log changed 2'],
    ['a missing line', (lines) => lines.toSpliced(3, 1), 'log missing 4'],
    [
      'two that changed places',
      (lines) => lines.with(2, lines[3] as string).with(3, lines[2] as string),
      'log reordered 3',
    ],
    ['a repeated line', (lines) => lines.toSpliced(3, 0, lines[2] as string), 'log reordered 4'],
  ];
  for (const [what, edit, expected] of logCases) {
    it(`names ${what} in the log`, async (t) => {
      const subject = await audited(t);
      editLog(subject, edit);
      assert.equal(first(await verifyAudit(subject.real.project, subject.id)), expected);
    });
  }

  it('names where the log was cut, and a record that only the log has', async (t) => {
    const subject = await audited(t);
    editLog(subject, (lines) => lines.slice(0, 5));
    assert.equal(first(await verifyAudit(subject.real.project, subject.id)), 'log cut 6');
    const other = await audited(t);
    editLog(other, (lines) => [
      ...lines,
      (lines.at(-1) as string).replace(/"seq":\d+/, `"seq":${other.count + 1}`),
    ]);
    assert.equal(first(await verifyAudit(other.real.project, other.id)), `table missing ${other.count + 1}`);
  });
});
