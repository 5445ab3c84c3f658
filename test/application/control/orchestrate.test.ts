import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { orchestrate } from '../../../src/application/control/orchestrate.ts';
import type { IdSource } from '../../../src/application/ports/id-source.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { makeIdSource } from '../../../src/infrastructure/ids.ts';
import { type AgentJson, type PlanJson, requestOf } from '../../../src/presentation/contracts/plan-input.ts';
import { eventOf, type RealProject, realProject, run, shell } from '../../helpers/real-project.ts';

const plain: AgentJson = { role: 'tester', task: 'Test it.', command: 'true' };

function ask(real: RealProject, request: Partial<PlanJson>, origin: 'terminal' | 'client' = 'terminal') {
  return orchestrate(real.project, real.supervisor, requestOf({ objective: 'Do it.', ...request }), origin);
}

/** Rejected with this code and message, and nothing is stored or announced. */
async function refused(
  real: RealProject,
  request: Partial<PlanJson>,
  code: string,
  message: string | RegExp,
  details?: Readonly<Record<string, unknown>>,
): Promise<void> {
  await assert.rejects(ask(real, request), { name: 'MaosError', code, message, ...(details && { details }) });
  assert.deepEqual(real.project.store.list({ limit: 10 }), []);
  assert.deepEqual(real.supervisor.owned, []);
  assert.equal(await real.project.instances.isAlive(real.project.instance), false);
}

/** Claude Code on a machine without it. */
function noClaude() {
  const config = {
    path: null,
    model: null,
    permissionMode: 'plan' as const,
    allowedTools: [],
    extraArgs: [],
    maxBudgetUsd: null,
  };
  return makeClaudeBackend({ config, env: { PATH: '/nonexistent' } });
}

describe('a request that is refused', () => {
  const cases: [title: string, agents: AgentJson[], code: string, message: string][] = [
    [
      'an unknown role, with those that are near',
      [{ ...plain, role: 'testr' }],
      'INVALID_ROLE',
      `There is no role "testr". Did you mean "tester"? 'maos roles' (list-roles) lists the roles; define your own as {name, description}.`,
    ],
    [
      'an unknown role like no other',
      [{ ...plain, role: 'zzzzzzzzzzzzz' }],
      'INVALID_ROLE',
      `There is no role "zzzzzzzzzzzzz". 'maos roles' (list-roles) lists the roles; define your own as {name, description}.`,
    ],
    [
      'a role of one own with a name that cannot be one',
      [{ ...plain, role: { name: '../x', description: 'Evil.' } }],
      'INVALID_ROLE',
      `Role name "../x" is not valid: use 1 to 63 of a-z, 0-9 and '_', starting with a letter.`,
    ],
    [
      "a role of one's own with the name of a predefined one",
      [{ ...plain, role: { name: 'tester', description: 'Mine.' } }],
      'INVALID_ROLE',
      '"tester" is a predefined role: refer to it by name ("role": "tester"), or give your own role another name.',
    ],
    [
      "a role of one's own with the name of an alias",
      [{ ...plain, role: { name: 'architect', description: 'Mine.' } }],
      'INVALID_ROLE',
      '"architect" is a predefined role: refer to it by name ("role": "architect"), or give your own role another name.',
    ],
    ['no agents', [], 'INVALID_PLAN', 'The plan has no agents: add at least one {role, task}.'],
    [
      'the backend command without a command',
      [{ role: 'tester', task: 'x', backend: 'command' }],
      'INVALID_PLAN',
      'Agent 1 (tester) uses the backend "command" but has no command: add one, as an array (program and arguments) or a shell line.',
    ],
    [
      'a command for another backend',
      [plain, { ...plain, name: 'second', backend: 'claude' }],
      'INVALID_PLAN',
      `Agent second has a command, which only the backend "command" runs: remove it, or use that backend instead of "claude".`,
    ],
    [
      'an unknown backend',
      [{ role: 'tester', task: 'x', backend: 'cloud' }],
      'INVALID_INPUT',
      'Unknown backend "cloud". Did you mean "claude"? Backends: command, claude.',
    ],
    [
      'two agents of one name',
      [
        { ...plain, name: 'twin' },
        { ...plain, name: 'twin' },
      ],
      'INVALID_PLAN',
      'Agents 1 and 2 are both named "twin": give one of them another name.',
    ],
    [
      'a dependency on nobody',
      [{ ...plain, depends_on: ['nobody'] }],
      'INVALID_PLAN',
      'Agent "tester" depends on "nobody", which is not in this plan. The plan has no other agent.',
    ],
    [
      'a cycle',
      [
        { ...plain, name: 'a', depends_on: ['b'] },
        { ...plain, name: 'b', depends_on: ['a'] },
      ],
      'INVALID_PLAN',
      'The plan has a cycle: a needs b needs a. Remove one of these dependencies.',
    ],
  ];
  for (const [title, agents, code, message] of cases) {
    it(`for ${title}: ${code}, and nothing is stored`, async (t) => {
      await refused(realProject(t, { backends: [noClaude()] }), { agents }, code, message);
    });
  }

  it('for teams nested too deep says so, with the limit', async (t) => {
    const real = realProject(t, { depth: 2 });
    const message =
      'This maos runs inside an agent at depth 2, and teams can be nested at most 2 deep. Do the work yourself, or raise the setting maxDepth.';
    await refused(real, { agents: [plain] }, 'RESOURCE_LIMIT_EXCEEDED', message, { depth: 2, limit: 2 });
  });

  it('for a backend that is not there, before anything is stored', async (t) => {
    const real = realProject(t, { backends: [noClaude()] });
    const agents = [plain, { role: 'qa', task: 'x', backend: 'claude' }];
    await refused(real, { agents }, 'BACKEND_UNAVAILABLE', /^Claude Code is not on PATH\. Install it/);
  });
});

