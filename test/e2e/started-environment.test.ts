import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from '../helpers/waiting.ts';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

let maos: MaosFolder;
before(async () => {
  maos = await MaosFolder.make();
});
after(() => maos.remove());

/**
 * Two agents, the second a program found by PATH alone, whose owner is killed while the first runs.
 * @param beside a further agent, and the file by which it shows that it runs, too
 */
async function orphaned(
  name: string,
  more: Record<string, string>,
  beside: { readonly agent: object; readonly runs: string } | null = null,
) {
  const folder = join(maos.project, name);
  const tools = join(folder, 'tools');
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'next-tool'), `#!/bin/sh\necho "$STAGE $DEPLOY_TOKEN" >'${folder}/seen'\n`);
  chmodSync(join(tools, 'next-tool'), 0o755);
  const wait = `touch '${folder}/runs'; while [ ! -e '${folder}/go' ]; do sleep 0.05; done`;
  const plan = {
    objective: 'Go on.',
    agents: [
      { name: 'first', role: 'qa', task: 'Wait.', command: ['/bin/sh', '-c', wait] },
      {
        name: 'next',
        role: 'qa',
        task: 'Run.',
        command: ['next-tool'],
        depends_on: ['first'],
      },
      ...(beside === null ? [] : [beside.agent]),
    ],
  };
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
  const home = join(folder, 'home');
  const env = {
    ...more,
    HOME: maos.project,
    MAOS_HOME: home,
    STAGE: 'staging',
    PATH: `${tools}:${process.env.PATH}`,
  };
  const { process: child } = maos.start(['run', join(folder, 'plan.json')], { cwd: folder, env });
  const running = ['runs', ...(beside === null ? [] : [beside.runs])];
  await until(() => running.every((file) => existsSync(join(folder, file))));
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  const bare = { PATH: '/usr/bin:/bin', MAOS_HOME: home };
  const ask = (args: readonly string[], and: Record<string, string> = {}) =>
    spawnSync(process.execPath, [bundle, ...args], {
      cwd: folder,
      env: { ...bare, ...and },
      encoding: 'utf8',
      timeout: 60_000,
    });
  const look = (...args: string[]) => ask(args).stdout;
  look('status');
  const releaseAll = () => writeFileSync(join(folder, 'go'), '');
  return { folder, home, look, ask, releaseAll };
}

function keptFile(home: string): string {
  const [project = ''] = readdirSync(join(home, 'projects'));
  const sessions = join(home, 'projects', project, 'sessions');
  return join(sessions, readdirSync(sessions)[0] ?? '', 'environment.json');
}

describe('a team whose owner was killed, looked at with an empty environment', () => {
  it('goes on with what it was started with, and no secret is in its folder', async () => {
    const { folder, home, releaseAll } = await orphaned('plain', {
      OPENAI_API_KEY: 'sk-never-on-disk-1234567890',
    });
    releaseAll();
    await until(() => existsSync(join(folder, 'seen')));
    const kept = keptFile(home);
    assert.equal(statSync(kept).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(kept, 'utf8'), /never-on-disk/);
    await until(() => readFileSync(join(folder, 'seen'), 'utf8') === 'staging \n');
  });

  it('waits, and says why, where a secret it was started with is not set', async () => {
    const { folder, home, look, releaseAll } = await orphaned('secret', { DEPLOY_TOKEN: 'never-on-disk' });
    releaseAll();
    await until(() => /Waiting[\s\S]*DEPLOY_TOKEN/.test(look('status')));
    assert.doesNotMatch(readFileSync(keptFile(home), 'utf8'), /never-on-disk/);
    assert.ok(!existsSync(join(folder, 'seen')));
    const [id = ''] = /sess_\w+/.exec(look('status')) ?? [];
    look('cancel', id);
    await until(() => /cancelled/.test(look('status')));
  });

  it('goes on where it is paused, and resumed with the secret set', async () => {
    const { folder, look, ask, releaseAll } = await orphaned('resumed', { DEPLOY_TOKEN: 'never-on-disk' });
    releaseAll();
    await until(() => /Waiting[\s\S]*DEPLOY_TOKEN/.test(look('status')));
    const paused = ask(['pause', 'latest']);
    assert.equal(paused.status, 0, paused.stderr);
    const without = ask(['resume', 'latest', '--detach']);
    assert.equal(without.status, 0, without.stderr);
    await until(() => /running[\s\S]*Waiting[\s\S]*DEPLOY_TOKEN/.test(look('status')));
    assert.ok(!existsSync(join(folder, 'seen')), 'a resume without it changes nothing');
    assert.equal(ask(['pause', 'latest']).status, 0);
    const resumed = ask(['resume', 'latest'], { DEPLOY_TOKEN: 'given-anew' });
    assert.equal(resumed.status, 0, resumed.stderr);
    assert.equal(readFileSync(join(folder, 'seen'), 'utf8'), 'staging given-anew\n');
    assert.match(look('status'), /completed/);
  });

  it('does so too where a program of it stands still meanwhile', async () => {
    const long = {
      name: 'long',
      role: 'qa',
      task: 'Last.',
      command: 'touch long-runs; until [ -e end ]; do sleep 0.05; done',
    };
    const beside = { agent: long, runs: 'long-runs' };
    const { folder, look, ask, releaseAll } = await orphaned(
      'held',
      { DEPLOY_TOKEN: 'never-on-disk' },
      beside,
    );
    releaseAll();
    await until(() => /Waiting[\s\S]*DEPLOY_TOKEN/.test(look('status')));
    const paused = ask(['pause', 'latest']);
    assert.equal(paused.status, 0, paused.stderr);
    assert.match(look('status'), /suspended/);
    const resumed = ask(['resume', 'latest', '--detach'], { DEPLOY_TOKEN: 'given-anew' });
    assert.equal(resumed.status, 0, resumed.stderr);
    await until(() => existsSync(join(folder, 'seen')));
    await until(() => readFileSync(join(folder, 'seen'), 'utf8') === 'staging given-anew\n');
    writeFileSync(join(folder, 'end'), '');
    await until(() => /3 of 3 agents completed/.test(look('status')));
  });
});
