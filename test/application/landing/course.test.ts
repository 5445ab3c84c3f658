import assert from 'node:assert/strict';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { landCompleted } from '../../../src/application/landing/auto-landing.ts';
import { makeLandingCourse } from '../../../src/application/landing/course.ts';
import { createLanding } from '../../../src/application/landing/create-landing.ts';
import type { LandingCourse, LandingStart } from '../../../src/application/landing/landing-course.ts';
import { landingFacts } from '../../../src/application/landing/landing-facts.ts';
import { previewLanding } from '../../../src/application/landing/preview.ts';
import { troublesOf } from '../../../src/application/queries/troubles.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { makeSessionId } from '../../../src/domain/ids.ts';
import { makePlan } from '../../../src/domain/plan.ts';
import type { Landing, Session } from '../../../src/domain/session.ts';
import { createWorkflow, type Workflow } from '../../../src/domain/workflow.ts';
import { agentRequest, planRequest, time } from '../../domain/samples.ts';
import { type RealProject, realProject } from '../../helpers/real-project.ts';
import { ScratchRepository } from '../../infrastructure/git/scratch-repository.ts';

let scratch: ScratchRepository;
let real: RealProject;

beforeEach((t) => {
  const test = t as TestContext;
  scratch = new ScratchRepository('repository', { 'a.txt': 'one\n', 'b.txt': 'one\n' });
  real = realProject(test, { root: realpathSync(scratch.folder) });
  test.after(() => scratch.remove());
});

/** An ended session whose agents have each written their files on a branch of its own. */
function ended(
  work: Readonly<Record<string, Readonly<Record<string, string>>>>,
  given: Partial<Session> = {},
): Workflow {
  const commit = scratch.git('rev-parse', 'HEAD');
  const agents = Object.keys(work).map((name) => agentRequest({ name, workspace: 'worktree' }));
  const plan = makePlan(planRequest(agents, { repository: { commit, branch: 'main' } }));
  const suffixes = agents.map((_, index) => `s${index}`.padStart(6, '0'));
  const change = createWorkflow(
    plan,
    { sessionId: makeSessionId(real.project.ids.ulid()), suffixes },
    time(0),
  );
  const { session } = change.next;
  const next: Workflow = {
    ...change.next,
    session: { ...session, ...{ state: 'completed', startedAt: time(0), endedAt: time(1) }, ...given },
    agents: change.next.agents.map((agent) => {
      const branch = `maos/${session.id}/${agent.name}`;
      scratch.git('checkout', '-q', '-b', branch, commit);
      for (const [path, content] of Object.entries(work[agent.name] ?? {})) scratch.write(path, content);
      const made = scratch.commitAll(agent.name);
      scratch.git('checkout', '-q', 'main');
      const diff = { files: 1, insertions: 1, deletions: 1 };
      return {
        ...agent,
        state: 'completed',
        work: { branch, base: commit, commit: made, diff },
        endedAt: time(1),
      };
    }),
  };
  const { store, instance } = real.project;
  const lease = store.create({ next, events: change.events }, instance);
  store.release(lease);
  return next;
}

async function land(
  workflow: Workflow,
  squash = false,
): Promise<{ course: LandingCourse; landing: Workflow }> {
  const { target, scope } = await landingFacts(real.project, workflow, null);
  const choice = { target, squash, merger: null, origin: { depth: 0, parent: null } };
  const { workflow: landing } = await createLanding(real.project, workflow, scope, choice);
  const course = makeLandingCourse(real.project, landing.session, landing.session.landing as Landing);
  return { course, landing };
}

function agentNamed({ agents }: Workflow, name: string): Agent {
  return agents.find((agent) => agent.name === name) ?? assert.fail(`there is no ${name}`);
}

function clean(start: LandingStart) {
  assert.equal(start.how, 'clean');
  return start.how === 'clean' ? start.work : assert.fail();
}