describe('a dry run', () => {
  it('remarks on a backend that is not there', async (t) => {
    const real = realProject(t, { backends: [noClaude()] });
    const agents = [plain, { role: 'qa', task: 'x', backend: 'claude' }];
    const { stored, remarks } = await ask(real, { agents, dry_run: true });
    assert.equal(stored, false);
    assert.equal(remarks.length, 1);
    assert.match(remarks[0] ?? '', /^Claude Code is not on PATH\. Install it/);
  });

  it('answers with the plan and leaves no trace', async (t) => {
    const real = realProject(t);
    const agents = [shell('a', 'touch ran'), shell('b', 'touch ran', { depends_on: ['a'] })];
    const { stored, workflow } = await ask(real, { agents, dry_run: true });
    assert.equal(stored, false);
    assert.deepEqual(
      workflow.agents.map(({ name, phase }) => [name, phase]),
      [
        ['a', 0],
        ['b', 1],
      ],
    );
    assert.equal(workflow.session.state, 'created');
    assert.deepEqual(real.project.store.list({ limit: 10 }), []);
    assert.equal(existsSync(join(real.files.describe(workflow.session.id))), false);
    assert.equal(existsSync(join(real.root, 'ran')), false);
    assert.deepEqual(real.supervisor.owned, []);
  });
});

