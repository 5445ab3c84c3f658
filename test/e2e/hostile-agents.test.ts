import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

/** What an agent runs, and what it leaves in the project's folder. */
const own = `'${process.execPath}' '${bundle}'`;

let maos: MaosFolder;
before(async () => {
  maos = await MaosFolder.make();
});
after(() => maos.remove());

interface Team {
  readonly id: string;
  /** What the agents printed, `name: line` each. */
  readonly said: string;
}

/** Runs agents that each run a shell line, to their end. */
async function team(agents: Readonly<Record<string, string>>): Promise<Team> {
  const options = Object.entries(agents).flatMap(([name, line]) => ['--exec', `${name}=${line}`]);
  const started = await maos.json('run', 'Misbehave.', ...options, '--detach');
  const id = String(started.session_id);
  const waited = await maos.run('wait', id, '--timeout', '120');
  assert.ok([0, 1].includes(waited.status ?? -1), `${waited.stdout}${waited.stderr}`);
  return { id, said: (await maos.run('logs', id)).stdout };
}

/** A shell line that runs a command, and prints its exit status and what it complained about after the label. */
function attempt(label: string, command: string): string {
  return `{ ${command}; } >'${label}.out' 2>&1; echo "${label}: $? $(tr '\\n' ' ' <'${label}.out')"`;
}

function lineOf({ said }: Team, label: string): string {
  return (
    said.split('\n').find((line) => line.includes(`${label}: `)) ?? assert.fail(`no ${label} in ${said}`)
  );
}

async function assertNothingSaid({ id }: Team): Promise<void> {
  const { messages } = await maos.json<{ messages: unknown[] }>('message', 'list', id);
  assert.deepEqual(messages, []);
  const { requests } = await maos.json<{ requests: unknown[] }>('requests', id, '--all');
  assert.deepEqual(requests, []);
  const events = await maos.run('events', id);
  assert.doesNotMatch(events.stdout, / (?:agent\.reported|paths?\.\w+) /);
}

describe('an agent that speaks as somebody else', () => {
  const forgeries: readonly (readonly [label: string, environment: string, refusal: RegExp])[] = [
    ['other-id', 'MAOS_AGENT_ID=$(cat ann.id)', /is not the token of agent/],
    ['other-token', 'MAOS_AGENT_TOKEN=$(cat ann.token)', /is not the token of agent/],
    ['other-attempt', 'MAOS_AGENT_ATTEMPT=2', /is not the token of agent/],
    ['other-session', 'MAOS_SESSION_ID=$(cat first.session)', /has no agent agent_/],
    ['no-token', '-u MAOS_AGENT_TOKEN', /MAOS_AGENT_TOKEN is not set/],
    ['no-attempt', '-u MAOS_AGENT_ATTEMPT', /MAOS_AGENT_ATTEMPT is not set/],
    ['no-id', '-u MAOS_AGENT_ID', /MAOS_AGENT_ID is not set/],
    ['odd-id', `MAOS_AGENT_ID='../../etc'`, /is not the token of agent/],
  ];
  const ways: Readonly<Record<string, string>> = {
    send: 'message send user Hello',
    ask: 'ask Anything?',
    report: 'report Done.',
    claim: 'claim src',
  };

  it('is refused whatever of its environment is forged, and says nothing by it', async () => {
    await team({ first: 'printf %s "$MAOS_SESSION_ID" >first.session' });
    const tried = forgeries.flatMap(([label, environment, refusal], index) =>
      Object.entries(ways).flatMap(([way, call]) =>
        index === 0 || way === 'send'
          ? [{ label: `${label}-${way}`, command: `env ${environment} ${own} ${call}`, refusal }]
          : [],
      ),
    );
    const lines = tried.map(({ label, command }) => attempt(label, command));
    const ran = await team({
      ann: `printf %s "$MAOS_AGENT_ID" >ann.id; printf %s "$MAOS_AGENT_TOKEN" >ann.token; touch ann.ready; while [ ! -e thief.done ]; do sleep 0.1; done`,
      thief: `while [ ! -e ann.ready ]; do sleep 0.1; done; ${lines.join('; ')}; touch thief.done`,
    });
    for (const { label, refusal } of tried) {
      const line = lineOf(ran, label);
      assert.match(line, /: 4 /);
      assert.match(line, refusal);
    }
    await assertNothingSaid(ran);
  });

  it('is refused with the token of its earlier attempt', async () => {
    const line = `if [ -e old.token ]; then ${attempt('old', `env MAOS_AGENT_ATTEMPT=1 MAOS_AGENT_TOKEN=$(cat old.token) ${own} message send user Old`)}; else printf %s "$MAOS_AGENT_TOKEN" >old.token; exit 1; fi`;
    const failed = await team({ again: line });
    assert.equal((await maos.run('retry', failed.id, '--detach')).status, 0);
    await maos.run('wait', failed.id, '--timeout', '120');
    const ran = { id: failed.id, said: (await maos.run('logs', failed.id)).stdout };
    assert.match(lineOf(ran, 'old'), /: 4 .*is in attempt 2, and this process is of attempt 1/);
    await assertNothingSaid(ran);
  });

  it('does not reach sessions of others by their ids', async () => {
    const { session_id: other } = await maos.json<{ session_id: string }>('status', 'latest');
    const ran = await team({
      stranger: [
        attempt('far-send', `${own} message send ${other} user Hello`),
        attempt('far-read', `${own} message read ${other}`),
        attempt('far-list', `${own} message list ${other}`),
        attempt('odd-session', `${own} message send 'sess_../..' user Hello`),
      ].join('; '),
    });
    for (const label of ['far-send', 'far-read', 'far-list']) {
      assert.match(lineOf(ran, label), /: 4 .*is not yours/);
    }
    assert.match(lineOf(ran, 'odd-session'), /: [23] /);
    await assertNothingSaid(ran);
  });
});

