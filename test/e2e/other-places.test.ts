import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { agentProcesses } from '../helpers/agent-processes.ts';
import { Gate } from '../helpers/gate.ts';
import { otherBoot, processNamespace } from '../helpers/other-place.ts';
import { until } from '../helpers/waiting.ts';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Session {
  readonly state: string;
  readonly agents: readonly {
    readonly agent_id: string;
    readonly state: string;
    readonly result: string | null;
  }[];
}

let maos: MaosFolder;
beforeEach(async () => {
  maos = await MaosFolder.make();
});
afterEach(() => maos.remove());

async function elsewhere(place: readonly string[], ...args: readonly string[]): Promise<string> {
  const [program = '', ...before] = place;
  const child = spawn(program, [...before, process.execPath, bundle, ...args], {
    cwd: maos.project,
    env: maos.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  assert.equal(status, 0);
  return output;
}

const places = {
  'another process namespace (a container with the same home)': processNamespace,
  'what seems to be another boot': (t) => {
    const file = join(maos.project, 'boot_id');
    writeFileSync(file, `${randomUUID()}\n`);
    return otherBoot(t, file);
  },
} satisfies Record<string, typeof processNamespace>;

describe('a session that is looked at from elsewhere', () => {
  for (const [name, makePlace] of Object.entries(places)) {
    it(`goes on under its owner: ${name}`, async (t) => {
      const place = makePlace(t);
      if (place === null) return;
      const gate = new Gate(maos.project, 'go');
      const owner = maos.start(['run', '--exec', `wait=echo begun; ${gate.wait} && echo done`]);
      const sessions = async () => (await maos.json<{ sessions: { session_id: string }[] }>('list')).sessions;
      let id: string | undefined;
      while (id === undefined) id = (await sessions())[0]?.session_id;
      const look = () => maos.json<Session>('status', id as string);
      let agent = (await look()).agents[0] ?? assert.fail();
      while (agentProcesses([agent.agent_id]).length === 0) agent = (await look()).agents[0] ?? assert.fail();

      for (const args of [['status', id], ['list', '--all'], ['instances'], ['ps'], ['events', id]]) {
        await elsewhere(place, ...args);
      }
      assert.match(await elsewhere(place, 'instances'), /alive/);
      const seen = JSON.parse(await elsewhere(place, 'status', id, '--json')) as Session;
      assert.deepEqual([seen.state, seen.agents[0]?.state], ['running', 'running']);
      gate.openNow();
      assert.equal((await owner.finished).status, 0);
      const after = await look();
      assert.deepEqual([after.state, after.agents[0]?.result], ['completed', 'begun\ndone']);
      const { stdout } = await maos.run('events', id, '--json');
      assert.doesNotMatch(stdout, /taken_over|lost/);
    });
  }
});

it('agents of another home are counted by ps, and shown by ps --all and as JSON', async (t) => {
  const other = await MaosFolder.make();
  t.after(() => other.remove());
  const { stdout } = await other.run('run', '--detach', '--exec', 'theirs=sleep 600', '--json');
  const [agent] = (JSON.parse(stdout) as Session).agents;
  const id = agent?.agent_id ?? assert.fail();
  await until(() => agentProcesses([id]).length > 0);

  const plain = await maos.run('ps');
  assert.equal(plain.status, 0);
  assert.match(plain.stderr, /\d+ agents? of another MAOS_HOME: --all shows them\.\n/);
  assert.ok(!plain.stdout.includes(id));

  const all = await maos.run('ps', '--all');
  assert.equal(all.status, 0);
  assert.doesNotMatch(all.stderr, /another MAOS_HOME/);
  assert.match(all.stdout, new RegExp(`^${id} +other MAOS_HOME +\\d+ `, 'm'));

  const { agents } = await maos.json<{ agents: Record<string, unknown>[] }>('ps');
  const seen = agents.find(({ agent_id }) => agent_id === id);
  const { name, session_id, project, owner, stray } = seen ?? {};
  assert.deepEqual(
    { name, session_id, project, owner, stray },
    { name: null, session_id: null, project: null, owner: null, stray: false },
  );
  // At home it has its name.
  const home = await other.json<{ agents: Record<string, unknown>[] }>('ps');
  assert.equal(home.agents.find(({ agent_id }) => agent_id === id)?.name, 'theirs');
});
