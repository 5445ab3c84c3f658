import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { predefinedRoles } from '../../../src/infrastructure/files/roles/predefined-roles.ts';
import { agentRequest, planRequest } from '../../domain/samples.ts';
import { until } from '../../helpers/waiting.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(async () => {
  await bench.close();
  assert.deepEqual(bench.errors, []);
});

const say = (text: string) => ['/bin/echo', text];

async function finished(args: Record<string, unknown>) {
  const started = await bench.ask('orchestrate', args);
  return bench.ask('wait-session', { session_id: started.session_id, timeout_seconds: 30 });
}

describe('orchestrate', () => {
  it('answers at once with ids and states, and the team runs in order', async () => {
    const started = await bench.ask('orchestrate', {
      objective: 'Greet.',
      agents: [
        { role: 'qa', name: 'first', task: 'Say hello.', backend: 'command', command: say('hello') },
        { role: 'tester', task: 'Say bye.', command: say('bye'), depends_on: ['first'] },
      ],
    });
    assert.match(String(started.session_id), /^sess_/);
    assert.equal(started.stored, true);
    assert.match(String(started.next), /wait-session/);
    const agents = started.agents as Record<string, unknown>[];
    assert.deepEqual(
      agents.map(({ name, role, state, phase, depends_on }) => [name, role, state, phase, depends_on]),
      [
        ['first', 'qa', 'pending', 0, []],
        ['tester', 'tester', 'pending', 1, ['first']],
      ],
    );
    for (const { agent_id } of agents) assert.match(String(agent_id), /^agent_/);

    const ended = await bench.ask('wait-session', { session_id: started.session_id });
    assert.deepEqual([ended.state, ended.settled], ['completed', true]);
    assert.equal((ended.progress as Record<string, number>).completed, 2);
    assert.deepEqual(
      (ended.agents as Record<string, unknown>[]).map(({ name, state, result }) => [name, state, result]),
      [
        ['first', 'completed', 'hello'],
        ['tester', 'completed', 'bye'],
      ],
    );
  });

  it('shows the plan of a dry run and stores nothing', async () => {
    const before = await bench.ask('list-sessions', { limit: 50 });
    const plan = await bench.ask('orchestrate', {
      objective: 'Plan.',
      strategy: 'pipeline',
      dry_run: true,
      agents: ['a', 'b', 'c'].map((name) => ({
        role: 'qa',
        name,
        task: 'Do.',
        command: say(name),
        stage: name === 'c' ? 1 : 0,
      })),
    });
    assert.equal(plan.stored, false);
    assert.equal(plan.session_id, undefined);
    assert.deepEqual(plan.phases, [['a', 'b'], ['c']]);
    for (const agent of plan.agents as Record<string, unknown>[]) assert.equal(agent.agent_id, undefined);
    assert.deepEqual(await bench.ask('list-sessions', { limit: 50 }), before);
  });

  it('shows what checks the agents and the session, and refuses worktrees outside a repository', async () => {
    const agent = { role: 'qa', task: 'Do.', command: say('x'), verify: ['npm ci', 'npm test'] };
    const plan = { objective: 'Plan.', agents: [agent], verify: { command: 'make' }, dry_run: true };
    const { agents, phases } = await bench.ask('orchestrate', plan);
    assert.deepEqual(
      (agents as Record<string, unknown>[]).map(({ name, note }) => [name, note]),
      [
        ['qa', 'checked by npm ci; npm test'],
        ['verify', 'checks all work by make'],
      ],
    );
    assert.deepEqual(phases, [['qa'], ['verify']]);
    for (const more of [{ workspace: 'worktree' }, { worktree: { ports: 1 } }]) {
      const refused = await bench.refusal('orchestrate', { ...plan, agents: [{ ...agent, ...more }] });
      assert.match(refused, /^INVALID_INPUT: .*git/);
    }
  });

  it('cuts the plan of 500 agents and says how many are missing', async () => {
    const agents = Array.from({ length: 500 }, (_, index) => ({
      role: 'backend_engineer',
      name: `agent_with_a_long_name_that_takes_its_room_number_${index}`,
      task: 'Do.',
      command: say('x'),
    }));
    for (const strategy of ['parallel', 'sequential']) {
      const plan = await bench.ask('orchestrate', { objective: 'Many.', strategy, dry_run: true, agents });
      const shown = (plan.agents as unknown[]).length;
      assert.ok(shown > 3, `${shown} shown`);
      assert.equal(shown + Number(plan.agents_omitted), 500);
      const last = (plan.phases as string[][]).at(-1) as string[];
      assert.match(String(last.at(-1)), /^… [0-9]+ more/);
    }
  });

  it('refuses what is wrong with a code and the reason', async () => {
    const agent = { role: 'qa', task: 'Do.', command: say('x') };
    const cases: [args: Record<string, unknown>, said: RegExp][] = [
      [{}, /^INVALID_INPUT: .*objective/],
      [{ objective: 'x', agent: [] }, /^INVALID_INPUT: .*unknown key "agent"/],
      [
        { objective: 'x', agents: [{ ...agent, dependson: [] }] },
        /^INVALID_INPUT: .*agents\[0\].*"dependson"/,
      ],
      [{ objective: 'x', agents: [{ ...agent, role: 'chef' }] }, /^INVALID_ROLE: .*"chef"/],
      [{ objective: 'x', agents: [{ ...agent, depends_on: ['qa'] }] }, /^INVALID_PLAN: .*itself/],
      [{ objective: 'x', agents: [{ ...agent, backend: 'none' }] }, /^INVALID_(INPUT|PLAN): .*"none"/],
    ];
    for (const [args, said] of cases) assert.match(await bench.refusal('orchestrate', args), said);
  });
});

