import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inventedClis } from '../helpers/invented-clis.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

interface Agent {
  readonly name: string;
  readonly state: string;
  readonly backend: string;
  readonly result: string | null;
  readonly failure?: { readonly kind: string; readonly message: string };
  readonly usage: { readonly input_tokens: number; readonly cost_usd: number | null } | null;
}

describe('CLIs that only the settings know', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    await mkdir(maos.home, { recursive: true, mode: 0o700 });
    const config = { backends: { custom: inventedClis } };
    await writeFile(join(maos.home, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  });
  after(() => maos.remove());

  const agent = (name: string, task: string, more: object = {}) => ({ name, role: 'tester', task, ...more });

  it('are a team: one hands on to the next, and what they tell is stored', async () => {
    const plan = {
      objective: 'Try them all.',
      strategy: 'sequential',
      agents: [
        agent('write', 'do: answer', { backend: 'custom:scribe', model: 'quill' }),
        agent('file', `do: answer\n${'ü'.repeat(300_000)}`.slice(0, 90_000), { backend: 'custom:filer' }),
        agent('carry', 'do: answer\n$(touch broken) `touch broken` \\\' "', { backend: 'custom:courier' }),
        agent('quota', 'do: quota', { backend: 'custom:scribe', fallback: ['custom:courier'] }),
        agent('crash', 'do: crash', { backend: 'custom:filer' }),
      ],
    };
    await writeFile(join(maos.project, 'plan.json'), JSON.stringify(plan));
    const { status } = await maos.run('run', 'plan.json');
    assert.equal(status, 1, 'the last one fails');
    const { agents } = await maos.json<{ agents: readonly Agent[] }>('status', 'latest');
    const named = (name: string) => agents.find((one) => one.name === name) ?? assert.fail(name);
    assert.match(named('write').result ?? '', /^written as # Your role: Test engineer/);
    assert.deepEqual([named('write').usage?.input_tokens, named('write').usage?.cost_usd], [1_234, 0.02]);
    assert.match(named('file').result ?? '', /^Read 1\d{5} bytes\.\nFiled\.$/);
    assert.match(named('carry').result ?? '', /^# Your role: Test engineer: \d+ characters$/);
    const moved = named('quota');
    assert.deepEqual([moved.state, moved.backend], ['completed', 'custom:courier']);
    const { failure } = named('crash');
    assert.deepEqual([failure?.kind, /filer: jammed/.test(failure?.message ?? '')], ['exit_code', true]);
  });
});
