import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { listAgentProcesses } from '../../../../src/infrastructure/process/tree/agent-list.ts';
import { until } from '../../../helpers/waiting.ts';
import { type Bench, makeBench, processesWith, rareSeconds } from '../test-bench.ts';

const isLinux = process.platform === 'linux';

/** Each leaves the agent's session and process tree, and loses or overwrites its environment, in a different way. */
const ways: readonly (readonly [name: string, script: string])[] = [
  ['with a cleared environment', '(env -i setsid sleep "$1" <&- >/dev/null 2>&1 &);'],
  [
    'by python, which closes all descriptors',
    `setsid python3 -c 'import os, sys
if os.fork(): os._exit(0)
os.closerange(0, 1024)
os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})' "$1" &`,
  ],
  [
    'by node, which hands down no descriptor',
    `setsid '${process.execPath}' -e 'require("child_process").spawn("sleep", [process.argv[1]], { detached: true, stdio: "ignore", env: {} }).unref()' "$1" &`,
  ],
];

suite('a daemon', { concurrency: 2, skip: !isLinux }, () => {
  for (const [name, script] of ways) {
    test(`${name}, is ended with the agent it comes from`, async (t) => {
      const { bench, seconds } = await makeDaemon(t);
      const running = await bench.start('sh', ['-c', `${script} wait; echo ready; sleep 60`, 'sh', seconds]);
      await bench.output.heard('ready');
      // The shell that starts it does not wait until it runs its program.
      await until(async () => (await daemonsOf(seconds)).length === 1, 'the daemon');
      const report = await running.stop(20_000);
      assert.equal(report.survivors, 0);
      assert.deepEqual(await daemonsOf(seconds), []);
    });

    test(`${name}, is ended when the agent ends, and said to have been left`, async (t) => {
      const { bench, seconds } = await makeDaemon(t);
      const running = await bench.start('sh', ['-c', `${script} wait; echo ready`, 'sh', seconds]);
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, 0);
      assert.deepEqual(await daemonsOf(seconds), []);
      assert.match(bench.logged.join('\n'), /left processes behind/);
    });
  }

  test('of another agent is left alone', async (t) => {
    const [one, other] = [await makeBench(t), await makeBench(t)];
    const seconds = rareSeconds();
    const script = '(env -i setsid sleep "$1" >/dev/null 2>&1 &); echo ready; sleep 60';
    await one.start('sh', ['-c', script, 'sh', seconds]);
    await one.output.heard('ready');
    const running = await other.start('sleep', ['60']);
    assert.equal((await running.stop(20_000)).survivors, 0);
    assert.equal((await daemonsOf(seconds)).length, 1);
  });

  test('that lost every mark but keeps the output open is counted as left', async (t) => {
    const { bench, seconds } = await makeDaemon(t);
    const unmark = 'ulimit -S -w unlimited 2>/dev/null || ulimit -S -x unlimited';
    const script = `(${unmark}; exec env -i setsid sleep "$1") & while ! ps -A -o sid=,args= | grep -q "^ *$! sleep"; do :; done; exit 3`;
    const running = await bench.start('sh', ['-c', script, 'sh', seconds]);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    assert.equal((await daemonsOf(seconds)).length, 1, 'it lives on');
    assert.equal((await running.stop(0)).survivors, 1);
    assert.match(bench.logged.join('\n'), /1 processes of the agent could not be ended/);
  });

  test('is in the list of agents', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const script = '(env -i setsid sleep "$1" >/dev/null 2>&1 &); echo ready; sleep 60';
    await bench.start('sh', ['-c', script, 'sh', seconds]);
    await bench.output.heard('ready');
    await until(async () => {
      const listed = (await listAgentProcesses()).find(({ agentId }) => agentId === bench.agent.id);
      return listed?.processes === 3;
    }, 'the shell and both that sleep in the list');
  });
});

async function makeDaemon(t: TestContext): Promise<{ bench: Bench; seconds: string }> {
  const seconds = rareSeconds();
  const bench = await makeBench(t);
  t.after(async () => {
    for (const { pid } of await daemonsOf(seconds)) process.kill(pid, 'SIGKILL');
  });
  return { bench, seconds };
}

async function daemonsOf(seconds: string): Promise<readonly { pid: number; cmd: string }[]> {
  return (await processesWith(seconds)).filter(({ cmd }) => cmd.startsWith('sleep'));
}
