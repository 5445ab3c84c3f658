import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

let maos: MaosFolder;
before(async () => {
  maos = await MaosFolder.make();
});
after(() => maos.remove());

const own = `'${process.execPath}' '${bundle}'`;

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await maos.start([...args, '--json']).finished;
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Starts an agent that runs the line, and gives back the id of its session. */
async function start(line: string): Promise<string> {
  return String((await json('run', 'Ask.', '--exec', `asker=${line}`, '--detach')).session_id);
}

describe("an agent's program that asks", () => {
  it('is awaited also before anything was run in the project', async () => {
    const none = await maos.start(['requests', '--wait', '--timeout', '0']).finished;
    assert.deepEqual([none.status, none.stdout], [5, '']);
    const waiting = maos.start(['requests', '--wait', '--timeout', '60', '--json']);
    const id = await start(`${own} ask 'Which port?'`);
    const { status, stdout } = await waiting.finished;
    assert.equal(status, 0);
    assert.equal(JSON.parse(stdout).requests[0]?.session_id, id);
    assert.equal((await maos.start(['answer', 'latest', '8080']).finished).status, 0);
    assert.equal((await maos.start(['wait', id, '--timeout', '60']).finished).status, 0);
  });

  it('gets the answer that is given in another terminal, and cannot answer itself', async () => {
    const line = `${own} ask 'Which port?' --choice 8080 --choice 3000 >answer & ${own} requests --wait; ${own} answer latest 3000; echo "own answer: $?"; wait; cat answer`;
    const id = await start(line);
    const { requests } = await json('requests', id, '--wait', '--timeout', '60');
    const [request] = requests as Record<string, unknown>[];
    assert.deepEqual(
      [request?.agent, request?.kind, request?.action, request?.choices],
      ['asker', 'question', 'Which port?', ['8080', '3000']],
    );
    const status = await maos.start(['status', id]).finished;
    assert.match(status.stdout, /Needs an answer\n {2}req_\w{26} {2}asker: Which port\? \[8080 \| 3000\]/);
    assert.match(status.stdout, / answer req_\w{26} TEXT/);
    const briefly = await maos.start(['wait', id, '--timeout', '0.1']).finished;
    assert.equal(briefly.status, 5);
    assert.match(briefly.stderr, /asker asks: Which port\? \[8080 \| 3000\]\. Answer with: .* answer req_/);
    const wrong = await maos.start(['approve', 'latest']).finished;
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /is a question\. Answer it with a text: 'maos answer'/);
    // The program has tried by then, or tries and finds it answered: never does its answer stand.
    const answered = await maos.start(['answer', 'latest', '8080']).finished;
    assert.deepEqual([answered.status, answered.stderr], [0, '']);
    assert.match(answered.stdout, /^req_\w{26} was answered by a person at a terminal: 8080\n/);
    assert.equal((await maos.start(['wait', id, '--timeout', '60']).finished).status, 0);
    const logs = await maos.start(['logs', id]).finished;
    assert.match(logs.stdout, /own answer: 4/);
    assert.match(logs.stdout, /8080/);
    const all = await json('requests', id, '--closed');
    assert.equal((all.requests as Record<string, unknown>[])[0]?.answer, '8080');
    await maos.start(['export', id, '--output', 'session.tar.gz']).finished;
    const archive = join(maos.project, 'session.tar.gz');
    const [exported] = JSON.parse(
      String(execFileSync('tar', ['-xzOf', archive, '--wildcards', '*/requests.json'])),
    );
    assert.deepEqual([exported.state, exported.answer.text], ['answered', '8080']);
  });

  it('goes on with the answer although the MAOS of its session was killed', async () => {
    const line = `${own} ask 'Which port?'; echo went on`;
    const run = maos.start(['run', 'Ask.', '--exec', `asker=${line}`]);
    const { requests } = await json('requests', '--wait', '--timeout', '60');
    const [request] = requests as Record<string, unknown>[];
    run.process.kill('SIGKILL');
    await run.finished;
    const answered = await maos.start(['answer', String(request?.request_id), '8080']).finished;
    assert.equal(answered.status, 0, answered.stderr);
    assert.match(answered.stderr, /^The maos process running sess_\w{26} has died\. Started a new one/);
    assert.equal((await maos.start(['wait', '--timeout', '60']).finished).status, 0);
  });

  it('hears that its question was withdrawn by its signal, and what is not a request is not found', async () => {
    const id = await start(
      `${own} ask 'Anybody?' & asking=$!; ${own} requests --wait; kill -TERM $asking; wait $asking; echo "ended with $?"`,
    );
    assert.equal((await maos.start(['wait', id, '--timeout', '60']).finished).status, 0);
    const all = await json('requests', id, '--closed');
    assert.deepEqual(
      (all.requests as Record<string, unknown>[]).map(({ state }) => state),
      ['withdrawn'],
    );
    assert.match((await maos.start(['logs', id]).finished).stdout, /ended with 130/);
    assert.equal((await maos.start(['deny', 'req_0000']).finished).status, 3);
    const outside = await maos.start(['ask', 'Me?']).finished;
    assert.equal(outside.status, 4);
    assert.match(outside.stderr, /Only an agent can ask/);
    assert.match((await maos.start(['requests']).finished).stderr, /No open requests/);
  });

  it('works in a session that is allowed everything, which says so; no agent can have that for its own team', async () => {
    const line = `${own} run Nest --exec a=true --yes; echo "with $?"; env -u MAOS_SESSION_ID ${own} run Nest --exec a=true --yes; echo "without $?"`;
    const started = await json('run', 'Ask.', '--exec', `asker=${line}`, '--yes', '--detach');
    const id = String(started.session_id);
    assert.equal(started.approvals, 'all');
    assert.equal((await maos.start(['wait', id, '--timeout', '60']).finished).status, 0);
    assert.match(
      (await maos.start(['status', id]).finished).stdout,
      /every permission that agents ask for is allowed/,
    );
    const logs = await maos.start(['logs', id]).finished;
    assert.match(logs.stdout, /with 4/);
    assert.match(logs.stdout, /without 4/);
  });
});
