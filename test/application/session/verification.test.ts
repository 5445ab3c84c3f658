import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { requestCancel, requestPause, requestResume } from '../../../src/application/control/control.ts';
import type { RecordedEvent } from '../../../src/domain/events.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { claudeProject, player, type Step, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { until } from '../../helpers/waiting.ts';

const types = (events: readonly RecordedEvent[]) =>
  events.map(({ type }) => type).filter((type) => /^(?:verify|agent)\./.test(type));

function project(t: TestContext) {
  const real = realProject(t);
  const gate = new Gate(real.root, 'gate');
  const says = (name: string): string => {
    const path = join(real.root, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  return { real, gate, says };
}

describe('an agent with a check', () => {
  it('completes after every command has passed, in order, with evidence', async (t) => {
    const { real, says } = project(t);
    const verify = { commands: ['echo one >>log; echo out; echo err >&2', 'echo two >>log'] };
    const done = await run(real, [shell('a', 'echo own >>log; echo Done.', { verify })]);
    assert.equal(done.state, 'completed');
    assert.equal(says('log'), 'own\none\ntwo\n');
    assert.deepEqual(types(done.events), [
      ...['agent.started', 'agent.spawned', 'agent.finished'],
      ...['verify.started', 'verify.passed', 'verify.started', 'verify.passed'],
      ...['agent.stage_changed', 'agent.completed'],
    ]);
    const [first, second] = done.of('verify.passed', 'a');
    const sha = createHash('sha256').update('out\nerr\n').digest('hex');
    assert.deepEqual(
      { ...first?.data.report, startedAt: '', endedAt: '' },
      {
        ...{ check: 1, command: verify.commands[0], commit: null, exitCode: 0, signal: null, reason: null },
        ...{ startedAt: '', endedAt: '', logSha256: sha, logBytes: 8, restored: [] },
      },
    );
    assert.equal(second?.data.report.check, 2);
    assert.equal(done.agent('a').result, 'Done.');
  });

  it('does not run the second command when the first fails, and fails after its last round', async (t) => {
    const { real, says } = project(t);
    const verify = { commands: ['echo wrong; exit 3', 'echo two >>log'], fix_rounds: 0 };
    const done = await run(real, [
      shell('a', 'echo Done.', { verify }),
      shell('b', 'echo late >>log', { depends_on: ['a'] }),
    ]);
    assert.equal(done.state, 'failed');
    const { failure, result, state } = done.agent('a');
    assert.equal(state, 'failed');
    assert.equal(failure?.kind, 'verification_failed');
    assert.match(
      failure?.message ?? '',
      /echo wrong; exit 3: exit status 3\. The output is in .*checks\/1\.$/,
    );
    assert.equal(failure?.stderrTail, 'wrong');
    assert.equal(result, 'Done.');
    assert.equal(done.agent('b').state, 'cancelled');
    assert.equal(says('log'), '');
  });

  it('runs again with what the check found, and completes when it has mended that', async (t) => {
    const { real, says } = project(t);
    const work = 'cat >prompt.$MAOS_AGENT_ATTEMPT; echo x >>work; echo "attempt $MAOS_AGENT_ATTEMPT"';
    const verify = { commands: ['echo checking; test $(wc -l <work) -ge 2'], fix_rounds: 2 };
    const done = await run(real, [
      shell('a', work, { verify }),
      shell('b', 'cat work >seen', { depends_on: ['a'] }),
    ]);
    assert.equal(done.state, 'completed');
    const { attempt, result, proof } = done.agent('a');
    assert.deepEqual(
      { attempt, result, round: proof?.round, checks: proof?.checks },
      {
        ...{ attempt: 2, result: 'attempt 2', round: 1, checks: 2 },
      },
    );
    assert.match(says('prompt.2'), /^# The work did not pass its check\n(?:.*\n)*> checking$/m);
    assert.equal(says('seen'), 'x\nx\n', 'a dependent starts after the proof');
    assert.deepEqual(
      done.of('agent.fix_round', 'a').map(({ data }) => data),
      [{ name: 'a', round: 1, of: 2, attempt: 2 }],
    );
  });

  it('is checked where it works, with variables that say what is checked', async (t) => {
    const { real, says } = project(t);
    const verify = {
      commands: [
        'echo "$MAOS_VERIFY_CHECK $MAOS_VERIFY_ROUND $MAOS_AGENT_ID $MAOS_AGENT_TOKEN$MAOS_VERIFY_COMMIT" >"$MAOS_PROJECT_ROOT/env"; test -e made',
      ],
    };
    const done = await run(real, [shell('a', 'touch made', { verify, workspace: 'own' })]);
    assert.equal(done.state, 'completed');
    assert.equal(says('env'), `1 0 ${done.agent('a').id} \n`);
  });

  it('fails its check by its time limit, and may mend that', async (t) => {
    const { real } = project(t);
    const verify = { commands: ['sleep 300'], timeout_minutes: 0.005, fix_rounds: 0 };
    const done = await run(real, [shell('a', 'true', { verify })]);
    const [failed] = done.of('verify.failed', 'a');
    assert.match(failed?.data.report.reason ?? '', /^It ran longer than its limit of 0\.3 s/);
    assert.equal(failed?.data.report.exitCode, null);
    assert.equal(done.agent('a').failure?.kind, 'verification_failed');
  });

  it('fails its check when the check cannot be found', async (t) => {
    const { real } = project(t);
    const done = await run(real, [
      shell('a', 'true', { verify: { commands: ['no-such-program'], fix_rounds: 0 } }),
    ]);
    assert.equal(done.of('verify.failed', 'a')[0]?.data.report.exitCode, 127);
  });

  it('fails without a fix round when MAOS cannot run the check', async (t) => {
    const { real } = project(t);
    const begin = real.project.host.start.bind(real.project.host);
    t.mock.method(real.project.host, 'start', async (...args: Parameters<typeof begin>) => {
      if (args[0].check !== undefined) throw new Error('no space left');
      return begin(...args);
    });
    const done = await run(real, [shell('a', 'true', { verify: 'true' })]);
    const { failure, attempt } = done.agent('a');
    assert.deepEqual([failure?.kind, attempt], ['verification_failed', 1]);
    assert.match(failure?.message ?? '', /could not be checked: no space left/);
  });

  it('has its check ended with everything that the check started', async (t) => {
    if (lacksProcesses(t, 'it leaves a process behind')) return;
    const { real } = project(t);
    const verify = ['(setsid sleep 300 &) >/dev/null 2>&1; echo passed'];
    const done = await run(real, [shell('a', 'true', { verify })]);
    assert.equal(done.state, 'completed');
    assert.deepEqual(agentProcesses([done.agent('a').id]), []);
  });
});

describe('while an agent is being checked', () => {
  const checked = (t: TestContext) => {
    const { real, gate, says } = project(t);
    const verify = { commands: [`echo check >>log; ${gate.wait}`] };
    const begin = () => start(real, [shell('a', 'echo own >>log', { verify })]);
    return { real, gate, says, begin };
  };

  it('a cancel ends the check and the agent', async (t) => {
    const { real, begin } = checked(t);
    const id = await begin();
    await eventOf(real, id, 'verify.started', 'a');
    await requestCancel(real.project, real.supervisor, id, 'test', 'Enough.');
    const done = await settled(real, id);
    assert.equal(done.state, 'cancelled');
    assert.equal(done.agent('a').state, 'cancelled');
    assert.equal(done.of('verify.failed').length, 0);
  });

  it('a pause suspends the check, and it goes on when the session is resumed', async (t) => {
    const { real, gate, begin, says } = checked(t);
    const id = await begin();
    await until(() => says('log').includes('check'), 'the check');
    await requestPause(real.project, real.supervisor, id, 'test', 'Wait.');
    await eventOf(real, id, 'session.paused');
    assert.equal(outcome(real, id).of('agent.suspended', 'a').length, 1);
    assert.equal(outcome(real, id).agent('a').stage, 'verifying');
    gate.openNow();
    await requestResume(real.project, real.supervisor, id, 'test', 'Go on.');
    assert.equal((await settled(real, id)).state, 'completed');
    assert.equal(says('log'), 'own\ncheck\n');
  });

  it('an interruption leaves the proof to the next run, which does not repeat the program', async (t) => {
    const { real, gate, begin, says } = checked(t);
    const id = await begin();
    await until(() => says('log').includes('check'), 'the check');
    real.supervisor.interrupt(id, 'The machine goes down.');
    const paused = await settled(real, id);
    assert.deepEqual([paused.state, paused.agent('a').state], ['paused', 'resumable']);
    gate.openNow();
    await requestResume(real.project, real.supervisor, id, 'test', 'Go on.');
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.equal(says('log'), 'own\ncheck\ncheck\n');
    assert.deepEqual(
      done.of('verify.started').map(({ data }) => data.check),
      [1, 2],
    );
  });
});

describe('when MAOS is killed', () => {
  for (const when of ['before the check ends', 'and the check ends before the next one comes']) {
    it(`${when}, the next one follows the check, and runs nothing twice`, async (t) => {
      if (lacksProcesses(t, 'kills a maos')) return;
      const { real, gate, says } = project(t);
      const other = await otherMaos(t, real);
      const verify = ['echo one >>log', `echo two >>log; ${gate.wait}; echo ended >>log`];
      const agents = [shell('a', 'echo own >>log', { verify })];
      const id = await other.start({ objective: 'Be checked.', agents });
      await until(() => says('log').includes('two'), 'the second check');
      const owner = real.project.store.ownerOf(id);
      await other.kill();
      if (when.startsWith('and')) {
        gate.openNow();
        await until(() => agentProcesses([outcome(real, id).agent('a').id]).length === 0, 'its end');
      }
      await real.supervisor.takeOver(id, owner);
      gate.openNow();
      const done = await settled(real, id);
      assert.equal(done.state, 'completed');
      assert.equal(says('log'), 'own\none\ntwo\nended\n');
      assert.deepEqual(
        done.of('verify.passed').map(({ data }) => data.report.check),
        [1, 2],
      );
      assert.deepEqual(agentProcesses([done.agent('a').id]), []);
    });
  }

  it('while the agent mends its work, the round goes on', async (t) => {
    if (lacksProcesses(t, 'kills a maos')) return;
    const { real, gate, says } = project(t);
    const other = await otherMaos(t, real);
    const work = `echo own >>log; test $MAOS_AGENT_ATTEMPT = 1 || { ${gate.wait}; }`;
    const agents = [shell('a', work, { verify: 'test $(wc -l <log) -ge 2' })];
    const id = await other.start({ objective: 'Be mended.', agents });
    await until(() => says('log') === 'own\nown\n', 'the fix round');
    const owner = real.project.store.ownerOf(id);
    await other.kill();
    await real.supervisor.takeOver(id, owner);
    gate.openNow();
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.equal(says('log'), 'own\nown\n');
    assert.equal(done.agent('a').attempt, 2);
  });
});

describe('an agent whose check failed', () => {
  it('mends that in the same conversation', async (t) => {
    const real = claudeProject(t);
    const mended = join(real.root, 'mended');
    const plays: readonly (readonly Step[])[] = [
      [turn(5), success('Done.', 5)],
      [turn(3), { make: mended }, success('Mended.', 8)],
    ];
    const agent = { ...player(real.root, 'a', plays), verify: `echo missing; test -e '${mended}'` };
    const done = await settled(real, await start(real, [agent]));
    const { state, result, attempt, conversation } = done.agent('a');
    assert.deepEqual([state, result, attempt], ['completed', 'Mended.', 2]);
    const [first, second] = startsOf(real.root, 'a');
    assert.equal(first, null);
    assert.ok(second !== null && second === conversation, 'the second start resumes the conversation');
  });
});
