import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { migrate, schemaVersion } from '../../../src/infrastructure/sqlite/migrate.ts';
import {
  instancesMigrations,
  type Migration,
  projectMigrations,
} from '../../../src/infrastructure/sqlite/migrations.ts';
import { openDatabase } from '../../../src/infrastructure/sqlite/open-database.ts';
import { at, created, instanceId, project, tempFolder, tempStore } from './samples.ts';

const schemaFile = new URL('../../../schema.sql', import.meta.url);

/** The part of schema.sql under the comment line `-- NAME`. */
function sectionOf(name: string): string {
  const sections = readFileSync(schemaFile, 'utf8').split(/^-- (?=project\.db$|instances\.db$)/m);
  const section = sections.find((text) => text.startsWith(`${name}\n`));
  assert.ok(section, `schema.sql has a section ${name}`);
  return section.slice(name.length);
}

function memory(build: (db: DatabaseSync) => void): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  build(db);
  return db;
}

/** SQLite's whole description of a schema, without comments and white space. */
function describeSchema(db: DatabaseSync): unknown {
  const all = (sql: string, ...values: string[]) =>
    db
      .prepare(sql)
      .all(...values)
      .map((row) => ({ ...row }));
  const objects = all('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name');
  const tables = objects.filter(({ type }) => type === 'table').map(({ name }) => String(name));
  return {
    objects: objects.map((object) => ({ ...object, sql: normalise(String(object.sql)) })),
    tables: tables.map((table) => ({
      table,
      columns: all('SELECT * FROM pragma_table_xinfo(?)', table),
      indexes: all('SELECT * FROM pragma_index_list(?) ORDER BY name', table).map((index) => ({
        ...index,
        columns: all('SELECT * FROM pragma_index_xinfo(?)', String(index.name)),
      })),
      foreignKeys: all('SELECT * FROM pragma_foreign_key_list(?)', table),
      options: all('SELECT * FROM pragma_table_list(?)', table),
    })),
  };
}

function normalise(sql: string): string {
  return (
    sql
      .replace(/--[^\n]*/g, ' ')
      .replace(/\s+/g, ' ')
      // ALTER TABLE … RENAME TO quotes the name.
      .replace(/^CREATE TABLE "(\w+)"/, 'CREATE TABLE $1')
      .replace(/\s*([(),])\s*/g, '$1')
      .trim()
      // ALTER TABLE writes a new column after the constraints; table_xinfo compares the order of the columns.
      .split(/,(?![^(]*\))/)
      .map((part) => part.replace(/^CREATE TABLE \w+\(|\) STRICT(,WITHOUT ROWID)?$/g, ''))
      .sort()
      .join(',')
  );
}

function fileWith(t: Parameters<typeof tempFolder>[0], sql: string): string {
  const file = join(tempFolder(t), 'project.db');
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
  return file;
}

describe('schema.sql', () => {
  for (const [name, migrations] of [
    ['project.db', projectMigrations],
    ['instances.db', instancesMigrations],
  ] as const) {
    it(`is what the migrations of ${name} build`, () => {
      const built = memory((db) => migrate(db, migrations, name));
      const written = memory((db) => db.exec(sectionOf(name)));
      assert.deepEqual(describeSchema(built), describeSchema(written));
      assert.match(sectionOf(name), new RegExp(`user_version = ${schemaVersion(built)}\\.`));
      assert.deepEqual(
        migrations.map(({ version }) => version),
        migrations.map((_, index) => index + 1),
      );
    });
  }

  it('has no second column of a name that an earlier version uses alone, as that version may still run', () => {
    const db = memory((built) => migrate(built, projectMigrations, 'project.db'));
    db.prepare(`SELECT id, state, owner_id, owner_epoch, heartbeat_at, exiting FROM sessions
      LEFT JOIN owners ON instance_id = owner_id`);
  });

  it('would differ from a schema that lacks an index, a column or a check', () => {
    const sql = sectionOf('project.db');
    const whole = describeSchema(memory((db) => db.exec(sql)));
    for (const [part, replacement] of [
      ['CREATE INDEX sessions_by_state ON sessions (state, id);', ''],
      ["CHECK (on_exit IN ('stop', 'keep'))", ''],
      ['ON DELETE CASCADE,\n  seq ', ',\n  seq '],
      ['  resume_at           TEXT,', '  resume_at           INTEGER,'],
    ] as const) {
      assert.ok(sql.includes(part), part);
      assert.notDeepEqual(
        describeSchema(memory((db) => db.exec(sql.replace(part, replacement)))),
        whole,
        part,
      );
    }
  });
});

