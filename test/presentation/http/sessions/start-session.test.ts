import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { waitForSession } from '../../../../src/application/control/control.ts';
import type { SessionId } from '../../../../src/domain/ids.ts';
import { type HttpBench, openHttpBench } from '../http-bench.ts';

let bench: HttpBench;
before(async () => {
  bench = await openHttpBench();
});
after(() => bench.close());

const start = async (body: object, status = 201) =>
  (await bench.http.call('startSession', { body, status })).body;
const count = () => bench.project.store.list({ limit: 100 }).length;

describe('starting a team over HTTP', () => {
  it('takes a plan, shows it in a dry run with its commands, and starts it', async () => {
    const plan = {
      objective: 'Go.',
      agents: [
        { name: 'one', role: 'engineer', task: 'Go.', command: ['echo', 'hello'] },
        { name: 'two', role: 'tester', task: 'Check.', command: ['true'], depends_on: ['one'] },
      ],
    };
    const before = count();
    const dry = await start({ plan, dry_run: true }, 200);
    assert.deepEqual([dry.project, dry.phases, dry.remarks], [bench.root, [['one'], ['two']], []]);
    assert.match(dry.commands[0].command.join(' '), /echo hello$/);
    assert.deepEqual(dry.agents[1].depends_on, ['one']);
    assert.equal(count(), before);
    const { session_id, project, agents } = await start({ plan });
    assert.deepEqual([project, agents.length], [bench.root, 2]);
    await waitForSession(bench.project, session_id as SessionId, { signal: AbortSignal.timeout(60_000) });
    assert.equal(bench.project.store.summary(session_id).session.state, 'completed');
  });

  it('starts a plan with a key once, and answers 200 with its session from then on', async () => {
    const agents = [{ role: 'engineer', task: 'Go.', command: ['true'] }];
    const plan = { objective: 'Once.', idempotency_key: 'http', agents };
    const first = await start({ plan });
    const before = count();
    const { session_id, remarks } = await start({ plan }, 200);
    assert.equal(session_id, first.session_id);
    assert.match(remarks[0], /^An earlier request with the same key has started session/);
    const { code, message } = await start({ plan: { ...plan, objective: 'Other.' } }, 400);
    assert.equal(code, 'INVALID_INPUT');
    assert.match(message, new RegExp(`"http" belongs to session ${session_id}`));
    assert.equal(count(), before);
  });

  it('takes the text of a plan file, with variables, in another project', async () => {
    const { project: other } = await bench.otherProject();
    const text = [
      '# a team',
      `objective: Say ${'$'}{word}.`,
      'variables: {word: null}',
      'agents:',
      `  - {role: engineer, task: Go., command: [echo, "${'$'}{word}"]}`,
    ].join('\n');
    const { session_id, objective } = await start({ text, set: { word: 'hi' }, project: other.path });
    assert.equal(objective, 'Say hi.');
    await waitForSession(other, session_id as SessionId, { signal: AbortSignal.timeout(60_000) });
    assert.equal(other.store.load(session_id).agents[0]?.result, 'hi');
  });

  it('names every fault of a text with its place, and stores nothing', async () => {
    const before = count();
    const text =
      '{\n  "objective": "Go.",\n  "agents": [\n    {"role": "nobody", "task": ""},\n    {"role": "qa", "task": "x", "depends_on": ["y"]}\n  ]\n}';
    const { faults, code } = await start({ text }, 400);
    assert.deepEqual(
      faults.map(({ line, path }: Record<string, unknown>) => [line, path]),
      [
        [4, ['agents', 0, 'role']],
        [4, ['agents', 0, 'task']],
        [5, ['agents', 1, 'depends_on', 0]],
      ],
    );
    assert.equal(code, 'INVALID_PLAN');
    const broken = await start({ text: 'objective: "x' }, 400);
    assert.deepEqual([broken.faults.length, broken.faults[0].line], [1, 1]);
    assert.match(
      (await start({ plan: { objective: 'x', agents: [{}] } }, 400)).message,
      /^plan: agents\[0\]/,
    );
    assert.match((await start({}, 400)).message, /either 'plan' or 'text'/);
    assert.match((await start({ text, plan: {} }, 400)).message, /either 'plan' or 'text'/);
    assert.match((await start({ text, project: 'relative' }, 400)).message, /is not an absolute path/);
    assert.match((await start({ text, project: '/no/such/folder' }, 400)).message, /\/no\/such\/folder/);
    assert.equal(count(), before);
  });

  it('runs no command that the user has not allowed to clients', async () => {
    writeFileSync(join(bench.runtime.home, 'config.json'), JSON.stringify({ allowCommands: ['npm test'] }));
    const { project: other } = await bench.otherProject();
    const agents = [{ role: 'qa', task: 'Go.', command: ['rm', '-rf', '/tmp/nothing'] }];
    const refused = await start({ plan: { objective: 'x', agents }, project: other.path }, 403);
    assert.match(refused.message, /allowCommands/);
    const worktree = [
      { role: 'qa', task: 'Go.', verify: 'curl evil', backend: 'command', command: ['npm', 'test'] },
    ];
    assert.equal(
      (await start({ plan: { objective: 'x', agents: worktree }, project: other.path }, 403)).code,
      'FORBIDDEN',
    );
  });
});

describe('what the form of a new team needs', () => {
  it('lists the roles of a folder, and the backends', async () => {
    const { project: other } = await bench.otherProject();
    const folder = join(other.path, '.claude', 'agents');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'poet.md'), '---\nname: poet\ndescription: Writes verse.\n---\nRhyme.\n');
    const { body } = await bench.http.call('listRoles', { query: { project: other.path } });
    assert.deepEqual([body.roles[0].name, body.roles[0].predefined, body.problems], ['poet', false, []]);
    const own = await bench.http.call('listRoles');
    assert.ok(own.body.roles.every(({ predefined }: { predefined: boolean }) => predefined));
    const { body: found } = await bench.http.call('listBackends');
    const command = found.backends.find(({ name }: { name: string }) => name === 'command');
    assert.deepEqual([command.available, command.capabilities.takes_command], [true, true]);
  });
});
