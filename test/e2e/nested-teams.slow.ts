import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { agentProcesses } from '../helpers/agent-processes.ts';
import { Gate } from '../helpers/gate.ts';
import { until } from '../helpers/waiting.ts';
import { bundle, jsonLines, MaosFolder, type Running } from '../presentation/cli/maos-process.ts';

interface Session {
  readonly session_id: string;
  readonly state: string;
  readonly pause_reason?: string;
  readonly parent_agent_id?: string;
  readonly parent_session_id?: string;
  readonly agents: readonly {
    readonly agent_id: string;
    readonly name: string;
    readonly state: string;
    readonly attempt: number;
  }[];
}

let maos: MaosFolder;
before(async () => {
  maos = await MaosFolder.make();
  mkdirSync(maos.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(maos.home, 'config.json'), JSON.stringify({ maxDepth: 3, stopGraceSeconds: 2 }));
});
after(() => maos.remove());

/** An agent whose program starts a team of two, one after the other, in the background, and goes on itself. */
class Nest {
  readonly folder: string;
  readonly innerFolder: string;
  /** Lets the first agent of the inner team end. */
  readonly inner: Gate;
  /** Lets the outer agent end. */
  readonly outer: Gate;

  constructor(name: string, inner: 'same project' | 'another project' = 'same project') {
    this.folder = join(maos.project, name);
    this.innerFolder = inner === 'same project' ? this.folder : join(maos.project, `${name}-inner`);
    for (const folder of [this.folder, this.innerFolder]) mkdirSync(folder, { recursive: true });
    this.inner = new Gate(this.folder, 'inner');
    this.outer = new Gate(this.folder, 'outer');
  }

  get secondStarted(): boolean {
    return existsSync(join(this.innerFolder, 'second-started'));
  }

  /** Shell: starts the inner team, and leaves what it printed in inner.json. */
  team(options = '', first = this.inner.wait): string {
    const plan = join(this.folder, 'plan.json');
    const command = (line: string) => ({ backend: 'command', command: ['/bin/sh', '-c', line] });
    writeFileSync(
      plan,
      JSON.stringify({
        objective: 'Be a team of an agent.',
        strategy: 'sequential',
        agents: [
          { role: 'engineer', name: 'first', task: 'Wait.', ...command(first) },
          { role: 'engineer', name: 'second', task: 'Follow.', ...command(': >second-started') },
        ],
      }),
    );
    const run = `'${process.execPath}' '${bundle}' run '${plan}' --detach --json ${options}`;
    return `(cd '${this.innerFolder}' && ${run} >'${this.folder}/inner.part') && mv '${this.folder}/inner.part' '${this.folder}/inner.json'`;
  }

  /** Runs the outer agent in the foreground until the first agent of its team runs. */
  async start(line: string): Promise<{ owner: Running; outer: string; inner: Session }> {
    const owner = maos.start(['run', 'Start a team.', '--json', '--exec', `outer=${line}`], {
      cwd: this.folder,
    });
    await until(() => existsSync(join(this.folder, 'inner.json')), 'the inner team is there');
    const inner = JSON.parse(readFileSync(join(this.folder, 'inner.json'), 'utf8')) as Session;
    await until(() => agentProcesses([inner.agents[0]?.agent_id ?? '']).length > 0, 'its first agent runs');
    return { owner, outer: await this.outerSession(inner), inner };
  }

  async outerSession({ session_id }: Session): Promise<string> {
    const { sessions } = await this.json<{ sessions: Session[] }>(this.folder, 'list');
    return sessions.find((session) => session.session_id !== session_id)?.session_id ?? '';
  }

  async json<T = Session>(folder: string, ...args: readonly string[]): Promise<T> {
    const { status, stdout, stderr } = await maos.start([...args, '--json'], { cwd: folder }).finished;
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as T;
  }

  async status(id: string, folder = this.innerFolder): Promise<Session> {
    const { stdout, stderr } = await maos.start(['status', id, '--json'], { cwd: folder }).finished;
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as Session;
  }

  async cancel(id: string): Promise<void> {
    const { status, stderr } = await maos.start(['cancel', id], { cwd: this.folder }).finished;
    assert.equal(status, 0, stderr);
  }

  async untilState(id: string, state: string): Promise<Session> {
    const seen = () => this.status(id);
    try {
      await until(async () => (await seen()).state === state, `${id} is ${state}`);
    } catch (error) {
      assert.fail(`${error} ${JSON.stringify([await seen(), await this.events(id)])}`);
    }
    return seen();
  }

  async events(id: string, folder = this.innerFolder): Promise<Record<string, unknown>[]> {
    const { stdout, stderr } = await maos.start(['events', id, '--json'], { cwd: folder }).finished;
    assert.notEqual(stdout, '', stderr);
    return jsonLines(stdout);
  }

  /** The inner team has ended, for the agent's sake, and nothing of it is left. */
  async assertCancelled({ session_id, agents }: Session, how: string): Promise<void> {
    const ended = await this.untilState(session_id, 'cancelled');
    assert.deepEqual(
      ended.agents.map(({ state, attempt }) => ({ state, attempt })),
      [
        { state: 'cancelled', attempt: 1 },
        { state: 'cancelled', attempt: 0 },
      ],
    );
    assert.deepEqual(agentProcesses(agents.map(({ agent_id }) => agent_id)), []);
    assert.equal(this.secondStarted, false);
    const cancelled = (await this.events(session_id)).find(({ type }) => type === 'session.cancelled');
    assert.deepEqual(cancelled?.data, {
      reason: `Agent ${ended.parent_agent_id}, which started this team, has ended (${how}).`,
    });
  }
}

