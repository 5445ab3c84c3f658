import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Screen } from '../helpers/screen.ts';
import { until } from '../helpers/waiting.ts';
import { type Answer, answerWith, WebhookReceiver } from '../helpers/webhook-receiver.ts';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

const recorder = 'script';
const skip = /util-linux/.test(spawnSync(recorder, ['--version'], { encoding: 'utf8' }).stdout ?? '')
  ? false
  : "needs util-linux' script";

let maos: MaosFolder;
beforeEach(async () => {
  maos = await MaosFolder.make();
});
afterEach(() => maos.remove());

function configure(notifications: object): void {
  mkdirSync(maos.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(maos.home, 'config.json'), JSON.stringify({ notifications }));
}

/** Without what the machine's own terminal says of itself. */
const plain = { TERM: 'xterm', TERM_PROGRAM: '', TMUX: '' };

function onTerminal(words: string, env: NodeJS.ProcessEnv = {}): { screen: Screen; stdout: string } {
  const line = `stty cols 90 rows 40; '${process.execPath}' '${bundle}' ${words}`;
  const { stdout } = spawnSync(recorder, ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd: maos.project,
    env: { ...maos.env, ...plain, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const screen = new Screen(90, 40);
  screen.write(stdout);
  return { screen, stdout };
}

describe('a notification on the terminal', { skip }, () => {
  it('rings, sets the title and says so on the desktop of a terminal that can', () => {
    for (const [env, command] of [
      [{ TERM_PROGRAM: 'WezTerm' }, /^777;notify;maos;session completed: 1 agent: Ship it/],
      [{ TERM_PROGRAM: 'iTerm.app' }, /^9;maos: session completed: 1 agent: Ship it/],
    ] as const) {
      const { screen } = onTerminal("run 'Ship it' -x a=true", env);
      assert.equal(screen.bells, 1);
      assert.equal(screen.title, 'maos: session completed: 1 agent: Ship it');
      assert.equal(screen.commands.length, 1);
      assert.match(screen.commands[0] ?? '', command);
    }
    assert.deepEqual(onTerminal("run 'Ship it' -x a=true").screen.commands, []);
    configure({ end: ['title'] });
    const quiet = onTerminal("run 'Ship it' -x a=true", { TERM_PROGRAM: 'WezTerm' }).screen;
    assert.deepEqual([quiet.bells, quiet.commands.length], [0, 0]);
    assert.match(quiet.title ?? '', /completed/);
  });

  it('lets no text of an objective steer it', () => {
    writeFileSync(
      join(maos.project, 'plan.json'),
      JSON.stringify({
        objective: 'x\u0007\u001b]0;owned\u0007\u001b[2J\u009d52;c;aGk=\u009c\nnext',
        agents: [{ role: 'tester', task: 'x', command: 'true' }],
      }),
    );
    const { screen, stdout } = onTerminal('run plan.json', { TERM_PROGRAM: 'WezTerm' });
    assert.equal(screen.bells, 1);
    assert.match(screen.title ?? '', /x\\u0007\\u001b\]0;owned\\u0007\\u001b\[2J/);
    assert.equal(screen.commands.length, 1);
    assert.ok(!stdout.includes('\u001b]0;') && !stdout.includes('\u001b[2J') && !stdout.includes('\u009d'));
  });

  it('is none in scripts, unless that is set', async () => {
    const { stdout, stderr } = await maos.run('run', '-x', 'a=true');
    assert.ok(![...stdout, ...stderr].some((character) => '\u0007\u001b'.includes(character)));
    const { stdout: lines } = onTerminal('run --json -x a=true');
    assert.ok(!lines.includes('\u0007'));
    configure({ terminal: 'always', end: ['bell'] });
    const always = await maos.run('run', '--json', '-x', 'a=true');
    assert.ok(always.stderr.includes('\u0007') && !always.stdout.includes('\u0007'));
  });
});

describe('maos doctor', () => {
  const checks = async (...words: string[]) => {
    const { stdout } = await maos.run('doctor', '--json', ...words);
    const all: { name: string; state: string; detail: string; fix: string | null }[] =
      JSON.parse(stdout).checks;
    return all.filter(({ name }) => name.startsWith('noti'));
  };

  it('sends a test by all that is set, and says what was given up', async (t) => {
    const receiver = await WebhookReceiver.start(t, answerWith(200, 404));
    configure({ webhook: { url: receiver.url }, command: ['/no/such/notifier'] });
    const [found, command, webhook] = await checks('--notify');
    assert.equal(found?.detail, 'none failed in the last 7 days');
    assert.deepEqual([command?.state, webhook?.state], ['problem', 'ok']);
    assert.equal(command?.fix, '/no/such/notifier cannot be started: ENOENT.');
    assert.equal(receiver.received[0]?.body.kind, 'test');
    configure({ webhook: { url: receiver.url } });
    await maos.run('run', '-x', 'a=true');
    await receiver.has(2);
    const [after] = await checks();
    assert.equal(after?.state, 'warning');
    assert.match(
      after?.detail ?? '',
      /^1 notification failed in the last 7 days, the last one by webhook: .* answered 404$/,
    );
    const { stdout } = await maos.run('events', 'latest');
    assert.match(stdout, /notification \(end\) by webhook failed after 1 try: 127\.0\.0\.1:\d+ answered 404/);
    assert.doesNotMatch(stdout, /s3cret/);
    assert.equal((await maos.run('audit', 'verify')).status, 0);
  });
});

describe('a webhook of a maos that is killed', () => {
  it('is sent by the next one, with the same id', async (t) => {
    let answer: Answer = () => {};
    const receiver = await WebhookReceiver.start(t, (response, index) => answer(response, index));
    configure({ webhook: { url: receiver.url } });
    const running = maos.start(['run', '-x', 'a=true']);
    await receiver.has(1);
    running.process.kill('SIGKILL');
    await once(running.process, 'close');
    answer = answerWith();
    await maos.run('status');
    const [first, second] = await receiver.has(2);
    assert.equal(second?.headers['webhook-id'], first?.headers['webhook-id']);
    assert.equal(second?.text, first?.text);
    const [file = ''] = globSync(join(maos.home, 'projects/*/project.db'));
    await until(() => {
      const db = new DatabaseSync(file, { readOnly: true });
      const { left } = db.prepare('SELECT count(*) AS left FROM notifications').get() as { left: number };
      db.close();
      return left === 0;
    });
    assert.equal(receiver.received.length, 2);
  });

  it('does not keep a command that is done: another process sends it', async (t) => {
    const receiver = await WebhookReceiver.start(t, answerWith(500));
    configure({ webhook: { url: receiver.url } });
    assert.equal((await maos.run('run', '-x', 'a=true')).status, 0);
    const received = await receiver.has(2);
    assert.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 1);
  });
});