describe('wait-session', () => {
  it('comes back at the timeout with what is so far, and tells of every change', async () => {
    const updates: { progress: number; total?: number | undefined; message?: string | undefined }[] = [];
    const started = await bench.ask('orchestrate', {
      objective: 'Wait.',
      agents: [{ role: 'qa', task: 'Wait.', command: bench.gate('wait') }],
    });
    const { session_id } = started;
    const early = await bench.ask('wait-session', { session_id, timeout_seconds: 1 });
    assert.deepEqual([early.state, early.settled], ['running', false]);
    assert.match(String(early.next), /wait-session/);

    const wait = bench.ask('wait-session', { session_id }, { onprogress: (update) => updates.push(update) });
    bench.open('wait');
    const ended = await wait;
    assert.deepEqual([ended.state, ended.settled], ['completed', true]);
    assert.ok(
      updates.some(({ message }) => /qa: completed/.test(message ?? '')),
      JSON.stringify(updates),
    );
    for (const [index, { progress, total }] of updates.entries()) {
      assert.equal(total, 1);
      assert.ok(index === 0 || progress > (updates[index - 1]?.progress ?? 0), 'progress must grow');
    }
  });

  it('reports failures with their kind and what stderr said', async () => {
    const ended = await finished({
      objective: 'Fail.',
      agents: [
        {
          role: 'qa',
          name: 'bad',
          task: 'Fail.',
          command: ['/bin/sh', '-c', 'echo broken wheel >&2; exit 3'],
        },
        { role: 'qa', name: 'later', task: 'Never.', command: say('x'), depends_on: ['bad'] },
      ],
    });
    assert.equal(ended.state, 'failed');
    const [bad, later] = ended.agents as Record<string, unknown>[];
    assert.deepEqual([bad?.name, bad?.state, bad?.failure_kind], ['bad', 'failed', 'exit_code']);
    assert.match(String(bad?.failure), /broken wheel/);
    assert.deepEqual([later?.state, later?.failure_kind], ['cancelled', 'dependency_failed']);
    assert.match(String(ended.next), /failure/);
  });

  it('ends without an answer when the client calls it off', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Call off.',
      agents: [{ role: 'qa', task: 'Wait.', command: bench.gate('off') }],
    });
    const calledOff = new AbortController();
    const wait = bench.call(
      'wait-session',
      { session_id, timeout_seconds: 280 },
      { signal: calledOff.signal },
    );
    calledOff.abort('changed my mind');
    await assert.rejects(wait, /changed my mind/);
    bench.open('off');
    const ended = await bench.ask('wait-session', { session_id });
    assert.equal(ended.state, 'completed');
  });

  it('lists the files agents left', async () => {
    const ended = await finished({
      objective: 'Write.',
      agents: [
        { role: 'qa', task: 'Write.', command: ['/bin/sh', '-c', 'echo 1 > "$MAOS_SHARED_CONTEXT/spec.md"'] },
      ],
    });
    assert.deepEqual(ended.files, ['shared/context/spec.md']);
    assert.match(String(ended.folder), /sess_/);
  });

  it('keeps 500 agents in one answer, the failed first', async () => {
    const long = `${'é"'.repeat(2_000)}end`;
    const ended = await finished({
      objective: 'Many.',
      max_concurrency: 4,
      failure_policy: 'fail_fast',
      agents: Array.from({ length: 500 }, (_, index) => ({
        role: 'qa',
        name: `n${index}`,
        task: 'Do.',
        command: index === 7 ? ['/bin/sh', '-c', 'printf "%s" "$0" >&2; exit 1', long] : say(long),
      })),
    });
    assert.equal(ended.state, 'failed');
    const agents = ended.agents as Record<string, unknown>[];
    assert.deepEqual([agents[0]?.name, agents[0]?.state], ['n7', 'failed']);
    assert.equal(agents.length + Number(ended.agents_omitted), 500);
  });
});