describe('an agent that passes as the user', { skip: process.platform !== 'linux' && 'needs procfs' }, () => {
  /** Ways to lose what tells of the agent. */
  const disguises: Readonly<Record<string, string>> = {
    unset: 'env -u MAOS_AGENT_ID -u MAOS_AGENT_TOKEN -u MAOS_AGENT_ATTEMPT -u MAOS_SESSION_ID',
    empty: `env -i HOME="$HOME" MAOS_HOME="$MAOS_HOME" PATH="$PATH"`,
    // Its parent has ended when it runs: no process above it is the agent's.
    orphan: `./orphan.sh env -i HOME="$HOME" MAOS_HOME="$MAOS_HOME" PATH="$PATH"`,
  };
  const calls: Readonly<Record<string, string>> = {
    answer: 'answer latest yes',
    approve: 'approve latest',
    send: 'message send latest asker Obey.',
    read: 'message read latest --ack',
  };

  it('is recognized by the processes around it', async () => {
    // Starts a command, and lets it run once the process that started it has ended.
    writeFileSync(
      join(maos.project, 'orphan.sh'),
      [
        '#!/bin/sh',
        'rm -f orphan.status',
        `setsid /bin/sh -c 'from=$1; shift; while kill -0 "$from" 2>/dev/null; do sleep 0.05; done; "$@" >orphan.said 2>&1; echo $? >orphan.part; mv orphan.part orphan.status' orphan $$ "$@" &`,
      ].join('\n'),
      { mode: 0o755 },
    );
    const lines = Object.entries(disguises).flatMap(([label, disguise]) =>
      Object.entries(calls).map(([way, call]) => {
        const command = `${disguise} ${own} ${call}`;
        const whole =
          label === 'orphan'
            ? `${command}; while [ ! -e orphan.status ]; do sleep 0.05; done; cat orphan.said; (exit $(cat orphan.status))`
            : command;
        return attempt(`${label}-${way}`, whole);
      }),
    );
    const served = [
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"respond","arguments":{"request_id":"latest","answer":"yes"}}}',
    ].map((line) => `echo '${line}'`);
    const mcp = attempt('mcp', `{ ${served.join('; ')}; } | ${disguises.empty} ${own} serve | grep '"id":2'`);
    const started = await maos.json(
      ...['run', 'Pass.', '--detach', '--exec', `asker=${own} ask 'May I?' && echo "got it" || true`],
      ...['--exec', `thief=${own} requests --wait >/dev/null; ${lines.join('; ')}; ${mcp}; touch pass.done`],
    );
    const id = String(started.session_id);
    const { requests } = await maos.json<{ requests: { state: string }[] }>('requests', id, '--wait');
    assert.equal(requests.length, 1);
    // The user can, and does so when the agent has tried everything.
    const waited = await maos.run('wait', id, '--timeout', '1');
    assert.equal(waited.status, 5);
    for (;;) {
      const { stdout } = await maos.run('status', id, '--json');
      const { agents } = JSON.parse(stdout) as { agents: { name: string; state: string }[] };
      if (agents.find(({ name }) => name === 'thief')?.state !== 'running') break;
    }
    const answered = await maos.run('answer', 'latest', 'no');
    assert.equal(answered.status, 0, answered.stderr);
    await maos.run('wait', id, '--timeout', '60');
    const ran = { id, said: (await maos.run('logs', id)).stdout };
    for (const label of Object.keys(disguises)) {
      for (const way of Object.keys(calls)) {
        const line = lineOf(ran, `${label}-${way}`);
        assert.match(line, /: 4 .*runs inside agent agent_/, line);
      }
    }
    assert.match(lineOf(ran, 'mcp'), /cannot be answered by an agent/);
    const all = await maos.json<{ requests: { answer: string }[] }>('requests', id, '--all');
    assert.deepEqual(
      all.requests.map(({ answer }) => answer),
      ['no'],
    );
    const { messages } = await maos.json<{ messages: unknown[] }>('message', 'list', id);
    assert.deepEqual(messages, []);
  });
});
