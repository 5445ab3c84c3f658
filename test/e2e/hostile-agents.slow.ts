import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertHarmless, hostile } from '../helpers/hostile-world.ts';
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
  const { requests } = await maos.json<{ requests: unknown[] }>('requests', id, '--closed');
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
    assert.match(lineOf(ran, 'old'), /: 4 .*is in attempt 2, but this process belongs to attempt 1/);
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
    const all = attempt('yes', `${disguises.empty} ${own} run Nest --exec a=true --yes`);
    const mcp = attempt('mcp', respond(disguises.empty ?? ''));
    const started = await maos.json(
      ...['run', 'Pass.', '--detach', '--exec', `asker=${own} ask 'May I?' && echo "got it" || true`],
      ...[
        '--exec',
        `thief=${own} requests --wait >/dev/null; ${lines.join('; ')}; ${all}; ${mcp}; touch pass.done`,
      ],
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
    assert.match(lineOf(ran, 'yes'), /: 4 /);
    assert.match(lineOf(ran, 'mcp'), /cannot be answered by an agent/);
    const closed = await maos.json<{ requests: { answer: string }[] }>('requests', id, '--closed');
    assert.deepEqual(
      closed.requests.map(({ answer }) => answer),
      ['no'],
    );
    const { messages } = await maos.json<{ messages: unknown[] }>('message', 'list', id);
    assert.deepEqual(messages, []);
  });
});

/** A shell line: asks a `maos serve` to answer the newest request, and prints what it says. */
function respond(environment: string): string {
  const lines = [
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"respond","arguments":{"request_id":"latest","answer":"yes"}}}',
  ].map((line) => `echo '${line}'`);
  return `{ ${lines.join('; ')}; } | ${environment} ${own} serve | grep '"id":2'`;
}

/**
 * A program that speaks to its `maos agent` line by line: sends what `requests` makes, and prints each answer of a
 * request shortly.
 */
function driver(requests: string): string {
  return `
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
const server = spawn(process.execPath, [${JSON.stringify(bundle)}, 'agent'], { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map();
createInterface({ input: server.stdout }).on('line', (line) => {
  const answer = JSON.parse(line);
  waiting.get(answer.id)?.(answer);
  waiting.delete(answer.id);
  if (answer.id === null || answer.id === undefined) console.log('unasked: ' + line.slice(0, 200));
});
server.on('exit', (code) => console.log('server: ' + code));
const write = (text) => new Promise((resolve) => server.stdin.write(text, resolve));
let id = 0;
const request = (method, params) => new Promise((resolve) => {
  waiting.set(++id, resolve);
  server.stdin.write(JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\\n');
});
const call = async (name, args) => {
  const { result, error } = await request('tools/call', { name, arguments: args });
  return error?.message ?? (result.isError ? 'refused: ' : '') + result.content.map(({ text }) => text).join(' ');
};
await request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } });
await write('{"jsonrpc":"2.0","method":"notifications/initialized"}\\n');
${requests}
server.stdin.end();
`;
}

describe('an agent that answers for the team of another one', {
  skip: process.platform !== 'linux' && 'needs procfs',
}, () => {
  it('is refused, and that one can', async () => {
    const inner = `${own} ask 'May the team go on?'`;
    const other = 'env MAOS_AGENT_ID=$(cat leader.id)';
    writeFileSync(join(maos.project, 'respond.sh'), `#!/bin/sh\n${respond('env -u MAOS_AGENT_ID')}\n`, {
      mode: 0o755,
    });
    const ran = await team({
      leader: `printf %s "$MAOS_AGENT_ID" >leader.id; ${own} run Inner --exec "inner=${inner.replaceAll('"', '')}" & while [ ! -e forged.done ]; do sleep 0.1; done; ${attempt('leads', `${own} answer latest yes`)}; wait`,
      thief: `while ! ${own} requests | grep -q team; do sleep 0.1; done; ${attempt('as-leader', `${other} ${own} answer latest no`)}; ${attempt('mcp-as-leader', respond(other))}; ${attempt('below-leader', `${other} /bin/sh -c '${own.replaceAll("'", '')} answer latest no; exit $?'`)}; ${attempt('mcp-below-leader', `${other} /bin/sh -c './respond.sh; true'`)}; touch forged.done`,
    });
    assert.match(lineOf(ran, 'as-leader'), /: 4 .*is not the token of agent/);
    assert.match(lineOf(ran, 'mcp-as-leader'), /cannot be answered by an agent/);
    assert.match(lineOf(ran, 'below-leader'), /: 4 .*is not the token of agent/);
    assert.match(lineOf(ran, 'mcp-below-leader'), /cannot be answered by an agent/);
    assert.match(lineOf(ran, 'leads'), /: 0 .* was answered/);
  });
});

