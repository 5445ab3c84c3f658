import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type {
  AgentEnd,
  AgentHost,
  LaunchKey,
  LaunchSpec,
  OutputSink,
  RunningAgent,
} from '../../src/application/ports/agent-host.ts';
import type { Agent } from '../../src/domain/agent.ts';
import { makePlan } from '../../src/domain/plan.ts';
import { createWorkflow } from '../../src/domain/workflow.ts';
import { agentRequest, at, planRequest, sessionId } from '../infrastructure/sqlite/samples.ts';
import { giveTimeTo, until } from './waiting.ts';

/** A host, with operations that only tests use. */
export interface HostUnderTest {
  readonly host: AgentHost;
  /** The same host as another MAOS process sees it. */
  reopen(): AgentHost;
  /** The agent ends, and nothing records how. */
  vanish(key: LaunchKey, running: RunningAgent): Promise<void>;
}

/** Receives an agent's output, as its owner does. */
class Listener implements OutputSink {
  text = '';
  total: number | null = null;
  owns = true;

  stdout(chunk: Uint8Array): void {
    this.text += Buffer.from(chunk).toString();
  }

  printed(bytes: number): void {
    this.total = bytes;
  }

  isOwned(): boolean {
    return this.owns;
  }

  async heard(text: string): Promise<void> {
    await until(() => this.text.includes(text), `hearing ${text}`);
  }
}

const forever = 'while :; do echo tick; sleep 0.02; done';

