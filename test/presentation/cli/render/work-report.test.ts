import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent } from '../../../../src/domain/agent.ts';
import type { Session } from '../../../../src/domain/session.ts';
import { type CheckReport, noProof, type Proof } from '../../../../src/domain/verification.ts';
import { renderLive } from '../../../../src/presentation/cli/render/live-block.ts';
import { renderReport } from '../../../../src/presentation/cli/render/session-report.ts';
import { plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { agent, failureOf, ms, sessionId, time, workflow } from '../samples.ts';

const canvas = { paint: plainPaint, width: Number.POSITIVE_INFINITY };
const base = 'b'.repeat(40);
const commit = '0123456789abcdef0123456789abcdef01234567';
const verify = { commands: ['npm run lint', 'npm test'], timeoutMs: 60_000, fixRounds: 2, protect: [] };

function work(name: string, given: Partial<NonNullable<Agent['work']>> = {}): Partial<Agent> {
  const diff = { files: 3, insertions: 40, deletions: 2 };
  const branch = `maos/${sessionId}/${name}`;
  return { workspace: 'worktree', work: { branch, base, commit, diff, ...given } };
}

function report(given: Partial<CheckReport> = {}): CheckReport {
  return {
    ...{ check: 2, command: 'npm test', commit, exitCode: 1, signal: null, reason: null },
    ...{ startedAt: time(1), endedAt: time(2), logSha256: 'a'.repeat(64), logBytes: 9, restored: [] },
    ...given,
  };
}

function proof(given: Partial<Proof> = {}): Proof {
  return { ...noProof, checks: 2, command: 1, ...given };
}

function linesOf(agents: readonly Agent[], session: Partial<Session> = {}): string[] {
  const facts = {
    workflow: workflow(agents, session),
    artifacts: [],
    folder: '/s',
    liveStatus: {
      ...{ now: ms(9), waiting: new Map(), reports: new Map(), stalled: null, requests: [], troubles: [] },
      ...{ sessionRanMs: 0, agentRanMs: () => 0 },
    },
  };
  return renderReport(facts, canvas);
}

function section(lines: readonly string[], title: string): readonly string[] {
  const at = lines.indexOf(title);
  assert.ok(at >= 0, `no section ${title} in:\n${lines.join('\n')}`);
  return lines.slice(at + 1, lines.indexOf('', at));
}

describe('the report on work in worktrees', () => {
  it('gives branch, commit, changes and proof of each agent', () => {
    const lines = linesOf([
      agent('made', { ...work('made'), state: 'completed', verify, proof: proof({ command: 2 }) }),
      agent('works', work('works', { commit: null, diff: null })),
      agent('bare', {
        ...work('bare', { diff: { files: 0, insertions: 0, deletions: 0 } }),
        state: 'completed',
      }),
      agent('plain', { state: 'completed' }),
    ]);
    const branch = (name: string) => `maos/${sessionId}/${name}`.padEnd(42);
    assert.deepEqual(section(lines, 'Work'), [
      `  AGENT  ${'BRANCH'.padEnd(42)}  COMMIT      CHANGES          CHECK`,
      `  made   ${branch('made')}  0123456789  3 files, +40 −2  passed`,
      `  works  ${branch('works')}                               none`,
      `  bare   ${branch('bare')}  0123456789  no changes       none`,
    ]);
  });

  it('names the command of a running check, and what an agent mends', () => {
    const failed = { report: report(), outputTail: 'not ok 1\n' };
    const agents = [
      agent('first', { stage: 'verifying', verify, proof: proof({ checks: 1, command: 0 }) }),
      agent('again', { stage: 'verifying', verify, proof: proof({ round: 1, failed }) }),
      agent('mends', { verify, proof: proof({ round: 2, failed }) }),
      agent('one', { stage: 'verifying', verify: { ...verify, commands: ['make\ncheck'] }, proof: null }),
    ];
    assert.deepEqual(section(linesOf(agents), 'Verifying'), [
      '  first: runs npm run lint, command 1 of 2',
      '  again: runs npm test, command 2 of 2, fix round 1 of 2',
      '  mends: fixes what npm test found, fix round 2 of 2',
      '  one: runs make\\ncheck',
    ]);
    const view = { workflow: workflow(agents), activities: new Map(), now: ms(9), frame: 0 };
    const live = renderLive(view, { columns: 120, rows: 20 }, plainPaint);
    const ofAgent = (name: string) => live.find((line) => line.includes(` ${name} `)) ?? assert.fail(name);
    assert.match(ofAgent('first'), / verifying .* runs npm run lint, command 1 of 2$/);
    assert.match(ofAgent('one'), / verifying .* runs make\\ncheck$/);
  });

  it('says what a failed check found, where its whole output is, and that it failed the agent', () => {
    const tail = `${Array.from({ length: 30 }, (_, index) => `line ${index}`).join('\n')}\n\u001b[31mnot ok\u001b[0m\n`;
    const lines = linesOf(
      [
        agent('builder', {
          ...work('builder'),
          ...{
            state: 'failed',
            verify,
            proof: proof({ round: 2, failed: { report: report(), outputTail: tail } }),
          },
          failure: failureOf('verification_failed', 'npm test: exit status 1.', tail),
        }),
        agent('slow', {
          verify,
          proof: proof({
            round: 1,
            failed: { report: report({ exitCode: null, signal: 'SIGKILL', commit: null }), outputTail: '' },
          }),
        }),
      ],
      { state: 'failed' },
    );
    assert.deepEqual(section(lines, 'Failures'), [
      '  builder: verification_failed: npm test: exit status 1.',
    ]);
    const found = section(lines, 'Failed checks');
    assert.equal(found[0], '  builder: npm test: exit status 1, at commit 0123456789');
    assert.deepEqual(
      [found[1], found[10], found[11]],
      ['    | line 21', '    | not ok', `    all of its output: maos logs ${sessionId} builder --check 2`],
    );
    assert.deepEqual(found.slice(12), [
      '  slow: npm test: signal SIGKILL',
      `    all of its output: maos logs ${sessionId} slow --check 2`,
    ]);
  });

  it('says what a session lands', () => {
    const landing = { sessionId, target: 'main', squash: true };
    assert.equal(linesOf([agent('a')], { landing })[2], `  lands ${sessionId} onto main, squashed`);
  });
});