describe('a team that an agent started', () => {
  it('names its parent', async () => {
    const nest = new Nest('named');
    const { outer, inner, owner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
    const [parent] = (await nest.status(outer)).agents;
    const { parent_agent_id, parent_session_id } = await nest.status(inner.session_id);
    assert.deepEqual(
      { parent_agent_id, parent_session_id },
      {
        parent_agent_id: parent?.agent_id,
        parent_session_id: outer,
      },
    );
    assert.equal((await nest.status(outer)).parent_agent_id, undefined);
    const { stdout } = await maos.start(['status', inner.session_id], { cwd: nest.folder }).finished;
    assert.match(stdout, new RegExp(`started by ${parent?.agent_id}`));
    await nest.cancel(outer);
    await nest.assertCancelled(inner, 'cancelled');
    await owner.finished;
  });

  for (const place of ['same project', 'another project'] as const) {
    it(`is cancelled with the agent: ${place}`, async () => {
      const nest = new Nest(`cancel-${place.slice(0, 4)}`, place);
      const { outer, inner, owner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
      await nest.cancel(outer);
      await owner.finished;
      await nest.assertCancelled(inner, 'cancelled');
    });
  }

  it('is cancelled when the agent completes', async () => {
    const nest = new Nest('complete', 'another project');
    const { owner, inner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
    nest.outer.openNow();
    assert.equal((await owner.finished).status, 0);
    await nest.assertCancelled(inner, 'completed');
  });

  it('goes on after the agent where the plan says so', async () => {
    const nest = new Nest('outlive', 'another project');
    const { owner, inner } = await nest.start(`${nest.team('--on-parent-end keep')} && ${nest.outer.wait}`);
    nest.outer.openNow();
    assert.equal((await owner.finished).status, 0);
    nest.inner.openNow();
    await nest.untilState(inner.session_id, 'completed');
    assert.equal(nest.secondStarted, true);
  });

  it('is cancelled by whoever takes over when the outer maos is killed while it stops the agent', async () => {
    const nest = new Nest('killed', 'another project');
    const line = `${nest.team()} && trap '' TERM && ${nest.outer.wait}`;
    const { outer, inner, owner } = await nest.start(line);
    const cancelling = nest.cancel(outer);
    await until(
      async () => (await nest.events(outer, nest.folder)).some(({ type }) => type === 'session.requested'),
      'the cancellation to be asked for',
    );
    owner.process.kill('SIGKILL');
    await owner.finished;
    assert.equal((await nest.status(inner.session_id)).state, 'running');
    await cancelling;
    await nest.assertCancelled(inner, 'cancelled');
  });

  it('is cancelled although its own maos was killed', async () => {
    const nest = new Nest('unowned', 'another project');
    const { outer, inner, owner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
    const { instances } = await nest.json<{ instances: { pid: number; session_ids: string[] }[] }>(
      nest.innerFolder,
      'instances',
    );
    const innerOwner = instances.find(({ session_ids }) => session_ids.includes(inner.session_id));
    process.kill(innerOwner?.pid as number, 'SIGKILL');
    await nest.cancel(outer);
    await owner.finished;
    await nest.assertCancelled(inner, 'cancelled');
  });

  it('pauses and goes on with the agent', async () => {
    const nest = new Nest('pause', 'another project');
    const { outer, inner, owner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
    await maos.start(['pause', outer], { cwd: nest.folder }).finished;
    await nest.untilState(inner.session_id, 'paused');
    nest.inner.openNow();
    await maos.start(['resume', outer, '--detach'], { cwd: nest.folder }).finished;
    await nest.untilState(inner.session_id, 'completed');
    nest.outer.openNow();
    await owner.finished;
  });

  it('pauses when the agent is interrupted, and is cancelled with it later', async () => {
    const nest = new Nest('interrupt', 'another project');
    const { outer, inner, owner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
    owner.process.kill('SIGINT');
    await owner.finished;
    await nest.untilState(inner.session_id, 'paused');
    await until(async () => (await nest.status(outer, nest.folder)).state === 'paused', 'it is paused');
    await nest.cancel(outer);
    await nest.assertCancelled(inner, 'cancelled');
  });

  it('is cancelled while it is paused', async () => {
    const nest = new Nest('paused', 'another project');
    const { outer, inner, owner } = await nest.start(`${nest.team()} && ${nest.outer.wait}`);
    await maos.start(['pause', inner.session_id], { cwd: nest.innerFolder }).finished;
    await nest.untilState(inner.session_id, 'paused');
    await nest.cancel(outer);
    await owner.finished;
    await nest.assertCancelled(inner, 'cancelled');
  });

  it('ends the teams of its own agents with it', async () => {
    const [nest, deeper] = [new Nest('nest', 'another project'), new Nest('deeper', 'another project')];
    const inMiddle = `${deeper.team()} && ${nest.inner.wait}`;
    const { outer, inner, owner } = await nest.start(`${nest.team('', inMiddle)} && ${nest.outer.wait}`);
    await until(() => existsSync(join(deeper.folder, 'inner.json')), 'the innermost team is there');
    const innermost = JSON.parse(readFileSync(join(deeper.folder, 'inner.json'), 'utf8')) as Session;
    await until(() => agentProcesses([innermost.agents[0]?.agent_id ?? '']).length > 0, 'it runs');
    await nest.cancel(outer);
    await owner.finished;
    await nest.assertCancelled(inner, 'cancelled');
    await deeper.assertCancelled(innermost, 'cancelled');
  });
});