/** A session of two agents, and a row of every table that refers to agents, by the schema before worktrees. */
const beforeWorktrees = [
  `INSERT INTO projects VALUES (:project, '/p', :at)`,
  `INSERT INTO sessions (id, project_hash, state, strategy, failure_policy, on_exit, depth, created_at, owner_epoch, objective)
    VALUES (:session, :project, 'created', 'parallel', 'continue', 'stop', 0, :at, 1, 'Old.')`,
  ...['first', 'second'].map(
    (
      name,
      position,
    ) => `INSERT INTO agents (id, session_id, position, state, phase, attempt, name, role, ordinal, instance,
        backend, command, workspace, timeout_ms, max_memory_mb, task, budget, denials, options)
      VALUES (:${name}, :session, ${position}, 'resumable', 0, 1, '${name}', 'qa', 1, 'qa_1', 'command', '["true"]', 'own',
        60000, 512, 'Look.', '{"maxTurns":5}', '{"count":1,"shown":["x"]}', '{"max_subagents":2}')`,
  ),
  'INSERT INTO agent_dependencies VALUES (:second, :first)',
  `INSERT INTO events (session_id, seq, type, agent_id, at, hash, data) VALUES (:session, 1, 'agent.spawned', :first, :at, 'h', '{}')`,
  `INSERT INTO artifacts VALUES (:session, 'results/a', 1, 1, 'h', :first, '[]', :at)`,
  `INSERT INTO messages (id, session_id, sender_id, recipient_id, state, type, schema_version, attempt, max_attempts, queued_at,
      available_at, revision, recorded, content_type, subject, body)
    VALUES ('msg_1', :session, :first, :second, 'queued', 'note', 1, 0, 3, :at, :at, 1, 0, 'text/plain', '', 'Hello.')`,
  `INSERT INTO input_requests (id, session_id, agent_id, attempt, request_key, kind, state, asked_at, expires_at, choices, action)
    VALUES ('req_1', :session, :first, 1, 'k', 'question', 'open', :at, :at, '[]', 'Which?')`,
  `INSERT INTO path_claims VALUES (1, :session, :first, 1, '/p/a', :at, :at, '')`,
  `INSERT INTO path_claim_notices VALUES (1, :second, 1, '/p/a')`,
];

