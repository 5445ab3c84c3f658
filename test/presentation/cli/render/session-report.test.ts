import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LiveStatus } from '../../../../src/application/queries/live-status.ts';
import { noBudget } from '../../../../src/domain/budget.ts';
import { formatTime } from '../../../../src/presentation/cli/render/format.ts';
import { renderPlan } from '../../../../src/presentation/cli/render/plan-view.ts';
import { renderNext, renderReport } from '../../../../src/presentation/cli/render/session-report.ts';
import { plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { agent, failureOf, ms, sessionId, time, usage, waiting, workflow } from '../samples.ts';

const canvas = { paint: plainPaint, width: Number.POSITIVE_INFINITY };
const spec = agent('spec', {
  state: 'completed',
  endedAt: time(2.5),
  result: 'Wrote it.\n\nFiles:\n- spec.md\nOpen: none\n',
  usage,
});
const build = agent('build', {
  state: 'failed',
  backend: 'command',
  endedAt: time(4),
  failure: failureOf('exit_code', 'The command exited with status 3.', 'first\n\u001b[31mboom\u001b[0m\n'),
});
const check = agent('check', {
  ...waiting,
  state: 'cancelled',
  dependsOn: [build.id],
  failure: failureOf('dependency_failed', "It depends on 'build', which did not complete."),
});
const failed = workflow([spec, build, check], { state: 'failed', endedAt: time(4) });
const artifact = { sha256: '', recordedAt: time(3) };

function liveStatus(seconds: number): LiveStatus {
  return {
    now: ms(seconds),
    waiting: new Map(),
    reports: new Map(),
    stalled: null,
    requests: [],
    troubles: [],
    sessionRanMs: 0,
    agentRanMs: () => 0,
  };
}

/** No command line is known. */
const nothing = { byAgent: new Map(), remarks: [] };

describe('the report on a session', () => {
  it('tells who has given a result and does not end, and what was not permitted', () => {
    const shown = Array.from({ length: 7 }, (_, index) => `Bash: git push ${index}\nmore`);
    const server = agent('server', {
      lingering: { background: ['Serve\nit'], until: time(100) },
      denials: { count: 9, shown },
      subagents: 2,
    });
    const other = agent('other', { lingering: { background: [], until: null } });
    const facts = {
      workflow: workflow([server, other]),
      artifacts: [],
      folder: '/s',
      liveStatus: liveStatus(40),
    };
    const lines = renderReport(facts, canvas);
    const from = (title: string) => lines.slice(lines.indexOf(title));
    assert.deepEqual(from('Result given, still running').slice(1, 4), [
      `  server: Serve it; remaining processes are ended at ${formatTime(time(100))}, in 1m 00s`,
      '  other: until its time limit',
      '',
    ]);
    assert.deepEqual(from('Not permitted').slice(1, 4), [
      '  server',
      '    Bash: git push 0 more',
      '    Bash: git push 1 more',
    ]);
    assert.equal(from('Not permitted')[7], '    … 4 more');
    assert.deepEqual(from('Sub-agents').slice(1, 3), ['  server: 2 started', '']);
  });

  it('shows which paths its agents have claimed', () => {
    const claim = { path: 'src/a\u202e', agent: 'server', claimedAt: time(30), expiresAt: time(100) };
    const facts = {
      workflow: workflow([agent('server')]),
      artifacts: [],
      folder: '/s',
      liveStatus: liveStatus(40),
      claims: Array.from({ length: 22 }, (_, index) => ({
        ...claim,
        reason: index === 0 ? 'the\nlogin' : '',
      })),
    };
    const lines = renderReport(facts, canvas);
    const shown = lines.slice(lines.indexOf('Path claims') + 1);
    const until = `until ${formatTime(time(100))}, in 1m 00s`;
    assert.deepEqual(shown.slice(0, 2), [
      `  server: src/a\\u202e, ${until}: the login`,
      `  server: src/a\\u202e, ${until}`,
    ]);
    assert.equal(shown[20], '  … 2 more');
  });

  it('shows what a running agent is at, unless its program just runs', () => {
    const agents = [
      agent('made', { stage: 'preparing' }),
      agent('runs'),
      agent('done', { stage: 'collecting', state: 'running' }),
    ];
    const facts = { workflow: workflow(agents), artifacts: [], folder: '/s', liveStatus: liveStatus(40) };
    const lines = renderReport(facts, canvas);
    const stateOf = (name: string) =>
      lines
        .find((line) => line.includes(` ${name} `))
        ?.trim()
        .split(/ +/)[4];
    assert.deepEqual(['made', 'runs', 'done'].map(stateOf), ['preparing', 'running', 'collecting']);
    const still = { ...facts, workflow: workflow(agents, { state: 'paused', pauseReason: 'user' }) };
    assert.equal(renderReport(still, canvas).filter((line) => line.includes(' suspended ')).length, 3);
  });

  it('tells all there is', () => {
    const facts = {
      workflow: failed,
      artifacts: [
        { ...artifact, path: 'results/spec/spec.md', sizeBytes: 1_234, by: spec.id, candidates: ['spec'] },
        { ...artifact, path: 'shared/context/x', sizeBytes: 5, by: null, candidates: ['spec', 'build'] },
      ],
      folder: '/home/me/.maos/projects/p/sessions/s',
      liveStatus: liveStatus(100),
    };
    assert.deepEqual(renderReport(facts, canvas), [
      `✗ ${sessionId} failed  1 of 3 agents completed, 1 failed, 1 cancelled · 4.0s · 12.3k tokens, $0.25`,
      '  Ship it.',
      '',
      '   AGENT  ROLE  BACKEND  STATE      TIME  TOKENS   COST  ID      AFTER',
      '✓  spec   qa    claude   completed  1.5s   12.3k  $0.25  spec00',
      '✗  build  qa    command  failed     3.0s                 build0',
      '⊘  check  qa    claude   cancelled                       check0  build',
      '',
      'Results',
      '  spec',
      '    Wrote it.',
      '    Files:',
      '    - spec.md',
      '    … 1 line more',
      '',
      'Failures',
      '  build: exit_code: The command exited with status 3.',
      '    | first',
      '    | boom',
      "  check: dependency_failed: It depends on 'build', which did not complete.",
      '',
      'Files',
      '  FILE                    SIZE  BY',
      '  results/spec/spec.md  1.2 kB  spec',
      '  shared/context/x         5 B  spec or build',
      '',
      'Session folder  /home/me/.maos/projects/p/sessions/s',
    ]);
  });

  it("ends a program's result with its last lines", () => {
    const program = agent('p', {
      state: 'completed',
      backend: 'command',
      command: 'seq 5',
      result: '1\n2\n3\n4\n5',
      endedAt: time(2),
    });
    const facts = { workflow: workflow([program]), artifacts: [], folder: '/s', liveStatus: liveStatus(3) };
    const lines = renderReport(facts, canvas);
    const at = lines.indexOf('Results');
    assert.deepEqual(lines.slice(at, at + 6), [
      'Results',
      '  p',
      '    … 2 lines before',
      '    3',
      '    4',
      '    5',
    ]);
  });

  it('says why a session is paused', () => {
    const paused = workflow([agent('a')], { state: 'paused', pauseReason: 'interrupted' });
    const facts = { workflow: paused, artifacts: [], folder: '/s', liveStatus: liveStatus(1) };
    const [first] = renderReport(facts, canvas);
    assert.equal(first, `‖ ${sessionId} paused (interrupted)  0 of 1 agent completed · 1.0s`);
  });

  it('says until when a provider is waited for, and who stands still', () => {
    const resumeAt = time(725);
    const stopped = agent('b', { state: 'resumable', attempt: 3, notBefore: resumeAt, endedAt: time(2) });
    const paused = workflow([agent('a'), stopped], { state: 'paused', pauseReason: 'quota', resumeAt });
    const facts = { workflow: paused, artifacts: [], folder: '/s', liveStatus: liveStatus(5) };
    const clock = formatTime(resumeAt);
    assert.deepEqual(renderReport(facts, canvas).slice(0, 8), [
      `‖ ${sessionId} paused (quota until ${clock}, in 12m 00s)  0 of 2 agents completed · 5.0s`,
      '  Ship it.',
      '',
      '   AGENT  ROLE  BACKEND  STATE      ATTEMPT  TIME  ID',
      '‖  a      qa    claude   suspended           4.0s  a00000',
      '‖  b      qa    claude   resumable        3  1.0s  b00000',
      '',
      'Waiting',
    ]);
    assert.equal(renderReport(facts, canvas)[8], `  b: rate limited, retrying at ${clock}, in 12m 00s`);
    const due = renderReport({ ...facts, liveStatus: liveStatus(800) }, canvas);
    assert.match(due[0] as string, /paused \(quota until now\)/);
    assert.ok(!due.includes('Waiting'));
  });

  it('gives the numbers of what an agent waits for', () => {
    const wait = agent('w', waiting);
    const facts = {
      workflow: workflow([wait]),
      artifacts: [],
      folder: '/s',
      liveStatus: {
        ...liveStatus(1),
        waiting: new Map([[wait.id, { cause: 'memory', freeMb: 512, neededMb: 1_024 } as const]]),
      },
    };
    const lines = renderReport(facts, canvas);
    assert.equal(
      lines[lines.indexOf('Waiting') + 1],
      '  w: not enough free memory on this machine (512 MiB free, 1024 MiB needed)',
    );
  });

  it('says what of each budget is used up', () => {
    const capped = agent('a', { usage, budget: { ...noBudget, maxTurns: 2 } });
    const facts = {
      workflow: workflow([capped, agent('free', { usage })], {
        budget: { maxTokens: 50_000, maxCostUsd: 1, maxTurns: null, maxWallMs: 600_000 },
      }),
      artifacts: [],
      folder: '/s',
      liveStatus: { ...liveStatus(100), sessionRanMs: 60_000 },
    };
    const lines = renderReport(facts, canvas);
    const at = lines.indexOf('Budgets');
    assert.deepEqual(lines.slice(at + 1, at + 4), [
      '  session: 24.7k of 50.0k tokens (49 %), $0.50 of $1.00 (50 %), 1m 00s of 10m 00s (10 %)',
      '  a: 3 of 2 turns (150 %)',
      '',
    ]);
  });

  it('names what to try next, aligned', () => {
    const next = renderNext(
      [
        ['maos x', 'one'],
        ['maos longer', 'two'],
      ],
      canvas,
    );
    assert.deepEqual(next, ['Next', '  maos x       one', '  maos longer  two']);
  });
});

describe('the plan of a dry run', () => {
  it('goes phase by phase', () => {
    const plan = workflow(
      [
        agent('a', {
          ...waiting,
          model: 'opus',
          task: 'Do\nthis.',
          budget: { ...noBudget, maxCostUsd: 2.5 },
        }),
        agent('b', { ...waiting, dependsOn: [agent('a').id], phase: 1, backend: 'command' }),
      ],
      {
        state: 'created',
        strategy: 'sequential',
        limits: { maxConcurrency: 2, maxAgentsPerRole: null },
        budget: { maxTokens: 50_000, maxCostUsd: null, maxTurns: 1, maxWallMs: 90_000 },
      },
    );
    assert.deepEqual(renderPlan(plan, nothing, canvas), [
      'Plan: Ship it.',
      '2 agents · 2 phases · strategy sequential · failure policy continue · at most 2 at once · budget 50.0k tokens · budget 1 turn · budget 1m 30s',
      '',
      'Phase 1',
      '  a (qa, claude opus, at most 1m 00s, at most 1024 MB, budget $2.50)',
      '    Do this.',
      '',
      'Phase 2',
      '  b (qa, command, at most 1m 00s, at most 1024 MB) after a',
      '    Do b.',
      '',
      'Graph',
      '●    a (qa)',
      '╰─●  b (qa)',
      '',
      'Nothing was stored or started (dry run).',
    ]);
  });

  it('says which agents work in worktrees, what checks them, and that the work lands', () => {
    const verify = { commands: ['npm ci', 'npm test'], timeoutMs: 60_000, fixRounds: 2, protect: [] };
    const plan = workflow(
      [
        agent('a', { ...waiting, workspace: 'worktree' }),
        agent('b', { ...waiting, workspace: 'worktree', verify }),
        agent('c', { ...waiting, workspace: 'own', verify }),
        agent('verify', { ...waiting, workspace: 'worktree', verify }),
      ],
      { state: 'created', verify },
    );
    const lines = renderPlan(plan, nothing, canvas);
    const landing = renderPlan({ ...plan, session: { ...plan.session, land: 'auto' } }, nothing, canvas);
    assert.match(landing[1] ?? '', / · lands when completed$/);
    assert.deepEqual(
      lines.filter((line) => line.includes('worktree') || line.includes('check')),
      [
        '    in a worktree',
        '    in a worktree, checked by npm ci; npm test',
        '    checked by npm ci; npm test',
        '    in a worktree, checks all work by npm ci; npm test',
      ],
    );
  });
});
