import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { gitIn, makeRepository } from '../../helpers/git-project.ts';
import { type Answer, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  makeRepository(bench.root);
});
after(async () => {
  await bench.close();
  assert.deepEqual(bench.errors, []);
});

function writer(name: string, command: string, verify = 'true') {
  const shell = ['/bin/sh', '-c', command];
  return { name, role: 'engineer', task: 'Write.', workspace: 'worktree', command: shell, verify };
}

/** Starts a team and waits for its end. @returns its id, and the answer of the wait */
async function team(agents: readonly object[], more = {}): Promise<{ id: string; ended: Answer }> {
  const { session_id } = await bench.ask('orchestrate', { objective: 'Write.', agents, ...more });
  const ended = await bench.ask('wait-session', { session_id, timeout_seconds: 60 });
  return { id: session_id as string, ended };
}

it('land-session says what would conflict, lands, and names what it leaves out', async () => {
  const { id } = await team([
    writer('one', 'echo one > same.txt'),
    writer('two', 'echo two > same.txt'),
    writer('none', 'true'),
  ]);
  const tip = gitIn(bench.root, 'rev-parse', 'main');
  const preview = await bench.ask('land-session', { session_id: id, dry_run: true });
  assert.match(String(preview.summary), /^Onto main, 1 branch would conflict\. Nothing was changed/);
  assert.deepEqual(preview.branches, [
    'one: clean',
    'two: conflict: with one in same.txt',
    'none: skipped: no changes',
  ]);
  assert.deepEqual([preview.session_id, gitIn(bench.root, 'rev-parse', 'main')], [undefined, tip]);

  const uri = `maos://sessions/${id}/evidence`;
  await bench.client.subscribeResource({ uri });
  const told = new Promise<void>((resolve) => {
    bench.client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      if (params.uri === uri) resolve();
    });
  });
  const landing = await bench.ask('land-session', { session_id: id });
  assert.deepEqual(landing.branches, ['one: to land', 'two: to land', 'none: skipped: no changes']);
  const session_id = landing.session_id as string;
  await bench.ask('wait-session', { session_id, timeout_seconds: 60 });
  await told;
  assert.equal(gitIn(bench.root, 'show', 'main:same.txt'), 'two');
  const { landed } = await bench.ask('session-status', { session_id });
  assert.deepEqual(
    (landed as string[]).map((line) => line.replace(/ at [0-9a-f]+/, '')),
    ['one: landed; true: passed', 'two: landed; true: passed', 'none: skipped; no changes'],
  );
  const again = await bench.ask('land-session', { session_id: id });
  assert.match(String(again.summary), /has nothing to land onto main/);
});

it('wait-session says that a failed session did not land by itself, and how it does', async () => {
  const agents = [writer('good', 'echo good > good.txt'), writer('bad', 'exit 3')];
  const { ended } = await team(agents, { land: 'auto' });
  assert.equal(ended.state, 'failed');
  assert.match(String(ended.next), /did not land by itself, because it failed\. Retry .* land-session\.$/);
});