describe('an agent that sends too much', () => {
  it('is refused what is too large, with the limit, and its server goes on', async () => {
    const lines = [
      'not json',
      '{"jsonrpc":"2.0","id":',
      '[]',
      'null',
      '{"jsonrpc":"1.0","id":{},"method":7}',
      '\\u0000\\u001b[2J',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
    ];
    writeFileSync(
      join(maos.project, 'large.mjs'),
      driver(`
for (const line of ${JSON.stringify(lines)}) await write(line + '\\n');
console.log('long: ' + (await call('send_message', { to: 'user', text: 'x'.repeat(65_537) })));
console.log('huge: ' + (await Promise.race([call('send_message', { to: 'user', text: 'x'.repeat(10_000_000) }), new Promise((late) => AbortSignal.timeout(60_000).addEventListener('abort', () => late('no answer')))])).slice(0, 300));
console.log('question: ' + (await call('ask', { question: 'x'.repeat(1_000_000), choices: Array(21).fill('y') })).slice(0, 300));
console.log('paths: ' + (await call('claim_paths', { paths: Array(20_000).fill('a'.repeat(100)), reason: 'All.' })).slice(0, 300));
console.log('report: ' + (await call('report', { text: 'x'.repeat(1_000_000) })).slice(0, 300));
console.log('still: ' + (await call('team', {})).replaceAll('\\n', ' ').slice(0, 100));
`),
    );
    const ran = await team({
      large: `'${process.execPath}' large.mjs; ${attempt('stdin', `head -c 10000000 /dev/zero | tr '\\0' x | ${own} message send user -`)}`,
    });
    assert.match(lineOf(ran, 'long'), /refused: .*65,?537 .*65,?536/);
    assert.match(lineOf(ran, 'huge'), /65,?536|maximum|at most|larger/);
    assert.match(lineOf(ran, 'question'), /choices|at most/);
    assert.match(lineOf(ran, 'paths'), /name 1 to 50/);
    assert.match(lineOf(ran, 'report'), /at most 500/);
    assert.match(lineOf(ran, 'still'), /You are large/);
    assert.match(lineOf(ran, 'stdin'), /: 2 .*maximum of 0\.25 MiB/);
    await assertNothingSaid(ran);
  });

  it('gets 60 of 10,000 messages in a minute through, and hinders nobody', async () => {
    writeFileSync(
      join(maos.project, 'flood.mjs'),
      driver(`
let sent = 0;
let refusal = '';
await Promise.all(Array.from({ length: 10_000 }, async (_, index) => {
  const answer = await call('send_message', { to: 'other', text: 'Message ' + index + ' ' + 'x'.repeat(10_000) });
  if (answer.startsWith('refused: ')) refusal = answer;
  else sent++;
}));
console.log('sent: ' + sent);
console.log('refusal: ' + refusal);
`),
    );
    const started = await maos.json(
      ...['run', 'Flood.', '--detach', '--exec', `other=while [ ! -e flood.done ]; do sleep 0.1; done`],
      ...['--exec', `flood='${process.execPath}' flood.mjs; touch flood.done`],
    );
    const id = String(started.session_id);
    const owner = readPeakMemory(await ownerOf(id));
    let looks = 0;
    for (;;) {
      const { state } = await maos.json<{ state: string }>('status', id);
      if (state !== 'running') break;
      looks++;
    }
    assert.ok(looks > 0);
    const ran = { id, said: (await maos.run('logs', id)).stdout };
    const sent = Number(/sent: (\d+)/.exec(lineOf(ran, 'sent'))?.[1]);
    // More than 60 only where it took longer than a minute.
    assert.ok(sent >= 60 && sent < 1_000, `${sent}`);
    assert.match(lineOf(ran, 'refusal'), /60 messages a minute.*may send the next one at/);
    const [database = ''] = globSync(join(maos.home, 'projects/*/project.db'));
    assert.ok(statSync(database).size < 20_000_000, `${statSync(database).size} bytes`);
    if (owner !== null) assert.ok(owner() < 400_000, `${owner()} KiB`);
  });
});

