import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { noBudget } from '../../../../src/domain/budget.ts';
import { formatTime } from '../../../../src/presentation/cli/render/format.ts';
import { renderLive } from '../../../../src/presentation/cli/render/live-block.ts';
import { displayWidth, rowsOf } from '../../../../src/presentation/cli/render/text-width.ts';
import { colourPaint, plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { agent, failureOf, ms, time, usage, waiting, workflow } from '../samples.ts';

const spec = agent('spec', {
  state: 'completed',
  endedAt: time(2.5),
  result: '\nWrote spec.md\nand more\n',
  usage,
});
const team = workflow([
  spec,
  agent('builder', { role: { name: 'backend_engineer', custom: null }, startedAt: time(3), phase: 1 }),
  agent('linter', {
    state: 'failed',
    endedAt: time(4),
    failure: failureOf('exit_code', 'It exited with 3.'),
  }),
  agent('checker', { ...waiting, dependsOn: [spec.id, agent('builder').id], phase: 2 }),
  agent('extra', { ...waiting }),
]);
const view = {
  workflow: team,
  activities: new Map([
    [agent('builder').id, 'Edit: src/\u001b[31mapp\u0007.ts'],
    [agent('extra').id, 'limit of this machine reached (4 agents)'],
  ]),
  now: ms(65),
  frame: 1,
};

describe('the live view', () => {
  it('shows the session and every agent with what it does', () => {
    assert.deepEqual(renderLive(view, { columns: 100, rows: 24 }, plainPaint), [
      '⠙ TVWXYZ running  1m 05s · 12.3k tokens, $0.25 · Ship it.',
      '  ━━━━━━━━━───────────────  1 of 5 done · 1 failed · 1 running · 2 pending · phase 1 of 3',
      '┌ ✓ spec     completed  qa                   1.5s  12.3k tok $0.25  Wrote spec.md',
      '│ ✗ linter   failed     qa                   3.0s                   exit_code: It exited with 3.',
      '└ · extra    pending    qa                                          limit of this machine reached…',
      '─ ⠙ builder  running    backend_engineer   1m 02s                   Edit: src/app.ts',
      '─ · checker  pending    qa                                          after builder',
    ]);
  });

  it('has as many columns as fit, and on a low terminal a single line about the session', () => {
    assert.deepEqual(renderLive(view, { columns: 80, rows: 24 }, plainPaint).slice(2, 4), [
      '┌ ✓ spec     completed     1.5s  12.3k tok $0.25  Wrote spec.md',
      '│ ✗ linter   failed        3.0s                   exit_code: It exited with 3.',
    ]);
    assert.deepEqual(renderLive(view, { columns: 40, rows: 9 }, plainPaint), [
      '⠙ TVWXYZ running  1/5 done · 1 failed…',
      '┌ ✓ spec        1.5s  Wrote spec.md',
      '│ ✗ linter      3.0s  exit_code: It ex…',
      '└ · extra             limit of this ma…',
      '─ ⠙ builder   1m 02s  Edit: src/app.ts',
      '─ · checker           after builder',
    ]);
    assert.equal(
      renderLive(view, { columns: 200, rows: 50 }, plainPaint)[2],
      '┌ ✓ spec     completed  qa                Do spec.        1.5s  12.3k tok $0.25  Wrote spec.md',
    );
  });

  it('shows the last line of a program, and the task of an agent that has not told anything', () => {
    const program = { command: 'make', state: 'completed', endedAt: time(2), result: 'one\ntwo' } as const;
    const lines = renderLive(
      { ...view, workflow: workflow([agent('make', program), agent('new')]) },
      { columns: 80, rows: 24 },
      plainPaint,
    );
    assert.deepEqual(lines.slice(2), [
      '  ✓ make  completed  qa     1.0s  two',
      '  ⠙ new   running    qa   1m 04s  Do new.',
    ]);
  });

  it('shows what a running agent is at, unless its program just runs', () => {
    const agents = [
      agent('made', { stage: 'preparing' }),
      agent('runs'),
      agent('done', { stage: 'collecting', state: 'running' }),
    ];
    const activities = new Map<string, string>(agents.map(({ id }) => [id, 'Reading']));
    const lines = renderLive(
      { ...view, workflow: workflow(agents), activities },
      { columns: 100, rows: 24 },
      plainPaint,
    );
    assert.deepEqual(
      lines.slice(2).map((line) => line.split(/ {2}/).at(-1)),
      ['preparing', 'Reading', 'collecting its files'],
    );
  });

  it('shows what stands still, what is put off, and what is left of the budget', () => {
    const agents = [
      agent('held', { usage }),
      agent('off', { state: 'resumable', notBefore: time(125), endedAt: time(9) }),
    ];
    const paused = workflow(agents, {
      state: 'paused',
      pauseReason: 'user',
      budget: { ...noBudget, maxCostUsd: 1, maxWallMs: 60_000 },
    });
    const lines = renderLive(
      { ...view, workflow: paused, activities: new Map([[agents[0]?.id as string, 'Edit: x']]) },
      { columns: 130, rows: 24 },
      plainPaint,
    );
    assert.deepEqual(lines, [
      '‖ TVWXYZ paused (user)  1m 05s · 12.3k tokens, $0.25 · budget $0.25 of $1.00 (25 %) · Ship it.',
      '  ──────────────────────────────  0 of 2 done · 1 suspended · 1 resumable',
      '  ‖ held  suspended  qa   1m 04s  12.3k tok $0.25  Edit: x',
      `  ‖ off   resumable  qa     8.0s                   retrying at ${formatTime(time(125))}, in 1m 00s`,
    ]);
  });

  it('is no wider than the terminal, whatever stands in it', () => {
    const long = workflow([
      agent('n'.repeat(64), { usage, role: { name: 'r'.repeat(63), custom: null } }),
      agent('wide', { state: 'completed', endedAt: time(2), result: '日本語'.repeat(60) }),
    ]);
    for (const columns of [30, 60, 80, 81, 120]) {
      for (const line of renderLive({ ...view, workflow: long }, { columns, rows: 24 }, colourPaint)) {
        const width = displayWidth(stripVTControlCharacters(line));
        assert.ok(width < columns, `${width} of ${columns} columns: ${line}`);
      }
    }
  });

  it('shows what matters most of 50 agents, in plan order, and counts the rest', () => {
    const agents = Array.from({ length: 50 }, (_, index) => {
      const name = `agent-${String(index).padStart(2, '0')}`;
      if (index < 20) return agent(name, { state: 'completed', endedAt: time(index + 2), result: 'ok' });
      if (index === 30)
        return agent(name, { state: 'failed', failure: failureOf('signal', 'x'), endedAt: time(9) });
      return agent(name, index < 25 || index === 49 ? {} : waiting);
    });
    const lines = renderLive({ ...view, workflow: workflow(agents) }, { columns: 90, rows: 12 }, plainPaint);
    assert.equal(lines.length, 10, 'two rows stay free');
    const names = lines.slice(2, -1).map((line) => line.match(/agent-\d+/)?.[0]);
    assert.deepEqual(names, [
      'agent-20',
      'agent-21',
      'agent-22',
      'agent-23',
      'agent-24',
      'agent-30',
      'agent-49',
    ]);
    assert.equal(lines.at(-1), '  … 43 more: 23 pending, 20 completed');
  });

  it('leaves two rows free, and is never empty', () => {
    for (let rows = 1; rows < 60; rows++) {
      const lines = renderLive(view, { columns: 80, rows }, plainPaint);
      assert.ok(lines.length >= 1 && lines.length <= Math.max(1, rows - 2), `${lines.length} of ${rows}`);
    }
  });
});

describe('what was drawn', () => {
  it('takes a row per line, and more where a narrowed terminal has wrapped it', () => {
    assert.equal(rowsOf(['a', ''], 80), 2);
    assert.equal(rowsOf([`\u001b[31m${'x'.repeat(81)}\u001b[39m`, ''], 40), 4);
    assert.equal(rowsOf([], 80), 0);
  });
});