describe('session-status', () => {
  it('gives everything asked for', async () => {
    const { session_id } = await finished({
      objective: 'Look.',
      agents: [{ role: 'qa', task: 'Do.', command: say('done') }],
    });
    const full = await bench.ask('session-status', {
      session_id: 'latest',
      include_events: true,
    });
    assert.equal(full.session_id, session_id);
    assert.equal(full.objective, 'Look.');
    const events = full.events as string[];
    assert.match(String(events[0]), /^1 2.*Z session\.created: /);
    assert.match(String(events.at(-1)), /session\.completed/);
    const [agent] = full.agents as Record<string, unknown>[];
    assert.deepEqual(
      [agent?.name, agent?.state, agent?.attempt, agent?.result],
      ['qa', 'completed', 1, 'done'],
    );

    const short = await bench.ask('session-status', { session_id, include_agents: false });
    assert.equal(short.agents, undefined);
    assert.equal(short.events, undefined);
  });

  it('pages through 500 agents, none twice, none left out', async () => {
    const names = Array.from({ length: 500 }, (_, index) => `agent-${index}`);
    const { session } = bench.store(
      planRequest(
        names.map((name, index) => agentRequest({ name, dependsOn: index > 400 ? names.slice(0, 40) : [] })),
        { objective: '\u0001漢字'.repeat(500) },
      ),
    );
    const seen: unknown[] = [];
    let cursor: unknown;
    do {
      const page = await bench.ask('session-status', {
        session_id: session.id,
        include_events: true,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const agents = page.agents as Record<string, unknown>[];
      assert.ok(agents.length > 0);
      seen.push(...agents.map(({ name }) => name));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    assert.deepEqual(seen, names);
  });

  it('refuses unknown sessions and cursors', async () => {
    assert.match(
      await bench.refusal('session-status', { session_id: 'nothing' }),
      /^SESSION_NOT_FOUND: .*list-sessions/,
    );
    assert.match(await bench.refusal('session-status', { session_id: '../x' }), /^INVALID_INPUT: /);
    assert.match(
      await bench.refusal('session-status', { session_id: 'latest', cursor: '7' }),
      /^INVALID_INPUT: .*cursor/,
    );
  });
});

describe('control-session', () => {
  it('cancels, answers when all has stopped, and may be repeated', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Cancel.',
      agents: [{ role: 'qa', task: 'Wait.', command: bench.gate('never') }],
    });
    const cancelled = await bench.ask('control-session', { session_id, action: 'cancel' });
    assert.equal(cancelled.state, 'cancelled');
    assert.deepEqual(await bench.ask('control-session', { session_id, action: 'cancel' }), cancelled);
    const status = await bench.ask('session-status', { session_id });
    assert.equal((status.agents as Record<string, unknown>[])[0]?.state, 'cancelled');
  });

  it('pauses what runs as it is, and resumes it', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Pause.',
      agents: [{ role: 'qa', task: 'Wait.', command: bench.gate('pause') }],
      budget: { max_tokens: 1_000, max_minutes: 60 },
    });
    await agentRuns(session_id as string);
    const paused = await bench.ask('control-session', { session_id, action: 'pause' });
    assert.equal(paused.state, 'paused');
    assert.match(
      paused.summary as string,
      /is paused \(user\): 1 agent, 1 running\. Running agents are suspended\./,
    );
    assert.match(paused.next as string, /resume/);
    const status = await bench.ask('session-status', { session_id });
    assert.deepEqual(
      [status.reason, (status.agents as Record<string, unknown>[])[0]?.note],
      ['user', 'suspended'],
    );
    assert.match(status.budget as string, /^tokens 0 of 1000 \(0 %\), minutes 0\.\d of 60 \(0 %\)$/);
    assert.equal((await bench.ask('control-session', { session_id, action: 'resume' })).state, 'running');
    bench.open('pause');
    const ended = await bench.ask('wait-session', { session_id });
    assert.equal(ended.state, 'completed');
  });

  it('retries what failed, all of it or one agent', async () => {
    const { session_id } = await finished({
      objective: 'Fail.',
      agents: [
        { role: 'qa', name: 'bad', task: 'Fail.', command: ['/bin/sh', '-c', 'exit 3'] },
        { role: 'qa', name: 'good', task: 'Do.', command: say('x') },
      ],
    });
    const retried = await bench.ask('control-session', { session_id, action: 'retry', agent_id: 'bad' });
    assert.match(retried.summary as string, /^Agent bad is /);
    await bench.ask('wait-session', { session_id });
    await bench.ask('control-session', { session_id, action: 'retry' });
    const ended = await bench.ask('wait-session', { session_id });
    assert.equal(ended.state, 'failed');
    assert.match(ended.next as string, /retry/);
    const { agents } = await bench.ask('session-status', { session_id });
    assert.deepEqual(
      (agents as Record<string, unknown>[]).map(({ name, attempt }) => [name, attempt]),
      [
        ['bad', 3],
        ['good', 1],
      ],
    );
    assert.match(
      await bench.refusal('control-session', { session_id, action: 'retry', agent_id: 'good' }),
      /^INVALID_TRANSITION: /,
    );
  });

  it('cancels one agent and what depends on it', async () => {
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Lose one.',
      agents: [
        { role: 'qa', name: 'kept', task: 'Wait.', command: bench.gate('kept') },
        { role: 'qa', name: 'lost', task: 'Wait.', command: bench.gate('lost') },
        { role: 'qa', name: 'after', task: 'Do.', command: say('x'), depends_on: ['lost'] },
      ],
    });
    await until(async () => (await bench.ask('session-status', { session_id })).state === 'running');
    const answer = await bench.ask('control-session', { session_id, action: 'cancel', agent_id: 'lost' });
    assert.deepEqual([answer.state, answer.agent_state], ['running', 'cancelled']);
    bench.open('kept');
    const { agents } = await bench.ask('wait-session', { session_id });
    assert.deepEqual(
      Object.fromEntries((agents as Record<string, unknown>[]).map(({ name, state }) => [name, state])),
      { kept: 'completed', lost: 'cancelled', after: 'cancelled' },
    );
  });

  it('refuses agents there are not, and to pause only one', async () => {
    const { session_id } = await finished({
      objective: 'End.',
      agents: [{ role: 'qa', task: 'Do.', command: say('x') }],
    });
    const refused = (args: Record<string, unknown>) =>
      bench.refusal('control-session', { session_id, ...args });
    assert.match(
      await refused({ action: 'retry', agent_id: 'nobody' }),
      /^AGENT_NOT_FOUND: .*Its agents: qa/,
    );
    assert.match(await refused({ action: 'pause', agent_id: 'qa' }), /^INVALID_INPUT: .*whole session/);
    assert.match(await refused({ action: 'pause' }), /^INVALID_TRANSITION: .*completed/);
    assert.match(await refused({ action: 'resume' }), /^INVALID_TRANSITION: .*completed/);
    assert.match(await refused({ action: 'retry' }), /^INVALID_TRANSITION: .*completed/);
  });

  it('refuses to cancel what has ended, and actions there are not', async () => {
    const { session_id } = await finished({
      objective: 'End.',
      agents: [{ role: 'qa', task: 'Do.', command: say('x') }],
    });
    assert.match(
      await bench.refusal('control-session', { session_id, action: 'cancel' }),
      /^INVALID_TRANSITION: .*completed/,
    );
    assert.match(
      await bench.refusal('control-session', { session_id, action: 'explode' }),
      /^INVALID_INPUT: .*action/,
    );
  });
});

