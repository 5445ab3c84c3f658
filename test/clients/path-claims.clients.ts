import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBench } from './bench.ts';
import { maosProgram, readJsonLines } from './workplace.ts';

test('a Claude Code that edits what another agent has claimed is told so, and edits', async (t) => {
  const writes = ['claimed.txt', 'claimed.txt', 'free.txt'];
  const bench = await makeBench(t, {
    respond({ tools, messages }) {
      if (tools.length === 0) return { text: 'A title.' };
      const done = messages.filter(({ role }) => role === 'assistant').length;
      const file = writes[done];
      if (file === undefined) return { text: 'Done.' };
      const file_path = join(bench.project, file);
      // The second time it has to have read what it overwrites, which it has by having written it.
      return { toolUse: { name: 'Write', input: { file_path, content: `${done}\n` } } };
    },
  });
  // A hook of the user's own.
  mkdirSync(join(bench.home, '.claude'), { recursive: true });
  const heard = join(bench.home, 'heard');
  const hooks = [{ type: 'command', command: `cat >>'${heard}'` }];
  writeFileSync(
    join(bench.home, '.claude', 'settings.json'),
    JSON.stringify({ hooks: { PreToolUse: [{ matcher: 'Write', hooks }] } }),
  );
  const maos = `MAOS_HOME='${bench.maosHome}' '${process.execPath}' '${maosProgram}'`;
  const claim = `${maos} claim claimed.txt --reason 'the login' && : >claimed && until [ -e end ]; do sleep 0.05; done`;
  const begin = 'until [ -e claimed ]; do sleep 0.05; done';
  const plan = {
    objective: 'Write.',
    strategy: 'parallel',
    agents: [
      { name: 'ada', role: 'tester', task: 'Claim.', backend: 'command', command: claim },
      { name: 'gate', role: 'qa', task: 'Wait.', backend: 'command', command: begin },
      { name: 'bo', role: 'analyst', task: 'Write.', depends_on: ['gate'] },
      {
        ...{ name: 'end', role: 'qa', task: 'End.', backend: 'command', command: ': >end' },
        depends_on: ['bo'],
      },
    ],
  };
  writeFileSync(join(bench.project, 'plan.json'), JSON.stringify(plan));
  const { status, stdout, stderr } = await bench.maos('run', 'plan.json', '--json');
  assert.equal(status, 0, `${stdout}\n${stderr}`);

  assert.equal(readFileSync(join(bench.project, 'claimed.txt'), 'utf8'), '1\n');
  assert.equal(readFileSync(join(bench.project, 'free.txt'), 'utf8'), '2\n');
  const asked = bench.model.requests.flatMap(({ message }) =>
    message === undefined || message.tools.length === 0 ? [] : [JSON.stringify(message.messages)],
  );
  assert.equal(asked.length, 4);
  const words = /claimed\.txt\\+" is claimed by ada \(tester\) until [\d-]+T[\d:.]+Z: \\+"the login/g;
  assert.deepEqual(
    asked.map((messages) => messages.match(words)?.length ?? 0),
    [0, 1, 1, 1],
    'with the first edit, and not again',
  );
  assert.equal(readFileSync(heard, 'utf8').match(/"hook_event_name"/g)?.length, 3, "the user's own hook");
  const { agents } = await bench.status();
  assert.ok(agents.every(({ permission_denials: denials }) => denials === undefined));
  const events = await bench.maos('events', 'latest', '--type', 'paths', '--json');
  assert.deepEqual(
    readJsonLines(events.stdout).map(({ type, data }) => [type, data.path ?? data.paths]),
    [
      ['paths.claimed', ['claimed.txt']],
      ['paths.crossed', 'claimed.txt'],
    ],
  );
});
