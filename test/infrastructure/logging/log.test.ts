import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { LogLevel } from '../../../src/application/ports/log.ts';
import { MaosError } from '../../../src/domain/errors.ts';
import { openLog } from '../../../src/infrastructure/logging/log.ts';
import { withSmallDisk } from '../files/small-disk.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-log-'));
after(() => rmSync(root, { recursive: true, force: true }));
const instance = 'inst_01K0ABCDEFGHJKMNPQRSTVWXYZ';
const module = JSON.stringify(import.meta.resolve('../../../src/infrastructure/logging/log.ts'));

let count = 0;
function fresh(level: LogLevel = 'info') {
  const file = join(root, `folder-${++count}`, 'logs', `${instance}.log`);
  const lines = (): Record<string, unknown>[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return { file, log: openLog({ file, level, instance }), lines };
}

describe('the log', () => {
  it('is made at the first record, closed to others, one JSON line each', () => {
    const { file, log, lines } = fresh();
    log.log('debug', 'not important enough');
    assert.ok(!existsSync(join(file, '..')));
    log.log('info', 'session started', { session: 'sess_1', agents: 3 });
    log.log('warn', 'line\nbreak');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(join(file, '..')).mode & 0o777, 0o700);
    const [first, second] = lines();
    assert.match(String(first?.at), /^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/);
    assert.deepEqual(
      { ...first, at: '' },
      {
        at: '',
        level: 'info',
        message: 'session started',
        instance,
        pid: process.pid,
        session: 'sess_1',
        agents: 3,
      },
    );
    assert.equal(second?.message, 'line\nbreak');
    log.close();
  });

  it('writes its level and what is more important', () => {
    const levels: LogLevel[] = ['error', 'warn', 'info', 'debug', 'trace'];
    for (const [index, level] of levels.entries()) {
      const { log, lines } = fresh(level);
      for (const each of levels) log.log(each, each);
      assert.deepEqual(
        lines().map((line) => line.level),
        levels.slice(0, index + 1),
      );
      log.close();
    }
  });

  it("keeps its own fields apart from the caller's", () => {
    const { log, lines } = fresh();
    log.log('info', 'mine', { message: 'yours', pid: 1, level: 'trace' });
    const [line] = lines();
    assert.deepEqual(
      [line?.message, line?._message, line?.pid, line?._pid, line?.level, line?._level],
      ['mine', 'yours', process.pid, 1, 'info', 'trace'],
    );
    log.close();
  });

  it('is readable after kill -9, to the last record', async () => {
    const { file, lines } = fresh();
    const script = `
      import { openLog } from ${module};
      const log = openLog({ file: process.argv[1], level: 'info', instance: 'i' });
      for (let n = 0; n < 500; n++) log.log('info', 'record', { n });
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, file], { stdio: 'inherit' });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual(
      lines().map((line) => line.n),
      Array.from({ length: 500 }, (_, n) => n),
    );
  });

  it('says nothing on stdout, tells trouble once on stderr, and never throws', () => {
    const blocked = join(root, 'blocked');
    writeFileSync(blocked, '');
    const script = `
      import { openLog } from ${module};
      const log = openLog({ file: process.argv[1], level: 'info', instance: 'i' });
      for (let n = 0; n < 5; n++) log.log('error', 'lost');
      if (log.dropped !== 5) process.exitCode = 9;`;
    const file = join(blocked, 'x.log');
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], {
      encoding: 'utf8',
    });
    assert.equal(child.status, 0, child.stderr);
    assert.equal(child.stdout, '');
    assert.match(
      child.stderr,
      /^maos: cannot write the log ".*blocked\/x\.log" \(.*\); continuing without it\.\n$/,
    );
    // stderr is closed as well.
    const deaf = spawnSync('/bin/sh', [
      '-c',
      '"$@" 2>&-',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      file,
    ]);
    assert.equal(deaf.status, 0);
  });

  it('outlives a full disk: counts what is lost, then goes on with whole lines', async (t) => {
    await withSmallDisk(t, (folder) => {
      const file = join(folder, 'x.log');
      // In a separate process, because of its output on stderr.
      const script = `
        import { rmSync, writeFileSync } from 'node:fs';
        import { openLog } from ${module};
        const [file, ballast] = process.argv.slice(1);
        const log = openLog({ file, level: 'info', instance: 'i' });
        log.log('info', 'before');
        writeFileSync(ballast, Buffer.alloc(48_000));
        for (let n = 0; n < 200; n++) log.log('info', 'filling', { n, pad: 'x'.repeat(300) });
        const dropped = log.dropped;
        rmSync(ballast);
        log.log('info', 'after');
        console.log(JSON.stringify({ dropped, finally: log.dropped }));`;
      const child = spawnSync(
        process.execPath,
        ['--input-type=module', '-e', script, file, join(folder, 'ballast')],
        {
          encoding: 'utf8',
        },
      );
      assert.equal(child.status, 0, child.stderr);
      const counted = JSON.parse(child.stdout);
      assert.ok(counted.dropped > 0 && counted.dropped < 200, child.stdout);
      assert.equal(counted.finally, counted.dropped);
      assert.equal(child.stderr.split('\n').length, 2, child.stderr);
      const text = readFileSync(file, 'utf8').split('\n');
      const whole = text.flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []));
      assert.ok(text.length - whole.length <= 2, 'at most one line is torn');
      assert.equal(whole.filter((line) => line.message === 'filling').length, 200 - counted.dropped);
      assert.deepEqual(
        whole.slice(-2).map((line) => [line.message, line.dropped]),
        [
          ['log records were dropped', counted.dropped],
          ['after', undefined],
        ],
      );
    });
  });

  it('can be closed and goes on in the same file', () => {
    const { log, lines } = fresh();
    log.log('info', 'one');
    log.close();
    log.close();
    log.log('info', 'two');
    log.close();
    assert.deepEqual(
      lines().map((line) => line.message),
      ['one', 'two'],
    );
  });
});

describe('a log record', () => {
  const record = (fields: Record<string, unknown>, message = 'm'): Record<string, unknown> => {
    const { log, lines } = fresh();
    log.log('info', message, fields);
    log.close();
    assert.equal(log.dropped, 0);
    return lines()[0] as Record<string, unknown>;
  };

  it('holds errors with code, details, stack and causes', () => {
    const cause = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC', path: '/x' });
    const { error } = record({
      error: new MaosError('RESOURCE_LIMIT_EXCEEDED', 'Full.', { details: { path: '/x' }, cause }),
    });
    const {
      name,
      message,
      code,
      details,
      stack,
      cause: inner,
    } = error as MaosError & {
      cause: Error & { code: string; path: string };
    };
    assert.deepEqual(
      [name, message, code, details],
      ['MaosError', 'Full.', 'RESOURCE_LIMIT_EXCEEDED', { path: '/x' }],
    );
    assert.match(stack ?? '', /log\.test\.ts/);
    assert.deepEqual(
      [inner.name, inner.message, inner.code, inner.path],
      ['Error', 'ENOSPC: no space', 'ENOSPC', '/x'],
    );
  });

  it('takes whatever JSON cannot', () => {
    const circular: Record<string, unknown> = { name: 'c' };
    circular.self = circular;
    const fields = record({
      circular,
      big: 12n,
      nan: Number.NaN,
      run: () => 1,
      symbol: Symbol('s'),
      when: new Date(0),
      never: new Date(Number.NaN),
      bytes: new Uint8Array(4),
      map: new Map([['a', 1]]),
      set: new Set([1]),
      bare: Object.assign(Object.create(null), { x: 1 }),
      broken: {
        fine: 1,
        get bad() {
          throw new Error('no');
        },
      },
      toJSON: () => {
        throw new Error('not called');
      },
      long: 'x'.repeat(20_000),
      many: Array.from({ length: 150 }, (_, index) => index),
      both: [circular, circular],
    });
    assert.deepEqual(fields.circular, { name: 'c', self: '[circular]' });
    assert.deepEqual([fields.big, fields.nan, fields.symbol], ['12', 'NaN', 'Symbol(s)']);
    assert.deepEqual([fields.when, fields.never], ['1970-01-01T00:00:00.000Z', 'Invalid Date']);
    assert.deepEqual([fields.bytes, fields.map, fields.set], ['[4 bytes]', { a: 1 }, [1]]);
    assert.deepEqual(fields.bare, { x: 1 });
    assert.deepEqual(fields.broken, { fine: 1, bad: '[unreadable: Error: no]' });
    assert.match(String(fields.long), /^x{16384}\[20000 characters in all\]$/);
    assert.deepEqual((fields.many as unknown[]).slice(-2), [99, '[50 more]']);
    assert.equal((fields.both as unknown[]).length, 2);
  });

  it('stays bounded', () => {
    const deep = (depth: number): object => (depth === 0 ? {} : { below: deep(depth - 1) });
    assert.match(JSON.stringify(record({ deep: deep(50) })), /\[too deep\]/);
    const wide = record({ texts: Array.from({ length: 100 }, () => 'y'.repeat(8_000)) });
    assert.deepEqual(wide.omitted, ['texts']);
    assert.ok(Number(wide.characters) > 800_000);
  });

  const secrets: [title: string, fields: Record<string, unknown>][] = [
    ['a token by name', { token: 'hunter2' }],
    ['an auth token', { authToken: 'hunter2' }],
    ['a key by name', { ANTHROPIC_API_KEY: 'hunter2' }],
    ['an apikey', { openaiApikey: 'hunter2' }],
    ['a header', { headers: { Authorization: 'hunter2', 'X-Api-Key': 'hunter2' } }],
    ['what lies below a name', { credentials: { user: ['hunter2'] } }],
    ['a password in a map', { env: new Map([['DB_PASSWORD', 'hunter2']]) }],
    ['an Anthropic key in a text', { text: 'used sk-ant-api03-hunter2hunter2hunter2 today' }],
    [
      'the token of an agent',
      { text: 'MAOS_AGENT_TOKEN is maos_agent_hunter2hunter2hunter2hunter2hunter2hunter2x' },
    ],
    ['a GitHub token', { text: 'ghp_hunter2hunter2hunter2' }],
    ['a bearer token', { text: 'Authorization: Bearer hunter2hunter2' }],
    ['an assignment', { command: ['env', 'FAKE_KEY=hunter2', 'x'] }],
    ['a quoted assignment', { text: 'export API_TOKEN="hunter2 and hunter2"' }],
    ['a URL', { url: 'https://ada:hunter2@example.com/x' }],
    ['an error', { error: new Error('refused GITHUB_TOKEN=hunter2') }],
    ['a web token', { text: 'eyJhunter2hunter2.eyJhunter2hunter2.hunter2' }],
    ['JSON in a text', { text: 'got {"a": [{"api_key" : "hunter2"}]}' }],
    ['JSON in JSON in a text', { text: JSON.stringify({ text: JSON.stringify({ password: 'hunter2' }) }) }],
    ['a secret with quotes and backslashes in JSON', { text: JSON.stringify({ token: '\\"\\\\" hunter2' }) }],
    ['the same in JSON in JSON', { text: JSON.stringify(JSON.stringify({ token: '\\"\\\\" hunter2' })) }],
    ['a secret that ends with a backslash', { text: '{"token":"\\\\","secret":"hunter2"}' }],
    ['JSON cut within the secret', { text: '{"token":"hunter2 and' }],
    ['what lies below a name in JSON', { text: '{"credentials":{"user":["}","hunter2"]},"x":1}' }],
    ['the same, cut', { text: '{"credentials":{"user":["hunter2"' }],
    ['an option with its value', { text: 'tool --api-key=hunter2 -v' }],
    ['an option before its value', { text: "run 'tool --password hunter2 --token hunter2'" }],
    ['an option of one dash', { text: 'tool -token hunter2' }],
    [
      'a quoted value of an option',
      { text: `tool --client-secret "hunter2 and hunter2" --token='hunter2 hunter2'` },
    ],
    [
      'an option and its value in a command',
      { command: ['tool', '--password', 'hunter2', '--token', 'hunter2'] },
    ],
    ['a word of a command', { command: ['--api-key=hunter2 hunter2', 'x --token hunter2'] }],
    ['an option in JSON', { text: JSON.stringify({ command: ['tool', '--password', 'hunter2 hunter2'] }) }],
    [
      'an option in JSON in JSON',
      { text: JSON.stringify(JSON.stringify(['--api-key=hunter2 hunter2', '--token', 'hunter2 "hunter2'])) },
    ],
    [
      'a line in JSON',
      { text: JSON.stringify({ command: 'tool --token "hunter2 hunter2" --password hunter2' }) },
    ],
    ['an option at the cut', { text: `{"command":["tool","--password","hunter2 hun` }],
    ['the user of a request', { text: `curl -u ada:hunter2 x; curl --user "ada:hunter2 hunter2"` }],
    ['the user of a request in a command', { command: ['curl', '-u', 'ada:hunter2'] }],
    [
      'a header',
      {
        command: ['curl', '-H', 'X-Api-Key: hunter2 hunter2'],
        text: `curl -H 'Cookie: a=hunter2; b=hunter2'`,
      },
    ],
    ['a header in JSON', { text: JSON.stringify({ command: `curl -H "X-Auth-Token: hunter2" x` }) }],
    [
      'a small name',
      { text: 'api_key=hunter2 db-password=hunter2', url: 'https://x.example/?access_token=hunter2' },
    ],
    ['a name in one word', { text: 'PGPASSWORD=hunter2 OPENAIKEY=hunter2 authtoken=hunter2' }],
    ['a private key', { text: '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----' }],
    ...[
      'gsk_',
      'hf_',
      'r8_',
      'xai-',
      'pplx-',
      'nvapi-',
      'npm_',
      'pypi-',
      'sk_live_',
      'hvs.',
      'SG.',
      'ya29.',
      'dop_v1_',
    ].map((prefix): [string, Record<string, unknown>] => [
      `what begins with ${prefix}`,
      { text: `x ${prefix}hunter2hunter2hunter2 y` },
    ]),
    ['a secret at the cut', { text: `${'x'.repeat(16_372)} sk-ant-api03-hunter2hunter2hunter2` }],
  ];
  for (const [title, fields] of secrets) {
    it(`does not tell ${title}`, () => {
      const text = JSON.stringify(record(fields));
      assert.ok(!text.includes('hunter2'), text);
      assert.ok(text.includes('[redacted]') || title === 'a secret at the cut', text);
    });
  }

  it('does not tell a secret in its message', () => {
    assert.equal(record({}, 'got sk-ant-api03-hunter2hunter2').message, 'got [redacted]');
  });

  it('keeps what only looks like a secret', () => {
    const fields = {
      inputTokens: 5,
      tokens: null,
      monkey: 'a',
      keyboard: 'b',
      key: { sessionId: 's', attempt: 1 },
      progressToken: 'p-1',
      json: '{"tokens":5,"monkey":"a","progressToken":"p","key":{"attempt":1},"a":"\\"token\\""}',
      path: '/srv/sk-tools/x',
      url: 'https://example.com:8080/a@b',
      command: ['tool', '--max-tokens', '500', '--tokens=5', '--key-file-less', '--monkey', 'x', '-u', 'ada'],
      text: 'tool --keyboard us --max-tokens 500 -u ada monkey=1 note: a, b; see docs: here --verbose --token --x',
      hash: 'sha256:0123456789abcdef0123456789abcdef',
    };
    const kept = record(fields);
    for (const [name, value] of Object.entries(fields)) assert.deepEqual(kept[name], value, name);
  });
});

// The other way in which a log cannot be written: a folder in its place.
it('a folder in the place of the log costs records, not the run', () => {
  const file = join(root, 'taken.log');
  mkdirSync(file);
  const script = `
    import { openLog } from ${module};
    const log = openLog({ file: process.argv[1], level: 'info', instance: 'i' });
    log.log('info', 'x');
    process.exitCode = log.dropped;`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], {
    encoding: 'utf8',
  });
  assert.equal(child.status, 1);
  assert.match(child.stderr, /EISDIR/);
});