describe('opening', () => {
  const twoSteps: readonly Migration[] = [
    {
      version: 1,
      sql: 'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a_id INTEGER REFERENCES a (id) ON DELETE CASCADE)',
    },
    {
      version: 2,
      sql: 'CREATE TABLE new_a (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO new_a (id) SELECT id FROM a; DROP TABLE a; ALTER TABLE new_a RENAME TO a',
    },
  ];

  it('brings an older database to the current schema and keeps what it holds, rebuilt tables and all', (t) => {
    const file = fileWith(
      t,
      `${twoSteps[0]?.sql}; INSERT INTO a VALUES (7); INSERT INTO b VALUES (7); PRAGMA user_version = 1`,
    );
    const db = openDatabase({ file, migrations: twoSteps, synchronous: 'FULL' });
    t.after(() => db.close());
    assert.deepEqual(
      { ...db.sql('SELECT a.id, x, a_id FROM a JOIN b ON a_id = a.id').get() },
      { id: 7, x: null, a_id: 7 },
    );
    assert.equal(db.sql('PRAGMA user_version').get()?.user_version, 2);
    assert.throws(() => db.write(() => db.sql('INSERT INTO b VALUES (8)').run()), {
      code: 'INTERNAL',
      message: /FOREIGN KEY/,
    });
  });

  it('keeps everything that refers to agents when their table gets worktrees', (t) => {
    const { session, agents } = created().next;
    const [first = assert.fail(), second = assert.fail()] = agents.map(({ id }) => id);
    const file = join(tempFolder(t), 'project.db');
    const old = openDatabase({ file, migrations: projectMigrations.slice(0, 16), synchronous: 'FULL' });
    const values = { project: project.hash, session: session.id, first, second, at };
    for (const statement of beforeWorktrees) {
      const sql = statement.replaceAll(/:([a-z]+)/g, (_, name: keyof typeof values) => `'${values[name]}'`);
      old.write(() => old.sql(sql).run());
    }
    const rows = (db: typeof old, tables: readonly string[]) =>
      tables.map((table) =>
        db
          .sql(`SELECT * FROM ${table} ORDER BY 1, 2`)
          .all()
          .map((row) => ({ ...row })),
      );
    const referring = [
      'agents',
      'agent_dependencies',
      'artifacts',
      'messages',
      'input_requests',
      'path_claims',
      'path_claim_notices',
      'events',
    ];
    const before = rows(old, referring);
    assert.deepEqual(
      before.map(({ length }) => length),
      [2, 1, 1, 1, 1, 1, 1, 1],
    );
    assert.throws(() => old.write(() => old.sql("UPDATE agents SET workspace = 'worktree'").run()), /CHECK/);
    old.close();

    const db = openDatabase({ file, migrations: projectMigrations, synchronous: 'FULL' });
    assert.deepEqual(rows(db, referring), before);
    db.write(() => db.sql("UPDATE agents SET workspace = 'worktree'").run());
    assert.throws(
      () => db.write(() => db.sql("UPDATE path_claims SET agent_id = 'agent_x'").run()),
      /FOREIGN KEY/,
    );
    db.write(() => db.sql('DELETE FROM agents').run());
    assert.deepEqual(
      rows(db, referring).map(({ length }) => length),
      [0, 0, 0, 0, 0, 0, 0, 1],
    );
    db.close();
  });

  it('changes nothing when a step fails or would break a reference', (t) => {
    const file = fileWith(
      t,
      `${twoSteps[0]?.sql}; INSERT INTO a VALUES (7); INSERT INTO b VALUES (7); PRAGMA user_version = 1`,
    );
    const open = (sql: string) =>
      openDatabase({ file, migrations: [...twoSteps.slice(0, 1), { version: 2, sql }], synchronous: 'FULL' });
    assert.throws(() => open('CREATE TABLE c (x); CREATE TABLE a (x)'), {
      code: 'INTERNAL',
      message: /already exists/,
    });
    assert.throws(() => open('DELETE FROM a'), {
      code: 'STORE_CORRUPT',
      message: /row of b refers to a missing row of a/,
    });
    const db = new DatabaseSync(file);
    t.after(() => db.close());
    assert.equal(schemaVersion(db), 1);
    assert.deepEqual(
      db
        .prepare('SELECT name FROM sqlite_master ORDER BY name')
        .all()
        .map(({ name }) => name),
      ['a', 'b'],
    );
    assert.equal(db.prepare('SELECT id FROM a').get()?.id, 7);
  });

  it('refuses a newer database and leaves it as it is, byte for byte, in either journal mode', (t) => {
    for (const mode of ['wal', 'delete']) {
      const file = fileWith(
        t,
        `PRAGMA journal_mode = ${mode}; CREATE TABLE sessions (x); PRAGMA user_version = 99`,
      );
      const before = readFileSync(file);
      const known = projectMigrations.length;
      assert.throws(() => tempStore(t, file), {
        code: 'CONFIG_INVALID',
        message: new RegExp(
          `was written by a newer version of MAOS \\(schema 99; this version supports ${known}\\)\\. Update MAOS`,
        ),
        details: { file, found: 99, known },
      });
      assert.deepEqual(readFileSync(file), before, mode);
    }
  });

  it('finds a newer version also where it stands in the log alone, and does not fold that in', (t) => {
    const file = fileWith(t, 'PRAGMA journal_mode = wal; PRAGMA user_version = 1');
    const crashed = join(tempFolder(t), 'project.db');
    const newer = new DatabaseSync(file);
    newer.exec('CREATE TABLE sessions (x); PRAGMA user_version = 99');
    for (const suffix of ['', '-wal']) writeFileSync(`${crashed}${suffix}`, readFileSync(`${file}${suffix}`));
    newer.close();
    const before = readFileSync(crashed);
    assert.throws(() => tempStore(t, crashed), { code: 'CONFIG_INVALID', message: /schema 99/ });
    assert.deepEqual(readFileSync(crashed), before);
    assert.ok(readFileSync(`${crashed}-wal`).length > 0);
  });

  it('takes an empty file for a new database', (t) => {
    const file = join(tempFolder(t), 'project.db');
    writeFileSync(file, '');
    const store = tempStore(t, file);
    store.create(created(), instanceId());
    assert.equal(store.list({ limit: 5 }).length, 1);
  });

  it('sets what durability and integrity rest on', (t) => {
    const file = join(tempFolder(t), 'project.db');
    const db = openDatabase({
      file,
      migrations: projectMigrations,
      synchronous: 'FULL',
      busyTimeoutMs: 1234,
    });
    t.after(() => db.close());
    const pragma = (name: string) => Object.values(db.sql(`PRAGMA ${name}`).get() ?? {})[0];
    assert.deepEqual(['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'].map(pragma), [
      'wal',
      2,
      1,
      1234,
    ]);
  });
});