describe('landing without a conflict', () => {
  it('moves the target to the checked commit, once, also when it is repeated after a crash', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' }, b: { 'b.txt': 'b\n' } });
    const { course, landing } = await land(workflow);
    for (const name of ['a', 'b']) {
      const agent = agentNamed(landing, name);
      const before = scratch.git('rev-parse', 'main');
      const work = clean(await course.begin(agent));
      assert.deepEqual([work.base, scratch.git('rev-parse', 'main')], [before, before]);
      const first = await course.move({ ...agent, work });
      const again = await course.move({ ...agent, work });
      for (const end of [first, again]) {
        assert.equal(end.how, 'landed');
        assert.deepEqual(end.how === 'landed' && end.events.map(({ type, data }) => [type, data]), [
          ['landing.moved', { name, target: 'main', from: before, to: work.commit, squash: false }],
        ]);
      }
      assert.equal(scratch.git('rev-parse', 'main'), work.commit);
    }
    assert.deepEqual(
      [read('a.txt'), read('b.txt'), scratch.git('status', '--porcelain')],
      ['a\n', 'b\n', ''],
    );
    const { scope } = await landingFacts(real.project, workflow, null);
    assert.deepEqual(
      scope.skipped.map(({ reason }) => reason),
      ['landed already', 'landed already'],
    );
  });

  it('squashes into one commit with the agent as its author, and the names of agent and session', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' } });
    scratch.write('b.txt', 'two\n');
    const tip = scratch.commitAll('Meanwhile');
    const { course, landing } = await land(workflow, true);
    const agent = agentNamed(landing, 'a');
    const work = clean(await course.begin(agent));
    await course.move({ ...agent, work });
    assert.equal(scratch.git('rev-parse', 'main^'), tip);
    const message = scratch.git('log', '-1', '--format=%an%n%B', 'main');
    assert.match(message, /^a \(MAOS\)\n/);
    assert.match(
      message,
      new RegExp(`Maos-Session: ${workflow.session.id}\nMaos-Agent: ${workflow.agents[0]?.id}`),
    );
  });

  it('begins again when the target has moved while its work was checked', async () => {
    const { course, landing } = await land(ended({ a: { 'a.txt': 'a\n' } }));
    const agent = agentNamed(landing, 'a');
    const work = clean(await course.begin(agent));
    scratch.write('b.txt', 'two\n');
    const tip = scratch.commitAll('Meanwhile');
    assert.equal((await course.move({ ...agent, work })).how, 'again');
    assert.equal(scratch.git('rev-parse', 'main'), tip);
    const next = clean(await course.begin(agent));
    assert.equal((await course.move({ ...agent, work: next })).how, 'landed');
    assert.equal(scratch.git('rev-parse', 'main'), next.commit);
  });

  it('waits on a branch while the target is checked out with changes, and lands from there later', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' }, b: { 'b.txt': 'b\n' } });
    const { course, landing } = await land(workflow);
    const before = scratch.git('rev-parse', 'main');
    scratch.write('a.txt', 'mine\n');
    const branch = `maos/${workflow.session.id}/landed`;
    for (const name of ['a', 'b']) {
      const agent = agentNamed(landing, name);
      const work = clean(await course.begin(agent));
      const end = await course.move({ ...agent, work });
      if (name === 'b') continue;
      assert.deepEqual(end.how === 'landed' && end.events.map(({ type }) => type), ['landing.waiting']);
      assert.equal(scratch.git('rev-parse', branch), work.commit);
    }
    assert.equal(read('a.txt'), 'mine\n');
    assert.equal(scratch.git('show', `${branch}:b.txt`), 'b');
    scratch.git('checkout', '-q', 'a.txt');
    const now = scratch.git('rev-parse', 'main');
    if (now === before) scratch.git('merge', '-q', '--ff-only', branch);
    assert.deepEqual([read('a.txt'), read('b.txt')], ['a\n', 'b\n']);
  });
});