/** Settles once an agent of the session has its process. */
async function agentRuns(session_id: string): Promise<void> {
  for (;;) {
    const { events } = await bench.ask('session-status', { session_id, include_events: true });
    if ((events as string[]).some((event) => event.includes('agent.spawned'))) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('list-sessions', () => {
  it('pages through all of them, newest first', async () => {
    const stored = Array.from({ length: 25 }, () =>
      bench.store(planRequest([agentRequest()], { objective: 'A rather long objective. '.repeat(40) })),
    );
    const newest = stored.map(({ session }) => session.id).reverse();
    const seen: unknown[] = [];
    let cursor: unknown;
    do {
      const page = await bench.ask('list-sessions', {
        state: 'created',
        limit: 50,
        ...(cursor === undefined ? {} : { cursor }),
      });
      seen.push(...(page.sessions as Record<string, unknown>[]).map(({ session_id }) => session_id));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    assert.deepEqual(seen.slice(0, 25), newest);
    assert.equal(new Set(seen).size, seen.length);
    const ten = await bench.ask('list-sessions');
    assert.equal((ten.sessions as unknown[]).length, 10);
    assert.notEqual(ten.next_cursor, undefined);
  });

  it('refuses limits and cursors out of range', async () => {
    assert.match(await bench.refusal('list-sessions', { limit: 51 }), /^INVALID_INPUT: .*limit/);
    assert.match(await bench.refusal('list-sessions', { cursor: 'x' }), /^INVALID_INPUT: .*cursor/);
  });
});

describe('list-roles', () => {
  it('gives all predefined roles in one answer, in both forms', async () => {
    const answer = await bench.ask('list-roles');
    const roles = answer.roles as Record<string, unknown>[];
    assert.deepEqual(
      roles.map(({ name }) => name),
      predefinedRoles().map(({ name }) => name),
    );
    assert.equal(answer.next_cursor, undefined);
    const { content } = await bench.call('list-roles');
    const text = content[0]?.type === 'text' ? content[0].text : '';
    for (const role of predefinedRoles()) {
      const { defaultTimeoutMinutes: minutes, defaultMaxMemoryMb: memory } = role;
      assert.ok(
        text.includes(`${role.name}: ${role.description} [${role.capabilities.join()}] ${minutes}/${memory}`),
        text,
      );
    }
  });

  it('gives roles that files define, with the file, in place of those they shadow', async () => {
    const folder = join(bench.root, '.claude/agents');
    mkdirSync(folder, { recursive: true });
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write('reviewer.md', '---\nname: reviewer\ndescription: |\n  Reviews\n  ours.\n---\nReview.\n');
    write('broken.md', '---\nname: broken\n---\n');
    for (let i = 0; i < 40; i++) {
      write(`r${i}.md`, `---\nname: extra-${i}\ndescription: ${'Long. '.repeat(30)}\n---\n`);
    }
    try {
      const seen: Record<string, unknown>[] = [];
      let cursor: unknown;
      do {
        const page = await bench.ask('list-roles', cursor === undefined ? {} : { cursor });
        assert.equal(page.summary, '61 roles; 1 broken role file ignored: see maos roles');
        seen.push(...(page.roles as Record<string, unknown>[]));
        cursor = page.next_cursor;
      } while (cursor !== undefined);
      assert.equal(seen.length, 61);
      assert.deepEqual(
        seen.filter(({ name }) => name === 'reviewer'),
        [
          {
            name: 'reviewer',
            description: 'Reviews ours.',
            capabilities: [],
            timeout_minutes: 30,
            max_memory_mb: 2048,
            custom: true,
            from: join(folder, 'reviewer.md'),
          },
        ],
      );
      const { roles } = await bench.ask('list-roles', { include_custom: false });
      assert.equal((roles as unknown[]).length, 20);
      const text = await bench.call('list-roles', { include_predefined: false });
      assert.match(JSON.stringify(text.content), /extra_0 \(custom, [^)]*\/r0\.md\): Long\./);

      const agents = [{ role: 'reviewer', task: 'Review.', command: say('x') }];
      const { session_id } = await bench.ask('orchestrate', { objective: 'Own role.', agents });
      rmSync(folder, { recursive: true });
      const used = await bench.ask('list-roles', { session_id });
      assert.deepEqual(
        (used.roles as Record<string, unknown>[]).map(({ name, custom, from }) => [name, custom, from]),
        [['reviewer', true, join(folder, 'reviewer.md')]],
        'as the session was made with it',
      );
      const refused = { objective: 'x', agents: [{ role: 'extra-1', task: 'x', command: say('x') }] };
      assert.match(await bench.refusal('orchestrate', refused), /^INVALID_ROLE: There is no role "extra-1"/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('gives the roles of a session, its own ones marked, in pages when they are many', async () => {
    const agents = Array.from({ length: 60 }, (_, index) => ({
      role: { name: `specialist_${index}`, description: `Knows area ${index}. ${'More of it. '.repeat(30)}` },
      task: 'Do.',
      command: say('x'),
    }));
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Own roles.',
      max_concurrency: 8,
      agents: [...agents, { role: 'reviewer', task: 'Review.', command: say('x') }],
    });
    const seen: Record<string, unknown>[] = [];
    let cursor: unknown;
    do {
      const page = await bench.ask('list-roles', { session_id, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...(page.roles as Record<string, unknown>[]));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    assert.equal(seen.length, 61);
    assert.equal(seen.filter(({ custom }) => custom === true).length, 60);
    const only = await bench.ask('list-roles', { session_id, include_custom: false });
    assert.deepEqual(
      (only.roles as Record<string, unknown>[]).map(({ name }) => name),
      ['reviewer'],
    );
  });
});