/** What the application requires of every host. */
export function agentHostContract(makeHost: (t: TestContext) => Promise<HostUnderTest>): void {
  async function bench(t: TestContext) {
    const under = await makeHost(t);
    const { host } = under;
    const suffix = () => Math.floor(36 ** 5 + Math.random() * (36 ** 6 - 36 ** 5)).toString(36);
    const plan = makePlan(planRequest({ agents: [agentRequest({ name: 'a', workspace: 'own' })] }));
    const { session, agents } = createWorkflow(
      plan,
      { sessionId: sessionId(), suffixes: [suffix()] },
      at,
    ).next;
    const agent = agents[0] as Agent;
    const places = host.locations(session, agent);
    const runs: RunningAgent[] = [];
    t.after(async () => {
      for (const running of runs) await running.stop(0);
      await Promise.all(runs.map(({ ended }) => ended));
    });
    const keyOf = (attempt: number): LaunchKey => ({ sessionId: session.id, agentId: agent.id, attempt });
    const start = async (
      script: string,
      sink: OutputSink = new Listener(),
      attempt = 1,
      env = {},
      stdin: LaunchSpec['stdin'] = 'prompt',
      files: LaunchSpec['files'] = {},
    ) => {
      await host.prepare(agent, 'The prompt.\n');
      const own = { SHARED: places.sharedContext, RESULTS: places.results, ...env };
      const spec = { program: '/bin/sh', args: ['-c', script], env: own, stdin, files } as const;
      const placed = { ...spec, cwd: places.workingDirectory };
      const running = await host.start(keyOf(attempt), agent, placed, sink);
      runs.push(running);
      return running;
    };
    const attach = async (other: AgentHost, sink: OutputSink = new Listener(), attempt = 1) => {
      const running = await other.attach(keyOf(attempt), agent, sink);
      runs.push(running);
      return running;
    };
    const printed = async (stream: 'stdout' | 'stderr' = 'stdout'): Promise<string> =>
      Buffer.from((await host.readOutput(agent, stream, 0, 100_000)).bytes).toString();
    return { ...under, session, agent, places, keyOf, start, attach, printed };
  }

  const exited = (end: AgentEnd): unknown => (end.how === 'exited' ? (end.exitCode ?? end.signal) : end.how);

  describe('a program', () => {
    it('is heard from its first byte, in order, and its end is known', async (t) => {
      const { agent, host, start, printed } = await bench(t);
      const listener = new Listener();
      const running = await start('echo 1; echo 2; echo no >&2; sleep 0.1; echo 3; exit 9', listener);
      assert.equal(exited(await running.ended), 9);
      assert.deepEqual([listener.text, listener.total], ['1\n2\n3\n', 9]);
      assert.deepEqual([await printed(), await printed('stderr')], ['1\n2\n3\n', 'no\n']);
      const tail = await host.readOutput(agent, 'stdout', -4, 2);
      assert.deepEqual([Buffer.from(tail.bytes).toString(), tail.start, tail.size], ['2\n', 2, 6]);
      assert.match((await host.lastOutputAt(agent)) ?? '', /^\d{4}-\d\d-\d\dT/);
      assert.equal(await running.sample(), null);
    });

    it('reads its prompt', async (t) => {
      const { start, printed } = await bench(t);
      await (await start('cat')).ended;
      assert.equal(await printed(), 'The prompt.\n');
    });

    it('finds its files where its variables say', async (t) => {
      const { start, printed } = await bench(t);
      const run = async (attempt: number, files: LaunchSpec['files']) => {
        const running = await start('cat "$ONE"', new Listener(), attempt, {}, 'none', files);
        await running.ended;
      };
      await run(1, { ONE: '{"a":"Grüße"}\n', TWO: 'other' });
      await run(2, { ONE: 'later\n' });
      assert.equal(await printed(), '{"a":"Grüße"}\nlater\n');
    });

    it('runs where its location says, in words for people and as JSON', async (t) => {
      const { start } = await bench(t);
      const { location, sample } = await start('sleep 300');
      assert.deepEqual(JSON.parse(JSON.stringify(location)), location);
      assert.match(location.label, /^\S[^\n]*$/);
      assert.equal((await sample())?.outputBytes, 0);
    });

    it('that is not there is not started', async (t) => {
      const { agent, host, keyOf, places } = await bench(t);
      assert.equal(await host.findProgram('/bin/sh'), '/bin/sh');
      const refusal = { code: 'SPAWN_FAILED' };
      await assert.rejects(
        host.findProgram('no-such-program'),
        (error: { details?: { reason?: string } }) => {
          return error.details?.reason === 'not_found';
        },
      );
      await host.prepare(agent, '');
      const spec = { program: 'no-such-program', args: [], env: {}, stdin: 'none' } as const;
      const placed = { ...spec, cwd: places.workingDirectory };
      await assert.rejects(host.start(keyOf(1), agent, placed, new Listener()), refusal);
    });
  });

  describe('one launch', () => {
    it('runs once, however often it is started', async (t) => {
      const { start, printed } = await bench(t);
      const runs = await Promise.all(
        Array.from({ length: 4 }, () => start('echo ran; sleep 0.1; echo done')),
      );
      for (const { ended } of runs) assert.equal(exited(await ended), 0);
      assert.equal(await printed(), 'ran\ndone\n');
    });

    it('that was looked for before it started never starts', async (t) => {
      const { agent, host, start, attach, printed } = await bench(t);
      assert.equal(exited(await (await attach(host)).ended), 'never_started');
      assert.equal(exited(await (await start('echo ran')).ended), 'never_started');
      assert.deepEqual([await printed(), await host.outputStart(agent, 1)], ['', null]);
    });

    it('of a check runs once too, and has a log of its own', async (t) => {
      const { agent, host, start, keyOf, places, printed } = await bench(t);
      await (await start('echo own')).ended;
      const spec = { program: '/bin/sh', args: ['-c', 'echo out; echo err >&2; exit 3'], env: {} };
      const placed = { ...spec, stdin: 'none' as const, cwd: places.workingDirectory };
      const key = (check: number): LaunchKey => ({ ...keyOf(1), check });
      const [first, again] = [new Listener(), new Listener()];
      const runs = [
        await host.start(key(1), agent, placed, first),
        await host.start(key(1), agent, placed, again),
      ];
      for (const { ended } of runs) assert.equal(exited(await ended), 3);
      assert.equal(first.text, 'out\n');
      assert.equal(again.text, first.text);
      const log = `${first.text}err\n`;
      assert.deepEqual(await host.digestCheck(agent, 1), {
        bytes: log.length,
        sha256: createHash('sha256').update(log).digest('hex'),
      });
      const errors = await host.readOutput(agent, 'stderr', 0, 100, 1);
      assert.equal(Buffer.from(errors.bytes).toString(), 'err\n');
      assert.equal(await printed(), 'own\n');
      assert.equal(exited(await (await host.attach(key(2), agent, new Listener())).ended), 'never_started');
      assert.equal(await host.digestCheck(agent, 2), null);
    });

    it('begins its output where the attempt before ended', async (t) => {
      const { agent, host, start } = await bench(t);
      await (await start('echo first')).ended;
      const listener = new Listener();
      await (await start('echo second', listener, 2)).ended;
      assert.equal(listener.text, 'second\n');
      assert.deepEqual([await host.outputStart(agent, 1), await host.outputStart(agent, 2)], [0, 6]);
    });
  });

  describe('an agent whose MAOS is gone', () => {
    it('is followed by another one from the first byte', async (t) => {
      const { reopen, start, attach } = await bench(t);
      const lost = new Listener();
      await start('echo one; sleep 0.3; echo two; exit 3', lost);
      await lost.heard('one');
      lost.owns = false;
      const listener = new Listener();
      const running = await attach(reopen(), listener);
      assert.equal(exited(await running.ended), 3);
      assert.equal(listener.text, 'one\ntwo\n');
    });

    it('and that has ended since is told by its record', async (t) => {
      const { reopen, start, attach } = await bench(t);
      await (await start('echo one; exit 5')).ended;
      const listener = new Listener();
      assert.equal(exited(await (await attach(reopen(), listener)).ended), 5);
      assert.equal(listener.text, 'one\n');
    });

    it('and that went without a record is lost', async (t) => {
      const { reopen, start, attach, vanish, keyOf } = await bench(t);
      const listener = new Listener();
      const running = await start(`echo ready; ${forever}`, listener);
      await listener.heard('ready');
      await vanish(keyOf(1), running);
      assert.equal(exited(await (await attach(reopen())).ended), 'lost');
    });

    it('is left alone by the one that has lost it', async (t) => {
      const { start } = await bench(t);
      const listener = new Listener();
      const running = await start(forever, listener);
      await listener.heard('tick');
      listener.owns = false;
      await running.suspend();
      listener.text = '';
      await listener.heard('tick');
      listener.owns = true;
    });
  });

  describe('a program that can receive', () => {
    const entry = (id: string, text = `${id}\n`) => ({ id, bytes: Buffer.from(text) });

    it('gets its prompt, each entry once and in order, and the end', async (t) => {
      const { start, printed } = await bench(t);
      const listener = new Listener();
      const running = await start('cat; exit 4', listener, 1, {}, 'stream');
      await listener.heard('The prompt.\n');
      const ids = Array.from({ length: 20 }, (_, i) => `e${i}`);
      await Promise.all(ids.map((id) => running.send(entry(id))));
      await running.send(entry('e3', 'again\n'));
      await listener.heard('e19\n');
      await running.closeInput();
      await running.closeInput();
      assert.equal(exited(await running.ended), 4);
      assert.equal(await printed(), `The prompt.\n${ids.join('\n')}\n`);
      await assert.rejects(running.send(entry('late')), { code: 'INVALID_TRANSITION' });
      await running.closeInput();
    });

    it('gets from the next owner what the one before did not send', async (t) => {
      const { reopen, start, attach, printed } = await bench(t);
      const lost = new Listener();
      const before = await start('cat', lost, 1, {}, 'stream');
      await before.send(entry('a'));
      lost.owns = false;
      const running = await attach(reopen());
      await assert.rejects(before.send(entry('c')), { code: 'INVALID_TRANSITION' });
      await running.send(entry('a'));
      await running.send(entry('b'));
      await running.closeInput();
      assert.equal(exited(await running.ended), 0);
      assert.equal(await printed(), 'The prompt.\na\nb\n');
    });

    it('gets what was sent while it stood still when it goes on', async (t) => {
      const { start } = await bench(t);
      const listener = new Listener();
      const running = await start('cat', listener, 1, {}, 'stream');
      await listener.heard('The prompt.\n');
      await running.suspend();
      await running.send(entry('a'));
      await running.resume();
      await listener.heard('a\n');
      assert.equal((await running.stop(20_000)).survivors, 0);
    });

    it('is the only one that does', async (t) => {
      const { host, start, attach } = await bench(t);
      const running = await start('sleep 300');
      await assert.rejects(running.send(entry('a')), { code: 'INVALID_TRANSITION' });
      await assert.rejects(running.closeInput(), { code: 'INVALID_TRANSITION' });
      const never = await attach(host, new Listener(), 2);
      await assert.rejects(never.send(entry('a')), { code: 'INVALID_TRANSITION' });
    });
  });

  describe('a stop', () => {
    it('ends a program that obeys, and all it has started', async (t) => {
      const { start } = await bench(t);
      const listener = new Listener();
      const running = await start('sleep 300 & echo ready; sleep 300', listener);
      await listener.heard('ready');
      const report = await running.stop(20_000);
      assert.deepEqual([report.signals[0], report.survivors], ['SIGTERM', 0]);
      assert.ok(!report.signals.includes('SIGKILL'));
      assert.equal(exited(await running.ended), 'SIGTERM');
      assert.deepEqual((await running.stop(0)).survivors, 0);
    });

    it('ends one that does not obey by force', async (t) => {
      const { start } = await bench(t);
      const listener = new Listener();
      const running = await start(`trap '' TERM; echo ready; ${forever}`, listener);
      await listener.heard('ready');
      const report = await running.stop(50);
      assert.deepEqual([report.signals.at(-1), report.survivors], ['SIGKILL', 0]);
      assert.equal(exited(await running.ended), 'SIGKILL');
    });
  });

  describe('a suspended agent', () => {
    it('does nothing until it may go on', async (t) => {
      const { start } = await bench(t);
      const listener = new Listener();
      const running = await start(forever, listener);
      await listener.heard('tick');
      await running.suspend();
      // Its last output may not have arrived yet.
      await giveTimeTo('the last of its output is late', 200);
      const { length } = listener.text;
      await giveTimeTo('it prints', 200);
      assert.equal(listener.text.length, length);
      await running.resume();
      await until(() => listener.text.length > length, 'it goes on');
    });

    it('is stopped all the same', async (t) => {
      const { start } = await bench(t);
      const listener = new Listener();
      const running = await start(forever, listener);
      await listener.heard('tick');
      await running.suspend();
      assert.equal((await running.stop(20_000)).survivors, 0);
      assert.equal(exited(await running.ended), 'SIGTERM');
    });
  });

  describe('what an agent leaves', () => {
    it('is found with its owner and its hash, and lies where others are told', async (t) => {
      const { host, session, places, start, printed } = await bench(t);
      await (await start('echo spec >"$SHARED/spec.md"; echo x >"$RESULTS/out.txt"')).ended;
      const found = await host.scanArtifacts(session.id);
      assert.deepEqual(
        found.map(({ path, owner, sizeBytes }) => [path, owner, sizeBytes]),
        [
          ['results/a/out.txt', 'a', 2],
          ['shared/context/spec.md', null, 5],
        ],
      );
      const digest = await found[1]?.digest();
      assert.deepEqual([digest?.sizeBytes, digest?.isSteady], [5, true]);
      assert.match(digest?.sha256 ?? '', /^[0-9a-f]{64}$/);
      const others = await host.scanArtifacts(session.id, new Set(['b']));
      assert.deepEqual(
        others.map(({ path }) => path),
        ['shared/context/spec.md'],
      );
      const file = places.artifact('shared/context/spec.md');
      await (await start('cat "$FILE"', new Listener(), 2, { FILE: file })).ended;
      assert.equal(await printed(), 'spec\n');
    });

    it('is read within bounds, and nothing else is', async (t) => {
      const { host, session, start } = await bench(t);
      await (await start('echo spec >"$SHARED/spec.md"')).ended;
      const read = (path: string, most: number) => host.readArtifact(session.id, path, most);
      assert.equal(Buffer.from(await read('shared/context/spec.md', 5)).toString(), 'spec\n');
      await assert.rejects(read('shared/context/spec.md', 4), { code: 'RESOURCE_LIMIT_EXCEEDED' });
      await assert.rejects(read('shared/context/none', 4), { code: 'INVALID_INPUT' });
      await assert.rejects(read('shared/../metadata.json', 4), { code: 'FORBIDDEN' });
    });
  });

  describe('the slots', () => {
    it('are as many as the limit, and one is enough for an agent', async (t) => {
      const { agent, host, start } = await bench(t);
      const { slots } = host.capacity;
      const other = agent.id.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x')) as Agent['id'];
      const { location } = await start('sleep 300');
      assert.equal(slots.tryTake(agent.id, agent.sessionId, 1), true);
      slots.bind(agent.id, location);
      assert.equal(slots.tryTake(agent.id, agent.sessionId, 1), true);
      assert.equal(slots.tryTake(other, agent.sessionId, 1), false);
      slots.give(agent.id);
      assert.equal(slots.tryTake(other, agent.sessionId, 1), true);
      slots.give(other);
    });
  });
}