describe('landing with a conflict', () => {
  it('goes back to its owner with both sides, and takes only a finished merge', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' }, b: { 'a.txt': 'b\n' } });
    const { course, landing } = await land(workflow);
    const [a, b] = [agentNamed(landing, 'a'), agentNamed(landing, 'b')];
    await course.move({ ...a, work: clean(await course.begin(a)) });
    const tip = scratch.git('rev-parse', 'main');
    const start = await course.begin(b);
    if (start.how !== 'mend') return assert.fail('it does not conflict');
    assert.match(start.note, /Your work conflicts with main[\s\S]*> - a\.txt/);
    assert.deepEqual(
      start.events.map(({ type, data }) => [type, data]),
      [['landing.conflict', { name: 'b', target: 'main', tip, paths: ['a.txt'], between: [] }]],
    );
    const { folder } = start.checkout;
    assert.match(readFileSync(join(folder, 'a.txt'), 'utf8'), /<<<<<<<[\s\S]*>>>>>>>/);
    const marked = scratch.commitAll('Not resolved', folder);
    const refused = await course.accept({ ...b, work: start.work }, marked);
    assert.match(refused.how === 'refused' ? refused.reason : '', /Conflict markers are left in a\.txt/);
    const again = await course.begin(b);
    assert.match(again.how === 'mend' ? again.note : '', /not finished[\s\S]*a\.txt/);
    scratch.write('a.txt', 'a and b\n', folder);
    const resolved = scratch.commitAll('Resolved', folder);
    const accepted = await course.accept({ ...b, work: start.work }, resolved);
    if (accepted.how !== 'accepted') return assert.fail(accepted.reason);
    assert.equal((await course.move({ ...b, work: accepted.work })).how, 'landed');
    assert.equal(scratch.git('show', 'main:a.txt'), 'a and b');
  });

  it('refuses a commit without one of the sides', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' } });
    scratch.write('a.txt', 'main\n');
    const tip = scratch.commitAll('Meanwhile');
    const { course, landing } = await land(workflow);
    const agent = agentNamed(landing, 'a');
    const start = await course.begin(agent);
    const { folder } = start.how === 'mend' ? start.checkout : assert.fail();
    scratch.gitIn(folder, 'merge', '--abort');
    scratch.write('a.txt', 'alone\n', folder);
    const alone = scratch.commitAll('Alone', folder);
    for (const [commit, reason] of [
      [alone, /does not contain [0-9a-f]{40}/],
      [tip, /does not contain the work of 'a'/],
    ] as const) {
      const taken = await course.accept({ ...agent, work: start.work }, commit);
      assert.match(taken.how === 'refused' ? taken.reason : '', reason);
    }
  });

  it('is told by a preview, which changes nothing', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' }, b: { 'a.txt': 'b\n' }, c: { 'b.txt': 'c\n' } });
    const refs = scratch.git('for-each-ref');
    const { work } = await previewLanding(real.project, workflow.session.id, null);
    assert.deepEqual(
      work.map(({ name, outlook, paths, between }) => [name, outlook, paths, between]),
      [
        ['a', 'clean', [], []],
        ['b', 'conflict', ['a.txt'], ['a']],
        ['c', 'clean', [], []],
      ],
    );
    assert.equal(scratch.git('for-each-ref'), refs);
    assert.equal(scratch.git('status', '--porcelain'), '');
  });
});

describe('landing by itself', () => {
  /** As the owner of the completed session does. */
  async function landOwned({ session }: Workflow) {
    const { store, instance } = real.project;
    const lease = store.acquire(session.id, instance, { staleBefore: time(0) });
    assert.ok(lease);
    try {
      return await landCompleted(real.project, lease);
    } finally {
      store.release(lease);
    }
  }

  it('stores one session that lands the work, however often it is asked', async () => {
    const workflow = ended({ a: { 'a.txt': 'a\n' } }, { land: 'auto' });
    const first = await landOwned(workflow);
    assert.deepEqual(first?.workflow.session.landing, {
      ...{ sessionId: workflow.session.id, target: 'main', squash: false },
    });
    assert.equal(await landOwned(workflow), null);
    assert.deepEqual(real.project.store.landingsOf(workflow.session.id), [first?.workflow.session.id]);
  });

  it('does nothing for a session that does not ask for it', async () => {
    assert.equal(await landOwned(ended({ a: { 'a.txt': 'a\n' } })), null);
  });

  it('records once why it cannot, until a landing has begun', async () => {
    const { store } = real.project;
    const workflow = ended({ a: { 'a.txt': 'a\n' } }, { land: 'auto' });
    const { id } = workflow.session;
    scratch.git('branch', '-q', '-m', 'main', 'trunk');
    for (let times = 0; times < 2; times++) assert.equal(await landOwned(workflow), null);
    const failed = store.events(id, 0, 100, ['session.landing_failed']);
    assert.deepEqual(
      failed.map(({ data }) => data),
      [{ reason: failed[0]?.data['reason' as never], command: `maos land ${id}` }],
    );
    const [trouble, ...more] = troublesOf(store, store.load(id));
    assert.match(trouble?.reason ?? '', /main.* Try again with: maos land sess_/);
    assert.equal(more.length, 0);
    const { target, scope } = await landingFacts(real.project, workflow, 'trunk');
    const choice = { target, squash: false, merger: null, origin: { depth: 0, parent: null } };
    await createLanding(real.project, workflow, scope, choice);
    assert.deepEqual(troublesOf(store, store.load(id)), []);
  });
});

function read(path: string): string {
  return readFileSync(join(scratch.folder, path), 'utf8');
}