describe('a request that is granted', () => {
  it('is stored, with what the caller left out filled in', async (t) => {
    const real = realProject(t, { backends: [noClaude()] });
    const { workflow, stored } = await ask(real, {
      agents: [plain, { ...plain, role: 'qa', timeout_minutes: 0.5 }],
    });
    assert.equal(stored, true);
    const { session, agents } = real.project.store.load(workflow.session.id);
    assert.deepEqual(
      [session.strategy, session.failurePolicy, session.onExit, session.depth],
      ['parallel', 'continue', 'stop', 0],
    );
    assert.deepEqual(
      agents.map(({ name, backend, workspace, timeoutMs }) => [
        name,
        backend,
        workspace,
        Number(timeoutMs) > 60_000,
      ]),
      [
        ['tester', 'command', 'project', true],
        ['qa', 'command', 'project', false],
      ],
    );
    assert.equal(real.project.store.ownerOf(session.id), real.project.instance);
    assert.ok(await real.project.instances.isAlive(real.project.instance));
    await eventOf(real, session.id, 'session.completed');
  });

  it('may call roles by their aliases, also in depends_on', async (t) => {
    const real = realProject(t);
    const outcome = await run(real, [
      { role: 'engineer', task: 'Build.', command: 'echo built', depends_on: ['architect'] },
      { role: 'architect', task: 'Design.', command: 'echo designed' },
    ]);
    assert.equal(outcome.agent('backend_engineer').role.name, 'backend_engineer');
    assert.deepEqual(outcome.agent('backend_engineer').dependsOn, [outcome.agent('solution_architect').id]);
  });

  it("may bring roles of its own: the agent's environment describes them", async (t) => {
    const real = realProject(t);
    const role = { name: 'poet', description: 'Writes verse.', responsibilities: ['odes', 'sonnets'] };
    const line =
      'echo "$MAOS_AGENT_ROLE|$MAOS_AGENT_ROLE_DESC|$MAOS_AGENT_ROLE_RESPONSIBILITIES|$MAOS_DEPTH"';
    const outcome = await run(real, [{ role, task: 'Write.', command: line }]);
    assert.equal(outcome.agent('poet').result, 'poet|Writes verse.|odes\nsonnets|1');
    assert.match(outcome.agent('poet').id, /^agent_poet_1_[a-z0-9]{6}$/);
  });

  it('gets new ids when some it drew are taken', async (t) => {
    const real = realProject(t);
    const taken = (await run(real, [plain])).agent('tester').id;
    const fresh = makeIdSource();
    const drawn = [taken.slice(-6), taken.slice(-6), 'unused'];
    const ids: IdSource = { ulid: fresh.ulid, suffix: () => drawn.shift() ?? fresh.suffix() };
    const again = { ...real, project: { ...real.project, ids } };
    const { workflow } = await ask(again, { agents: [plain] });
    assert.equal(workflow.agents[0]?.id, 'agent_tester_1_unused');
    assert.deepEqual(drawn, []);
    assert.equal(real.project.store.list({ limit: 10 }).length, 2);
    await eventOf(real, workflow.session.id, 'session.completed');
  });

  it('fails when there is no end to ids that are taken', async (t) => {
    const real = realProject(t);
    const taken = (await run(real, [plain])).agent('tester').id;
    const ids: IdSource = { ulid: makeIdSource().ulid, suffix: () => taken.slice(-6) };
    const again = { ...real, project: { ...real.project, ids } };
    await assert.rejects(ask(again, { agents: [plain] }), {
      code: 'INTERNAL',
      message: /is taken by session/,
    });
    assert.equal(real.project.store.list({ limit: 10 }).length, 1);
  });
});

describe('a command asked for by a client', () => {
  type Command = NonNullable<AgentJson['command']>;

  async function isAllowed(
    real: RealProject,
    allowed: readonly string[],
    command: Command,
  ): Promise<boolean> {
    const project = { ...real.project, settings: { ...real.project.settings, allowCommands: allowed } };
    const agents = [{ role: 'tester', task: 'x', command }];
    try {
      await ask({ ...real, project }, { agents, dry_run: true }, 'client');
      return true;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'FORBIDDEN', String(error));
      return false;
    }
  }

  it('is forbidden unless the user allowed it; the message says how', async (t) => {
    const real = realProject(t);
    await assert.rejects(ask(real, { agents: [shell('a', 'npm "test"')] }, 'client'), {
      code: 'FORBIDDEN',
      message:
        'Clients are not allowed to run the command "npm \\"test\\"". The user can allow it in ~/.maos/config.json: ' +
        '"allowCommands": ["npm \\"test\\""] (exact lines, or patterns with *).',
      details: { command: 'npm "test"', setting: 'allowCommands' },
    });
    assert.deepEqual(real.project.store.list({ limit: 10 }), []);
    // From a terminal, any command is allowed, and agents of other backends have no command.
    assert.equal((await ask(real, { agents: [shell('a', 'npm "test"')], dry_run: true })).stored, false);
  });

  const matching: [allowed: string, command: Command, granted: boolean][] = [
    ['npm test', 'npm test', true],
    ['npm test', ['npm', 'test'], true],
    ['npm run *', ['npm', 'run', 'lint'], true],
    ['git log *', ['git log /../../../../bin/sh', '-c', 'id'], false],
  ];
  for (const [allowed, command, granted] of matching) {
    it(`${JSON.stringify(command)} is ${granted ? '' : 'not '}allowed by ${JSON.stringify(allowed)}`, async (t) => {
      assert.equal(await isAllowed(realProject(t), [allowed], command), granted);
    });
  }
});
