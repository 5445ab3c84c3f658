import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it, type TestContext } from 'node:test';
import { type Finished, MaosFolder } from '../presentation/cli/maos-process.ts';
import { openSession, request, send } from '../presentation/http/mcp-client.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

interface Place {
  readonly path: string;
  readonly database: string;
  run(...args: string[]): Promise<Finished>;
}

/** A project with one session, in a folder of its own. */
async function placeIn(maos: MaosFolder, name: string): Promise<Place> {
  const path = join(maos.project, name);
  mkdirSync(path);
  const before = new Set(globSync(join(maos.home, 'projects/*')));
  const run = (...args: string[]): Promise<Finished> => maos.start(args, { cwd: path }).finished;
  const { status, stderr } = await run('run', '-x', `${name}=true`);
  assert.equal(status, 0, stderr);
  const folder = globSync(join(maos.home, 'projects/*')).find((one) => !before.has(one)) ?? assert.fail();
  return { path, run, database: join(folder, 'project.db') };
}

function remove({ database }: Place): void {
  for (const file of globSync(`${database}*`)) rmSync(file);
}

function replace(place: Place, sql: string): void {
  remove(place);
  const db = new DatabaseSync(place.database);
  db.exec(sql);
  db.close();
}

function newer({ database }: Place): void {
  const db = new DatabaseSync(database);
  db.exec('PRAGMA user_version = 9999');
  db.close();
}

const spoil: Readonly<Record<string, (place: Place) => void>> = {
  damaged: (place) => {
    remove(place);
    writeFileSync(place.database, 'no database '.repeat(500));
  },
  newer,
  foreign: (place) => replace(place, 'CREATE TABLE bookmarks (url)'),
  lost: remove,
  empty: (place) => {
    remove(place);
    writeFileSync(place.database, '');
  },
};

it('each project that cannot be read is named by list --all, ps, instances, gc --all and doctor, and fails them', async (t) => {
  const maos = await MaosFolder.make();
  const sound = await placeIn(maos, 'sound');
  const broken: Place[] = [];
  for (const [name, how] of Object.entries(spoil)) {
    const place = await placeIn(maos, name);
    how(place);
    broken.push(place);
  }
  // Where no agent runs, nothing is missing in what ps says.
  const started = await sound.run('run', '--detach', '-x', 'long=sleep 300');
  assert.equal(started.status, 0, started.stderr);
  t.after(async () => {
    await sound.run('cancel', 'latest');
    await maos.remove();
  });
  for (const command of [['list', '--all'], ['ps'], ['instances'], ['gc', '--all'], ['doctor']]) {
    const { status, stdout, stderr } = await sound.run(...command);
    assert.equal(status, 1, `${command}: ${stdout}${stderr}`);
    for (const { database } of broken)
      assert.ok((stdout + stderr).includes(database), `${command}: ${database}`);
    if (command[0] === 'list') assert.match(stdout, /sound/);
    const json = await sound.run(...command, '--json');
    assert.equal(json.status, 1, json.stderr);
    const document = JSON.parse(json.stdout);
    if (command[0] === 'doctor') {
      assert.equal(document.usable, false);
      continue;
    }
    const notRead = document.not_read as {
      file: string;
      project: string | null;
      code: string;
      message: string;
    }[];
    assert.deepEqual(notRead.map(({ file }) => file).sort(), broken.map(({ database }) => database).sort());
    const codes = new Map(notRead.map(({ file, code }) => [file, code]));
    assert.deepEqual(
      broken.map(({ database }) => codes.get(database)),
      ['STORE_CORRUPT', 'CONFIG_INVALID', 'STORE_CORRUPT', 'STORE_CORRUPT', 'STORE_CORRUPT'],
    );
    assert.equal(notRead.find(({ code }) => code === 'CONFIG_INVALID')?.project, broken[1]?.path);
  }
  for (const place of broken) {
    const { status, stdout } = await place.run('doctor');
    assert.equal(status, 1);
    assert.doesNotMatch(stdout, /is intact/);
  }
});

for (const how of ['lost', 'empty'] as const) {
  it(`who meets a database that is ${how} names recover, which puts its session back`, async (t: TestContext) => {
    const maos = await maosFolder(t);
    const place = await placeIn(maos, 'project');
    const [id = assert.fail()] = readdirSync(join(dirname(place.database), 'sessions'));
    spoil[how]?.(place);
    const expected = new RegExp(`project\\.db is (missing|empty).*'maos recover ID'.*${id}`);
    for (const [words, status] of [
      [['list'], 1],
      [['list', '--json'], 1],
      [['status'], 4],
      [['status', id], 4],
      [['logs', 'latest'], 4],
      [['wait'], 4],
      [['doctor'], 1],
    ] as const) {
      const finished = await place.run(...words);
      assert.equal(finished.status, status, `${words}: ${finished.stderr}`);
      assert.match(finished.stdout + finished.stderr, expected, String(words));
    }
    assert.equal(existsSync(place.database), how === 'empty', 'who only looks makes no other one');

    const server = await HttpProcess.start(t, maos, {
      args: ['--http', '0', '--no-stdio', '--project', place.path],
    });
    const { token } = await maos.json<{ token: string }>('token');
    const at = { url: `http://127.0.0.1:${server.port}`, token };
    const headers = await openSession(at);
    for (const [number, name, args] of [
      [1, 'list-sessions', {}],
      [2, 'session-status', { session_id: 'latest' }],
    ] as const) {
      const body = request(number, 'tools/call', { name, arguments: args });
      assert.match(await (await send(at, 'POST', { headers, body })).text(), /maos recover/, name);
    }

    const more = await place.run('run', '-x', 'more=true');
    assert.equal(more.status, 0, more.stderr);
    assert.match(more.stderr, expected);
    const recovered = await place.run('recover', id);
    assert.equal(recovered.status, 0, recovered.stderr);
    const after = await place.run('list');
    assert.equal(after.status, 0, after.stderr);
    assert.match(after.stdout, new RegExp(id));
  });
}