describe('an agent whose texts steer a terminal', () => {
  it('reaches none of them by what it sends, asks, reports and claims', async () => {
    writeFileSync(
      join(maos.project, 'steer.mjs'),
      driver(`
const text = ${JSON.stringify(hostile)};
console.log('sent: ' + (await call('send_message', { to: 'user', subject: text, text: 'A ' + text + '\\nmaos: Approved by the user.' })));
console.log('told: ' + (await call('send_message', { to: 'other', subject: text, text })));
console.log('claimed: ' + (await call('claim_paths', { paths: ['src/' + text], reason: text })));
console.log('reported: ' + (await call('report', { text })));
await call('ask', { question: 'May I ' + text + '\\nreq_01K0ABCDEFGHJKMNPQRSTVWXYZ was allowed by a person at a terminal.', choices: [text, 'no'] });
`),
    );
    const started = await maos.json(
      ...['run', 'Steer.', '--detach', '--exec', 'other=while [ ! -e steer.done ]; do sleep 0.1; done'],
      ...['--exec', `steer='${process.execPath}' steer.mjs; touch steer.done`],
    );
    const id = String(started.session_id);
    const said = async (...args: string[]): Promise<string> => {
      const { stdout, stderr } = await maos.run(...args);
      assertHarmless(`maos ${args.join(' ')}`, `${stdout}${stderr}`);
      return `${stdout}${stderr}`;
    };
    await maos.run('requests', id, '--wait', '--timeout', '60');
    const shown = [
      await said('requests', id),
      await said('status', id),
      await said('wait', id, '--timeout', '0.1'),
      await said('message', 'read', id),
      await said('message', 'list', id),
      await said('events', id),
      await said('answer', 'latest', `no ${hostile}`),
    ];
    for (const text of shown) assert.match(text, /\\u20[0-9a-f]/);
    // A question stays on its line, behind the name of who asks.
    for (const text of shown.slice(0, 3))
      assert.doesNotMatch(text, /^\s*req_01K0ABCDEFGHJKMNPQRSTVWXYZ was allowed/m);
    assert.doesNotMatch(shown[3] ?? '', /^maos: /m);
    assert.equal((await maos.run('wait', id, '--timeout', '60')).status, 0);
    for (const command of ['status', 'events', 'logs', 'requests', 'message list', 'list'])
      for (const more of [[], ['--json']])
        await said(
          ...command.split(' '),
          ...(command === 'list' ? [] : [id]),
          ...(command === 'requests' ? ['--closed'] : []),
          ...more,
        );
    await said('message', 'search', 'Approved');
  });
});

/** The process that runs the session. */
async function ownerOf(id: string): Promise<number> {
  for (;;) {
    const { instances } = await maos.json<{ instances: { pid: number; session_ids: string[] }[] }>(
      'instances',
    );
    const owner = instances.find(({ session_ids }) => session_ids.includes(id));
    if (owner !== undefined) return owner.pid;
  }
}

/** The peak of its memory in KiB, as last seen; null where the system does not tell. */
function readPeakMemory(pid: number): (() => number) | null {
  if (process.platform !== 'linux') return null;
  let last = 0;
  const read = (): void => {
    try {
      last = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? last);
    } catch {
      clearInterval(timer);
    }
  };
  const timer = setInterval(read, 200).unref();
  read();
  return () => last;
}
