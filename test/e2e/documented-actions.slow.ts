import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { actingLines } from '../helpers/documented-lines.ts';
import { shellLines } from '../helpers/documents.ts';
import { gitIn } from '../helpers/git-project.ts';
import { PreparedHome } from '../helpers/prepared-home.ts';
import { lineFrom } from '../presentation/cli/maos-process.ts';

/** How a line of the documents is called here, and what it must do. */
interface Action {
  /** What 'latest', or an id of the documents, stands for. */
  readonly on?: string;
  /** The words, where others than `on` are needed. */
  readonly as?: string;
  readonly status?: number;
  /** Called as an agent's program does. */
  readonly asAgent?: true;
  readonly answered?: string;
  /** Called before it. */
  readonly first?: string;
  /** A session whose record is lost. */
  readonly lost?: string;
}

/** In this order, because each finds what the one before it has left. */
const actions: Readonly<Record<string, Action>> = {
  init: { status: 6 },
  'init --project': {},
  'init --remove': { status: 6 },
  token: {},
  'approve latest': { on: 'permission1' },
  'deny latest --message Push to a branch of your own.': { on: 'permission2' },
  'pause latest': { on: 'team' },
  'resume latest': { on: 'team' },
  'resume latest --detach': { on: 'team', first: 'pause {team}' },
  'message send tester Use port 8081.': { as: 'message send {team} tester Hello' },
  'message send k7q2 lead Which database? --type request': { on: 'team' },
  'message wait msg_01K…': { on: 'expiring', status: 4 },
  'message read latest --ack': { on: 'live' },
  'message list latest': { on: 'live' },
  'cancel latest --agent survey': { on: 'team' },
  'cancel latest': { on: 'team' },
  attach: { as: 'attach {done}' },
  'retry latest': { on: 'again' },
  'retry latest --agent build': { on: 'broken', status: 1 },
  'report All 40 tests pass --progress 80': { asAgent: true },
  'ask Which port? --choice 8080 --choice 3000': { asAgent: true, answered: '8080' },
  'claim src/api docs/*.md --reason the login': { asAgent: true },
  'release src/api': { asAgent: true },
  'land latest --dry-run': { on: 'done' },
  'land latest': { on: 'done' },
  'land k7q2 --into develop': { on: 'work1' },
  'land latest --squash': { on: 'work2' },
  'land latest --merger claude': { on: 'work3' },
  'recover latest': { on: 'lost' },
  'recover 8K3S3Q': { on: 'lost', lost: 'lost' },
  'recover latest --only': { on: 'lost', lost: 'lost' },
  open: {},
  'open latest': { on: 'done' },
  'open --no-browser': {},
  'open --stop': {},
  'host key ~/.maos/nats.seed': { as: 'host key nats.seed' },
};

const lastOfAll = 'gc --all --max-sessions 0';

/** Servers, which go on until they are ended; the port is a free one here. */
const servers = ['serve --http 4711 --no-stdio', 'serve --http 4711', 'serve --http 0 --no-stdio'];

/** Lines that are tested on a terminal, in watch.slow.ts. */
const onTerminals = ['watch', 'watch latest', 'watch --all'];

/** Lines that need a NATS server, in hosts.slow.ts. */
const ofHosts = ['host --pool gpu --slots 2', 'host list'];

const withoutCurl = spawnSync('curl', ['--version']).status === 0 ? false : 'needs curl';

const lines = new Map(actingLines.map((words) => [words.join(' '), words]));

describe('the command lines of the documents that start, steer or remove something', () => {
  let home: PreparedHome;
  before(async () => {
    home = await PreparedHome.make();
    gitIn(home.maos.project, 'branch', 'develop');
    const team = ['tester', 'survey', 'build'].flatMap((name) => ['-x', `${name}=sleep 600`]);
    await Promise.all([
      home.run('team', 0, '--detach', ...team),
      home.run('broken', 1, '-x', 'build=exit 1'),
      ...['work1', 'work2', 'work3'].map((name) =>
        home.run(name, 0, '--worktree', '-x', `builder=echo x >${name}.txt`),
      ),
    ]);
  });
  after(() => home.maos.remove());

  it('are all called here', () => {
    assert.deepEqual(
      [...lines.keys()].toSorted(),
      [...Object.keys(actions), ...servers, ...onTerminals, ...ofHosts, lastOfAll].toSorted(),
    );
  });

  function wordsOf(line: string, { on, as }: Action): readonly string[] {
    if (as !== undefined) return home.named(as.split(' '));
    const stands = (word: string) =>
      on !== undefined && /^(latest|k7q2|8K3S3Q|msg_01K…)$/.test(word) ? `{${on}}` : word;
    return home.named((lines.get(line) ?? assert.fail(line)).map(stands));
  }

  for (const [line, action] of Object.entries(actions)) {
    it(`maos ${line}`, async () => {
      if (action.first !== undefined) await home.call(...action.first.split(' '));
      if (action.lost !== undefined) home.forget(action.lost);
      // Over ssh, no browser is opened.
      const ssh = { SSH_CONNECTION: '192.0.2.7 50000 192.0.2.1 22' };
      const env = { ...(action.asAgent ? home.agentEnv : home.env), ...ssh };
      const { finished } = home.maos.start(wordsOf(line, action), { env });
      if (action.answered !== undefined) {
        await home.answerQuestion(lines.get(line)?.[1] ?? '', action.answered);
      }
      const { status, stdout, stderr } = await finished;
      assert.equal(status, action.status ?? 0, `${stdout}\n${stderr}`);
    });
  }

  for (const line of servers) {
    it(`maos ${line}`, async () => {
      const words = line.replace('4711', '0').split(' ');
      const server = home.maos.start(words, { env: home.env });
      assert.ok(server.process.stderr);
      await lineFrom(server.process.stderr, /^MAOS is listening on http:/);
      server.process.kill('SIGTERM');
      assert.equal((await server.finished).status, 0);
    });
  }

  it('curl … of docs/http.md', { skip: withoutCurl }, async () => {
    const server = home.maos.start(['serve', '--http', '0', '--no-stdio'], { env: home.env });
    assert.ok(server.process.stderr);
    const [port = ''] = (await lineFrom(server.process.stderr, /^MAOS is listening/)).match(/\d+(?= )/) ?? [];
    const { stdout } = await home.maos.start(['token'], { env: home.env }).finished;
    const env = { ...home.env, AUTH: `Authorization: Bearer ${stdout.trim()}` };
    const shown =
      'curl() { command curl --max-time 3 --output /dev/null --write-out \'%{http_code}\' "$@"; }';
    const requests = shellLines('docs/http.md').filter((line) => line.includes('curl '));
    assert.ok(requests.length > 8);
    for (const line of requests) {
      const [, expected] = /# (\d{3})$/.exec(line) ?? [];
      const here = line.replaceAll('4711', port).replace(/sess_\w{26}/, home.ids.get('done') ?? '');
      const called = here.replace('sessions/latest/land', `sessions/${home.ids.get('done')}/land`);
      const answered = spawnSync('sh', ['-c', `${shown}\n${called}`], { env, encoding: 'utf8' });
      // What was made is answered with 201, and what was begun with 202.
      assert.match(answered.stdout, new RegExp(`^(${expected ?? '20[0-2]'})$`), line);
    }
    server.process.kill('SIGTERM');
    assert.equal((await server.finished).status, 0);
  });

  it(`maos ${lastOfAll}`, async () => {
    const { status, stderr } = await home.maos.start(lastOfAll.split(' '), { env: home.env }).finished;
    assert.equal(status, 0, stderr);
  });
});
