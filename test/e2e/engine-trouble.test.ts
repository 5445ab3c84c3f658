import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { agentProcesses } from '../helpers/agent-processes.ts';
import { smallDisk } from '../helpers/small-disk.ts';
import { type AgentRecord, assertRefused, EngineBench, unprivileged } from './engine-bench.ts';

const lockHolder = fileURLToPath(
  new URL('../infrastructure/sqlite/fixtures/store-process.ts', import.meta.url),
);
const touch = ['run', 'x', '-x', 'a=touch ran'];
const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** A bench with one stored session. */
async function used(t: TestContext, home?: string): Promise<EngineBench> {
  const bench = new EngineBench(t, home);
  const { status, stderr } = await bench.run(['run', 'x', '-x', 'first=true']);
  assert.equal(status, 0, stderr);
  return bench;
}

function assertNothingRan(bench: EngineBench): void {
  assert.ok(!existsSync(join(bench.project, 'ran')));
  assert.deepEqual(bench.processes, []);
}

describe('a database', () => {
  it('that another process keeps locked: busy, status 5; nothing is stored, and it works again later', async (t) => {
    const bench = await used(t);
    const holder = spawn(process.execPath, ['--no-warnings', lockHolder, 'holdLock', bench.database], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    const refused = await bench.run(touch, { env: { MAOS_BUSY_TIMEOUT_MS: '100' } });
    assertRefused(refused, {
      status: 5,
      code: 'STORE_BUSY',
      says: /project\.db is locked by another process.*Try again/,
    });
    assertNothingRan(bench);
    holder.stdin.end('go');
    await once(holder, 'exit');
    assert.equal(await bench.sessions(), 1);
    assert.equal((await bench.run(touch)).status, 0);
  });

  it('that is damaged: status 4, and it is left as it is', async (t) => {
    const bench = await used(t);
    const file = openSync(bench.database, 'r+');
    writeSync(file, Buffer.alloc(4_096, 'not a database '), 0, 4_096, 0);
    closeSync(file);
    for (const name of globSync(`${bench.database}-*`)) rmSync(name);
    const before = hashOf(bench.database);
    const expected = {
      status: 4,
      code: 'STORE_CORRUPT',
      says: /project\.db is damaged.*Move it away together with/,
    };
    assertRefused(await bench.run(touch), expected);
    assertRefused(await bench.run(['status', 'latest']), expected);
    assert.equal(hashOf(bench.database), before);
    assertNothingRan(bench);
  });

  it('of a newer schema: status 2, and it is left as it is', async (t) => {
    const bench = await used(t);
    const db = new DatabaseSync(bench.database);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE; PRAGMA user_version = 9999');
    db.close();
    const before = hashOf(bench.database);
    assertRefused(await bench.run(touch), {
      status: 2,
      code: 'CONFIG_INVALID',
      says: /project\.db .*9999.*/,
    });
    assert.equal(hashOf(bench.database), before);
    assertNothingRan(bench);
  });

  it('that this user may not write: status 4', async (t) => {
    const bench = new EngineBench(t);
    const uid = unprivileged(t, bench);
    if (uid === null) return;
    assert.equal((await bench.run(['run', 'x', '-x', 'first=true'], { uid })).status, 0);
    chmodSync(bench.database, 0o400);
    const refused = await bench.run(touch, { uid });
    const says = /No permission to write the database .*project\.db.*Make the file and its folder writable/;
    assertRefused(refused, { status: 4, code: 'FORBIDDEN', says });
    assertNothingRan(bench);
    chmodSync(bench.database, 0o600);
    assert.equal(await bench.sessions({ uid }), 1);
  });

  it('in a home that this user may not write: one line says so', async (t) => {
    const bench = new EngineBench(t);
    const uid = unprivileged(t, bench);
    if (uid === null) return;
    assert.equal((await bench.run(['run', 'x', '-x', 'first=true'], { uid })).status, 0);
    execFileSync('chmod', ['-R', 'a-w', bench.home]);
    const says = /^maos: No permission to write the database [^\n]*$/;
    for (const words of [['status'], ['list'], ['logs'], touch]) {
      assertRefused(await bench.run(words, { uid }), { status: 4, code: 'FORBIDDEN', says });
    }
    const all = await bench.run(['list', '--all'], { uid });
    assert.equal(all.status, 1);
    assert.match(all.stderr, /^Could not read a project: No permission to write the database [^\n]*\n$/);
    const { stdout, stderr } = await bench.run(['doctor'], { uid });
    assert.equal(stderr, '');
    assert.match(stdout, /✗ home .* cannot be used\n {4}Could not use .*permission/);
    execFileSync('chmod', ['-R', 'u+w', bench.home]);
  });

  it('on a disk that is full: status 5; nothing is stored, and it works again when there is room', async (t) => {
    const disk = smallDisk(t, 2_000);
    if (disk === null) return;
    const bench = await used(t, join(disk, 'home'));
    const ballast = join(disk, 'ballast');
    fill(ballast);
    const { stderr, ...rest } = await bench.run(touch);
    // The log on the same disk reports it first.
    const refused = { ...rest, stderr: stderr.replace(/^maos: cannot write the log .*\n/, '') };
    assertRefused(refused, {
      status: 5,
      code: 'RESOURCE_LIMIT_EXCEEDED',
      says: /disk is full.*[Ff]ree some space/,
    });
    assertNothingRan(bench);
    rmSync(ballast);
    assert.equal(await bench.sessions(), 1);
    assert.equal((await bench.run(touch)).status, 0);
  });

  it('whose home cannot be made: status 2, naming MAOS_HOME', async (t) => {
    const bench = new EngineBench(t);
    writeFileSync(bench.home, 'a file');
    assertRefused(await bench.run(touch), { status: 2, code: 'CONFIG_INVALID', says: /home".*MAOS_HOME/ });
    assertNothingRan(bench);
  });
});

describe('a program', () => {
  it('claude, where there is none: status 6 before anything is stored', async (t) => {
    const bench = new EngineBench(t);
    const bin = join(bench.folder, 'bin');
    mkdirSync(bin);
    symlinkSync('/bin/sh', join(bin, 'sh'));
    const agents = [
      { role: 'tester', task: 'x', command: 'touch ran' },
      { role: 'qa', task: 'Think.' },
    ];
    for (const env of [{ PATH: bin }, { MAOS_CLAUDE_PATH: join(bin, 'claude') }]) {
      const refused = await bench.plan({ objective: 'x', agents }, [], { env });
      const says = /^maos: Claude Code is not .*Install it .*or use another backend\./;
      assertRefused(refused, { status: 6, code: 'BACKEND_UNAVAILABLE', says });
    }
    assertNothingRan(bench);
    assert.equal(await bench.sessions(), 0);
  });

  for (const [title, make, message] of [
    ['that does not exist', () => {}, /"\.\/program"/],
    [
      'that may not be executed',
      (path: string) => writeFileSync(path, '#!/bin/sh\n', { mode: 0o644 }),
      /"\.\/program"/,
    ],
    ['that is a folder', (path: string) => mkdirSync(path), /"\.\/program"/],
  ] as const) {
    it(`${title}: a recorded failure of its agent alone, status 1`, async (t) => {
      const bench = new EngineBench(t);
      make(join(bench.project, 'program'));
      const plan = {
        objective: 'x',
        agents: [
          { role: 'tester', task: 'x', name: 'bad', command: ['./program', 'argument'] },
          { role: 'tester', task: 'x', name: 'good', command: 'echo fine' },
        ],
      };
      const { status, agents, state } = await bench.summary(['-'], { input: JSON.stringify(plan) });
      assert.deepEqual([status, state], [1, 'failed']);
      const [bad, good] = agents;
      assert.deepEqual([bad?.state, bad?.failure?.kind], ['failed', 'spawn_failed']);
      assert.match(bad?.failure?.message ?? '', message);
      assert.deepEqual([good?.state, good?.result], ['completed', 'fine']);
      assert.deepEqual(bench.processes, []);
    });
  }

  it('of no known format, or with an interpreter that is missing: a recorded failure', async (t) => {
    const bench = new EngineBench(t);
    copyFileSync('/dev/null', join(bench.project, 'empty'));
    writeFileSync(join(bench.project, 'binary'), Buffer.from([0, 1, 2, 3, 254, 255, 0, 10]));
    writeFileSync(join(bench.project, 'script'), '#!/nowhere/interpreter\necho no\n');
    for (const name of ['binary', 'script']) chmodSync(join(bench.project, name), 0o755);
    const agents = ['binary', 'script'].map((name) => ({
      role: 'tester',
      task: 'x',
      name,
      command: [`./${name}`],
    }));
    const { status, ...summary } = await bench.summary(['-'], {
      input: JSON.stringify({ objective: 'x', agents }),
    });
    assert.equal(status, 1);
    for (const agent of summary.agents) {
      assert.equal(agent.state, 'failed', agent.name);
      assert.ok(['exit_code', 'spawn_failed'].includes(agent.failure?.kind ?? ''), agent.name);
    }
    assert.deepEqual(bench.processes, []);
  });
});

describe('an agent that prints', () => {
  const stdoutOf = (bench: EngineBench, { agent_id }: AgentRecord) =>
    globSync(join(bench.home, 'projects/*/sessions/*/agents', agent_id, 'stdout.log'))[0] ?? assert.fail();

  async function printed(t: TestContext, line: string) {
    const bench = new EngineBench(t);
    const { status, state, agents, events } = await bench.summary(['x', '-x', `a=${line}`]);
    assert.deepEqual([status, state], [0, 'completed']);
    assert.deepEqual(bench.processes, []);
    const agent = agents[0] ?? assert.fail();
    assert.deepEqual(agentProcesses([agent.agent_id]), []);
    const result = String(events.find(({ type }) => type === 'agent.completed')?.data.result);
    return { bench, agent, result, path: stdoutOf(bench, agent) };
  }

  it('200 MB: all of it is kept, its end is the result, and its logs can be read', async (t) => {
    const { bench, agent, result, path } = await printed(
      t,
      'yes "$(printf %0160d 7)" | head -c 200000000; echo; echo the end',
    );
    assert.equal(statSync(path).size, 200_000_000 + '\nthe end\n'.length);
    assert.match(result, /\nthe end$/);
    const { stdout, status } = await bench.run(['logs', agent.agent_id, '--tail', '2']);
    assert.equal(status, 0);
    assert.match(stdout, /^[^\n]*\nthe end\n$/);
  });

  it('binary: its bytes are kept, and what is shown of them steers no terminal', async (t) => {
    const line =
      'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done; printf \'\\033[2J\\n\'';
    const { bench, agent, path } = await printed(t, line);
    const bytes = readFileSync(path);
    assert.equal(bytes.length, 256 + 5);
    assert.deepEqual(
      [...bytes.subarray(0, 256)],
      Array.from({ length: 256 }, (_, i) => i),
    );
    for (const args of [
      ['logs', agent.agent_id],
      ['status', 'latest'],
      ['events', 'latest'],
    ]) {
      const { stdout, status } = await bench.run(args);
      assert.equal(status, 0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, String(args[0]));
    }
  });

  it('one endless line: it is kept whole, and its end is the result', async (t) => {
    const { bench, agent, result, path } = await printed(
      t,
      "head -c 20000000 /dev/zero | tr '\\0' x; printf end",
    );
    assert.equal(statSync(path).size, 20_000_003);
    assert.match(result, /^x+end$/);
    const raw = await bench.run(['logs', agent.agent_id, '--raw', '--stream', 'stdout']);
    assert.equal(raw.stdout.replaceAll('\n', '').length, 20_000_003);
    assert.ok(raw.stdout.trimEnd().endsWith('xend'));
  });
});

/** Fills the disk. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  for (let size = 65_536; size >= 1; ) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch {
      // Too large for the remaining space; a smaller size may fit.
      size = Math.floor(size / 16);
    }
  }
  closeSync(file);
}
