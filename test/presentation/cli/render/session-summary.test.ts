import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderSummary } from '../../../../src/presentation/cli/render/session-summary.ts';
import { plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { agent, failureOf, ms, sessionId, time, workflow } from '../samples.ts';

const liveStatus = {
  ...{ now: ms(9), waiting: new Map(), reports: new Map(), stalled: null, requests: [], troubles: [] },
  ...{ sessionRanMs: 0, agentRanMs: () => 0 },
};
const next = [['maos retry latest', 'retry the failed agents']] as const;
const options = { program: 'maos', session: sessionId, next } as const;

function summary(agents: ReturnType<typeof agent>[], width: number): string[] {
  const team = workflow(agents, { state: 'failed', endedAt: time(9) });
  const facts = { workflow: team, artifacts: [], folder: '/s', liveStatus };
  return renderSummary(facts, { paint: plainPaint, width }, options);
}

const failing = (name: string) =>
  agent(name, { state: 'failed', endedAt: time(4), failure: failureOf('exit_code', 'It exited with 3.') });

describe('the report at the end of a run', () => {
  it('shows all of a small team, and ends with failures, what to do next and the counts', () => {
    const done = agent('good', { state: 'completed', endedAt: time(2), result: 'Done.' });
    const lines = summary([done, failing('bad')], Number.POSITIVE_INFINITY);
    assert.deepEqual(lines.slice(lines.indexOf('Results'), lines.indexOf('Results') + 3), [
      'Results',
      '  good',
      '    Done.',
    ]);
    assert.deepEqual(lines.slice(-7), [
      'Failures',
      '  bad: exit_code: It exited with 3.',
      '',
      'Next',
      '  maos retry latest  retry the failed agents',
      '',
      `✗ ${sessionId} failed  1 of 2 agents completed, 1 failed · 9.0s`,
    ]);
  });

  it('fits the screen for a team of any size, and names what failed before what was cancelled for it', () => {
    const agents = Array.from({ length: 200 }, (_, index) => {
      if (index < 100) return agent(`a${index}`, { state: 'completed', endedAt: time(2), result: 'Done.' });
      if (index >= 190) return failing(`a${index}`);
      const why = failureOf('dependency_failed', 'It depends on another agent.');
      return agent(`a${index}`, { state: 'cancelled', endedAt: time(4), failure: why });
    });
    const lines = summary(agents, 60);
    assert.ok(lines.length < 40, `${lines.length} lines`);
    assert.ok(lines.includes(`  … 100 completed, 88 cancelled: maos status ${sessionId}`), lines.join('\n'));
    assert.match(lines[lines.indexOf('Failures') + 1] ?? '', /^ {2}a190: exit_code/);
    assert.equal(
      lines.at(-1),
      '✗ TVWXYZ failed  100 of 200 agents completed, 10 failed, 90 cancelled · 9.0s',
    );
    assert.ok(!lines.some((line) => line.includes('Done.')));
  });
});
