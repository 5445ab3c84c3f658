import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { processesWith } from '../helpers/agent-processes.ts';
import { Gate } from '../helpers/gate.ts';
import { makeRepository } from '../helpers/git-project.ts';
import { maosWindow, promptWith, type TmuxWindow, withoutTmux } from '../helpers/tmux.ts';
import { until } from '../helpers/waiting.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

const wide = { columns: 120, rows: 30 };
const agentA = /^ *(\S )?\S a {2}/m;

interface Status {
  readonly session_id: string;
  readonly state: string;
  readonly agents: readonly { readonly name: string; readonly state: string }[];
}

describe('Ctrl-C twice in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  /** Both signals arrive before the command has dealt with the first one. */
  async function interruptTwice(window: TmuxWindow): Promise<void> {
    await window.keys('C-c', 'C-c');
    await window.waitFor(promptWith(130));
    assert.equal(await window.format('#{cursor_flag}'), '1', 'the cursor is back');
  }

  const isGone = (mark: string) => () => processesWith('CTRL_C_TEST', mark).length === 0;

  it('ends a run at once; its agents are stopped in the background, and it can be resumed', async (t) => {
    const window = await maosWindow(t, maos, wide);
    const gate = new Gate(maos.project, 'twice');
    await window.type(
      `CTRL_C_TEST=run maos run -x "a=echo began; ${gate.wait}; echo went on" -x "b=echo quick"`,
    );
    await window.waitFor(agentA);
    await window.waitFor(/^.*✓ b /m);
    await interruptTwice(window);
    assert.equal((await maos.run('wait')).status, 7);
    await until(isGone('run'), 'the agents and the background process to end');
    const { state, agents } = await maos.json<Status>('status');
    assert.equal(state, 'paused');
    assert.deepEqual(
      agents.map((agent) => [agent.name, agent.state]),
      [
        ['a', 'resumable'],
        ['b', 'completed'],
      ],
    );
    assert.match((await maos.run('logs', 'a')).stdout, /began/, 'its output is kept');
    assert.equal((await maos.run('audit', 'verify')).status, 0);
    gate.openNow();
    assert.equal((await maos.run('resume', 'latest')).status, 0);
  });

  for (const command of ['attach', 'wait', 'status --watch']) {
    it(`leaves ${command} and not the session`, async (t) => {
      const gate = new Gate(maos.project, command.replace(' ', ''));
      const { session_id: id } = await maos.json<Status>('run', '-x', `a=${gate.wait}`, '--detach');
      const window = await maosWindow(t, maos, wide);
      await window.type(`maos ${command}`);
      await window.waitFor(agentA);
      await interruptTwice(window);
      assert.equal((await maos.json<Status>('status', id)).state, 'running');
      gate.openNow();
      assert.equal((await maos.run('wait', id)).status, 0);
    });
  }

  it('ends a landing at once; it goes on later where it stopped', async (t) => {
    const repository = await MaosFolder.make();
    t.after(() => repository.remove());
    makeRepository(repository.project);
    const held = new Gate(repository.home, 'held');
    const gate = new Gate(repository.home, 'check');
    const check = `if ${held.test}; then ${gate.wait}; fi`;
    const done = await repository.run(
      ...['run', '--worktree', '--verify', check, '-x', 'a=echo new >new.txt'],
    );
    assert.equal(done.status, 0, done.stderr);
    held.openNow();
    const window = await maosWindow(t, repository, wide);
    await window.type('CTRL_C_TEST=land maos land latest');
    await window.waitFor(agentA);
    await interruptTwice(window);
    await until(isGone('land'), 'the background process to end');
    assert.equal((await repository.json<Status>('status')).state, 'paused');
    assert.equal(existsSync(join(repository.project, 'new.txt')), false);
    gate.openNow();
    assert.equal((await repository.run('resume', 'latest')).status, 0);
    assert.equal(readFileSync(join(repository.project, 'new.txt'), 'utf8'), 'new\n');
  });
});

describe('config edit in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  /** An editor that writes the next of the texts at each call. */
  function editor(...texts: readonly string[]): string {
    const path = join(maos.project, 'editor');
    const next = join(maos.project, 'calls');
    texts.forEach((text, index) => {
      writeFileSync(join(maos.project, `text-${index}`), text);
    });
    writeFileSync(next, '');
    writeFileSync(
      path,
      `#!/bin/sh\nn=$(wc -c <'${next}')\nprintf x >>'${next}'\ncat '${maos.project}'/text-$((n)) >"$1"\n`,
    );
    chmodSync(path, 0o755);
    return path;
  }

  const question = /^Edit it again\? \[Y\/n\]/m;
  const bad = '{ "maxDepth": "deep" }\n';

  it('asks after a text that is not valid, and takes the mended one', async (t) => {
    const window = await maosWindow(t, maos, wide, {
      EDITOR: editor(bad, '{ "maxDepht": 2 }\n', '{ "maxDepth": 2 }\n'),
    });
    await window.type('maos config edit');
    assert.match(await window.waitFor(question), /maxDepth/);
    await window.keys('Enter');
    await window.waitFor(/maxDepht is not a setting; did you mean\s+maxDepth\?/);
    await window.type('y');
    await window.waitFor(promptWith(0));
    assert.equal((await maos.run('config', 'get', 'maxDepth')).stdout, '2\n');
  });

  it('keeps the text after a no, or Ctrl-C, and the next edit goes on with it', async (t) => {
    const window = await maosWindow(t, maos, wide, { EDITOR: editor(bad, bad, '{ "maxDepth": 3 }\n') });
    for (const answer of ['n', 'C-c'] as const) {
      await window.begin();
      await window.type('maos config edit');
      await window.waitFor(question);
      if (answer === 'n') await window.type('n');
      else await window.keys(answer);
      const screen = await window.waitFor(promptWith(2));
      assert.match(screen, /Nothing was changed\. Your text is kept in/);
      assert.equal((await maos.run('config', 'get', 'maxDepth')).stdout, '2\n');
    }
    await window.begin();
    await window.type('maos config edit');
    assert.match(await window.waitFor(promptWith(0)), /Continuing with the text that was not valid/);
    assert.equal((await maos.run('config', 'get', 'maxDepth')).stdout, '3\n');
  });

  it('leaves Ctrl-C to the editor', async (t) => {
    const inEditor = join(maos.project, 'in-editor');
    const script = join(maos.project, 'patient');
    writeFileSync(
      script,
      `#!/bin/bash\nn=0\ntrap 'n=$((n+1)); echo "interrupt $n"' INT\necho editing\nwhile [ $n -lt 2 ]; do sleep 0.05; done\necho '{ "maxDepth": 4 }' >"$1"\n: >'${inEditor}'\n`,
    );
    chmodSync(script, 0o755);
    const window = await maosWindow(t, maos, wide, { EDITOR: script });
    await window.type('maos config edit');
    await window.waitFor(/^editing$/m);
    await window.keys('C-c');
    await window.waitFor(/interrupt 1/);
    await window.keys('C-c');
    await window.waitFor(/interrupt 2/);
    await window.waitFor(promptWith(0));
    assert.equal((await maos.run('config', 'get', 'maxDepth')).stdout, '4\n');
  });
});
