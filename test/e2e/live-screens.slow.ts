import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { maosWindow, promptWith, type TmuxWindow, type WindowSize, withoutTmux } from '../helpers/tmux.ts';
import { until } from '../helpers/waiting.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

/** The screen without what differs from run to run: spinners, times, ids. */
function normalised(screen: string): string[] {
  return screen
    .replaceAll(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/g, '*')
    .replaceAll(/ +(\d+\.\d+s|\d+m \d\ds)/g, ' TIME')
    .replaceAll(/^(\S) [0-9A-Z]{6} /gm, '$1 ID ')
    .split('\n')
    .map((line) => line.trimEnd());
}

const sizes = { '80x24': [80, 24], '200x50': [200, 50], '40x12': [40, 12] } as const;
const expected: Readonly<Record<keyof typeof sizes, readonly string[]>> = {
  '80x24': [
    '* ID running TIME · Build the shop',
    '  ━━━━━━━━━──────────  1 of 4 done · 1 failed · 1 running · 1 pending · phase…',
    '─ ✓ spec   completed  solution_architect TIME  wrote contract.md',
    '┌ * api    running    backend_engineer TIME  Build the API',
    '└ ✗ ui     failed     backend_engineer TIME  exit_code: The command exit…',
    '─ · check  pending    tester                       after api',
  ],
  '200x50': [
    '* ID running TIME · Build the shop',
    '  ━━━━━━━━━━━━━━━───────────────  1 of 4 done · 1 failed · 1 running · 1 pending · phase 2 of 3',
    '─ ✓ spec   completed  solution_architect  Write the contract TIME  wrote contract.md',
    '┌ * api    running    backend_engineer    Build the API TIME',
    '└ ✗ ui     failed     backend_engineer    Build the page TIME  exit_code: The command exited with status 3.',
    '─ · check  pending    tester              Test it                      after api',
  ],
  '40x12': [
    '* ID running TIME · Build the shop',
    '  ━━━━─────  1 of 4 done · 1 failed ·…',
    '─ ✓ spec TIME  wrote contract.md',
    '┌ * api TIME  Build the API',
    '└ ✗ ui TIME  exit_code: The com…',
    '─ · check           after api',
  ],
};

describe('screens of the live view in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  const sizeOf = (name: keyof typeof sizes): WindowSize => ({
    columns: sizes[name][0],
    rows: sizes[name][1],
  });

  it('fit each size, also when it changes, and show states, the plan and the progress', async (t) => {
    const go = join(maos.project, 'go');
    execFileSync('mkfifo', [go]);
    const plan = {
      objective: 'Build the shop',
      agents: [
        { name: 'spec', role: 'architect', task: 'Write the contract', command: 'echo wrote contract.md' },
        { name: 'api', role: 'engineer', task: 'Build the API', command: `cat ${go}`, depends_on: ['spec'] },
        { name: 'ui', role: 'engineer', task: 'Build the page', command: 'exit 3', depends_on: ['spec'] },
        { name: 'check', role: 'tester', task: 'Test it', command: 'true', depends_on: ['api'] },
      ],
    };
    writeFileSync(join(maos.project, 'plan.json'), JSON.stringify(plan));
    await maos.json('run', 'plan.json', '--detach');
    await until(async () => {
      const { agents } = await maos.json<{ agents: { name: string; state: string }[] }>('status');
      return agents.some(({ name, state }) => name === 'ui' && state === 'failed');
    });
    const names = Object.keys(sizes) as (keyof typeof sizes)[];
    const windows: TmuxWindow[] = [];
    for (const name of names) {
      const window = await maosWindow(t, maos, sizeOf(name));
      windows.push(window);
      await window.type('clear; maos attach');
      await shows(window, name);
    }
    const [first = assert.fail()] = windows;
    for (const name of ['40x12', '200x50', '80x24'] as const) {
      await first.resize(sizeOf(name));
      await shows(first, name);
    }
    writeFileSync(go, '');
    await Promise.all(windows.map((window) => window.waitFor(promptWith(1))));
  });

  /** Waits for the expected screen, whatever was drawn before above it. */
  async function shows(window: TmuxWindow, name: keyof typeof sizes): Promise<void> {
    let lines: string[] = [];
    const wanted = expected[name].join('\n');
    await until(
      async () => {
        lines = normalised(await window.screen());
        return lines.join('\n').endsWith(`\n${wanted}`) || lines.join('\n') === wanted;
      },
      () => `the screen of ${name}:\n${wanted}\nbut it was:\n${lines.join('\n')}`,
    );
    const { rows } = sizeOf(name);
    assert.ok(wanted.split('\n').length <= rows - 2);
  }

  for (const [count, size] of [
    [30, '80x24'],
    [60, '200x50'],
  ] as const) {
    it(`leave the history alone with ${count} agents at ${size}`, async (t) => {
      execFileSync('mkfifo', [join(maos.project, `go${count}`)]);
      const agents = Array.from({ length: count }, (_, index) => ({
        ...{ name: `agent-${index}`, role: 'engineer', task: 'Wait' },
        command: `cat go${count}`,
      }));
      writeFileSync(join(maos.project, 'many.json'), JSON.stringify({ objective: 'Many', agents }));
      const window = await maosWindow(t, maos, sizeOf(size));
      await window.type('seq 100; maos run many.json');
      await window.waitFor(/^ *… \d+ more: /m);
      // Several frames later.
      await window.waitFor(/running {2}(?![0-2]\.)\d/);
      const history = await window.scrollback();
      assert.deepEqual(
        history.filter((line) => /agent-|running/.test(line)),
        [],
      );
      assert.ok(history.length <= 102, `${history.length} lines`);
      assert.match(await window.screen(), /^100$/m, 'what was there before is still above');
      await maos.run('cancel', 'latest');
      await window.waitFor(promptWith(1));
      assert.equal((await window.scrollback()).filter((line) => /^⠋|running ·/.test(line)).length, 0);
    });
  }
});
