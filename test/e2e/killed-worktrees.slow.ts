import assert from 'node:assert/strict';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { agentProcesses, killAgentProcesses } from '../helpers/agent-processes.ts';
import { Gate } from '../helpers/gate.ts';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { until } from '../helpers/waiting.ts';
import { lineFrom } from '../presentation/cli/maos-process.ts';
import { maosFolder } from './http-process.ts';

interface Status {
  readonly state: string;
  readonly agents: readonly {
    readonly agent_id: string;
    readonly name: string;
    readonly state: string;
    readonly failure?: { readonly kind: string };
  }[];
}

for (const [what, isLost] of [
  ['the next maos', false],
  ['maos recover, without the database,', true],
] as const) {
  it(`after kill -9 of maos and of its agents, ${what} keeps what is in their worktrees`, async (t) => {
    const maos = await maosFolder(t);
    makeRepository(maos.project, { '.gitignore': '*\n!*.txt\n', 'a.txt': 'one\n' });
    const git = (...args: string[]) => gitIn(maos.project, ...args);
    const gate = new Gate(maos.project, 'drafted');
    const runs = join(maos.project, 'runs');
    const draft = `[ -e draft.txt ] || { echo half >draft.txt; ${gate.open}; exec sleep 600; }; echo whole >>draft.txt`;
    const work = (name: string, command: string) => ({
      ...{ name, role: 'engineer', task: 'Write.', workspace: 'worktree' },
      command: `echo ${name} >>'${runs}'; ${command}`,
    });
    const plan = {
      ...{ objective: 'Write.', on_exit: 'keep', failure_policy: 'continue' },
      agents: [work('done', 'echo done >done.txt'), { ...work('drafter', draft), depends_on: ['done'] }],
    };
    const run = maos.start(['run', '-', '--json'], { input: JSON.stringify(plan) });
    const created = await lineFrom(run.process.stdout as NodeJS.ReadableStream, /"session\.created"/);
    const { session_id: id } = JSON.parse(created) as { readonly session_id: string };
    await until(() => gate.isOpen);
    const { agents } = await maos.json<Status>('status', id);
    const [, drafter] = agents;
    assert.equal(drafter?.state, 'running');
    const [store = assert.fail()] = globSync(join(maos.home, 'projects/*/project.db'));
    const log = join(store, '..', 'sessions', id, 'session.log');
    await until(() => /"agent\.spawned".*"drafter"/.test(readFileSync(log, 'utf8')));
    run.process.kill('SIGKILL');
    await run.finished;
    killAgentProcesses([drafter.agent_id]);
    await until(() => agentProcesses([drafter.agent_id]).length === 0);

    if (isLost) {
      for (const file of globSync(`${store}*`)) rmSync(file);
      const recovered = await maos.run('recover', id);
      assert.equal(recovered.status, 0, recovered.stderr);
      assert.match(recovered.stdout, /was restored \(running\)/);
    }
    assert.equal((await maos.run('wait', id)).status, 1);
    const failed = await maos.json<Status>('status', id);
    assert.deepEqual(
      failed.agents.map(({ state, failure }) => [state, failure?.kind]),
      [
        ['completed', undefined],
        ['failed', 'lost'],
      ],
    );
    assert.equal(git('show', `maos/${id}/drafter:draft.txt`), 'half');
    assert.equal(git('rev-parse', `refs/maos/${id}/drafter/1`), git('rev-parse', `maos/${id}/drafter`));
    assert.equal(git('status', '--porcelain'), '');

    assert.equal((await maos.run('retry', id)).status, 0);
    assert.equal((await maos.run('wait', id)).status, 0);
    assert.equal(git('show', `maos/${id}/drafter:draft.txt`), 'half\nwhole');
    assert.equal(readFileSync(runs, 'utf8'), 'done\ndrafter\ndrafter\n');
    assert.equal((await maos.run('land', id)).status, 0);
    assert.equal(git('show', 'main:draft.txt', 'main:done.txt'), 'half\nwhole\ndone');
    assert.equal((await maos.run('audit', 'verify', id)).status, 0);
  });
}
