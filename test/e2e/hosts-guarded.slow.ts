import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { Guarded } from '../helpers/guarded-server.ts';
import { command, isAlive, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

describe('a server with the documented permissions', { timeout: 300_000 }, () => {
  it('lets a team work on a host: code, questions, pauses, cancels, and a host that was killed', async (t) => {
    const machines = Machines.guarded(t, await Guarded.start(t));
    const { folder, own } = machines;
    const project = join(folder, 'project');
    makeRepository(project);
    // The home makes the streams, which a host may not.
    assert.match((await machines.maos('home', 'host', 'list')).stdout, /^$/);
    await machines.startHost('--slots', '3');
    const at = { pool: 'gpu', timeout_minutes: 60 };
    const coder = `${machines.trace}; echo good > b.txt; answer=$(${own} ask 'Which port?' --choice 8080); echo "got $answer"; echo shared > "$MAOS_SHARED_CONTEXT/s.txt"; while [ ! -e ${folder}/said ]; do sleep 0.1; done`;
    const paced = `${machines.trace}; i=0; while [ ! -e ${folder}/go ]; do i=$((i+1)); echo $i; sleep 0.1; done; ${own} message send coder 'It goes.' && touch ${folder}/said`;
    const id = await machines.begin([
      { ...command('coder', coder, at), workspace: 'worktree' },
      command('paced', paced, at),
      command('long', `echo $$ > ${folder}/pid; exec sleep 300`, { ...at, pool: 'build-1' }),
      command('near', 'cat "$MAOS_SHARED_CONTEXT/s.txt"', { depends_on: ['coder'] }),
    ]);
    const requests = async () => (await machines.json('requests')).requests;
    await until(
      async () => (await requests()).length === 1 && existsSync(join(folder, 'pid')),
      () => `the question: ${machines.hostOutput}`,
    );
    await machines.printed(id, 'paced', '1\n');
    await machines.maos('home', 'pause', id);
    await until(async () => (await machines.status(id)).state === 'paused', 'the pause');
    await machines.maos('home', 'resume', id);
    await machines.killHost();
    await machines.startHost('--slots', '3');
    const [question] = await requests();
    await machines.maos('home', 'answer', question.request_id, '8080');
    writeFileSync(join(folder, 'go'), '');
    const stateOf = async (name: string) =>
      (await machines.status(id)).agents.find((agent: { name: string }) => agent.name === name);
    for (const name of ['coder', 'paced', 'near']) {
      const { state } = await until(
        async () => {
          const agent = await stateOf(name);
          return ['completed', 'failed'].includes(agent.state) ? agent : null;
        },
        () => `${name}: ${machines.hostOutput}`,
      );
      assert.equal(state, 'completed', name);
    }
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the cancelling');
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    // Killed, it is there until its parent has collected it.
    await until(() => !isAlive(pid), 'the end of its process');
    assert.match(await machines.log(id, 'coder'), /got 8080/);
    assert.equal(await machines.log(id, 'near'), 'shared\n');
    assert.equal(gitIn(project, 'show', `maos/${id}/coder:b.txt`), 'good');
    assert.match((await stateOf('paced')).where, /^host build-1, process \d+$/);
    assert.equal(machines.launches(), 2);
    const { stdout } = await machines.maos('home', 'doctor');
    assert.match(stdout, /hosts +the NATS server answers, with JetStream; 1 host\n/);
    assert.doesNotMatch(machines.hostOutput, /permission|violation/i);
  });

  it('lets a host work only for the homes that it names', async (t) => {
    const guarded = await Guarded.start(t);
    const machines = Machines.guarded(t, guarded);
    const rules = (homes: readonly string[]) =>
      machines.configure('host', { allowCommands: ['*'], remote: { ...guarded.access('host'), homes } });
    rules([nkeys.createUser().getPublicKey()]);
    await machines.maos('home', 'host', 'list');
    await machines.startHost();
    const id = await machines.begin([command('far', 'echo ran', { pool: 'gpu' })]);
    const why = async () => JSON.stringify((await machines.status(id)).agents[0].waiting ?? null);
    await until(async () => (await why()).includes('build-1 does not work for this home'), 'the reason');
    const { stdout } = await machines.maos('home', 'doctor');
    assert.match(stdout, /build-1.*does not work for this home/);
    assert.ok(stdout.replaceAll(/\s+/g, '').includes(`remote.homesonbuild-1:${guarded.home}`), stdout);
    await machines.killHost();
    rules([guarded.home]);
    await machines.startHost();
    await until(
      async () => (await machines.status(id)).state === 'completed',
      () => machines.hostOutput,
    );
    assert.equal(await machines.log(id, 'far'), 'ran\n');
  });
});
