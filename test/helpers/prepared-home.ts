import assert from 'node:assert/strict';
import { chmodSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { InputRequests } from '../../src/application/requests/input-requests.ts';
import { whenFree } from '../../src/application/when-free.ts';
import type { AgentId, InputRequestId, SessionId } from '../../src/domain/ids.ts';
import { type Finished, jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';
import { makeRepository } from './git-project.ts';
import { maosInProcess } from './maos-in-process.ts';
import { openRealProject } from './real-project.ts';
import { until } from './waiting.ts';

const signedOut = join(import.meta.dirname, '../fixtures/claude-code/not-signed-in.jsonl');
const planText = `objective: Build it.
agents:
  - { name: a, role: command, task: Build., command: "true" }
  - { name: b, role: command, task: Test., command: "true", depends_on: [a] }
`;

/** A home and a project with a session of every kind, for tests that call many commands. */
export class PreparedHome {
  readonly maos: MaosFolder;
  readonly env: NodeJS.ProcessEnv;
  /** Ids of sessions, requests and messages by what they are: `done`, `failed`, … */
  readonly ids = new Map<string, string>();
  /** The environment of the agent of `live`. */
  agentEnv: NodeJS.ProcessEnv = {};

  private constructor(maos: MaosFolder) {
    this.maos = maos;
    this.env = {
      ...maos.env,
      HOME: maos.project,
      VISUAL: 'true',
      MAOS_BACKEND: 'command',
      MAOS_CLAUDE_PATH: '/nonexistent/claude',
      // More than the sessions that go on have.
      MAOS_MAX_CONCURRENT_AGENTS: '30',
    };
  }

  static async make(): Promise<PreparedHome> {
    const maos = await MaosFolder.make();
    const prepared = new PreparedHome(maos);
    makeRepository(maos.project, { '.gitignore': '/*\n!/*.txt\n', 'a.txt': 'one\n' });
    writeFileSync(join(maos.project, 'plan.yaml'), planText);
    const claude = join(maos.project, 'claude');
    writeFileSync(claude, `#!/bin/sh\ncat '${signedOut}'\nexit 1\n`);
    chmodSync(claude, 0o755);
    writeFileSync(join(maos.project, 'wrong.yaml'), 'agents:\n  - nam: a\n');
    await prepared.#start();
    await prepared.#open();
    await prepared.#send();
    return prepared;
  }

  /** Of sessions that go on, an agent runs; the others have ended. */
  async #start(): Promise<void> {
    const worktree = ['--worktree', '-s', 'parallel'];
    const variables = join(this.maos.project, 'variables');
    const live = `env -0 >${variables}.new && mv ${variables}.new ${variables}; sleep 600`;
    await Promise.all([
      this.run(
        'done',
        0,
        ...worktree,
        '-x',
        'builder=echo built; echo x >built.txt; echo y >"$MAOS_RESULTS/y"',
      ),
      // b also runs to resolve the conflict, and does not.
      this.run(
        'clash',
        0,
        ...worktree,
        '-x',
        'a=echo a >same.txt',
        '-x',
        'b=! [ -e same.txt ] && echo b >same.txt',
      ),
      this.run('failed', 1, '-x', 'a=exit 3'),
      this.run('again', 1, '-x', 'a=test -e again'),
      this.run('spent', 5, '-x', 'a=sleep 600', '--max-minutes', '0.001'),
      this.run('live', 0, '--detach', '-x', `asker=${live}`),
      this.run('signedOut', 6, '-a', 'tester=Test it.', '--backend', 'claude'),
      ...['lost', 'altered'].map((name) => this.run(name, 0, '-x', 'a=true')),
      ...['paused', 'steered'].map((name) => this.run(name, 0, '--detach', '-x', 'a=sleep 600')),
    ]);
    await this.call('pause', '{paused}');
    await until(() => existsSync(variables));
    const lines = readFileSync(variables, 'utf8')
      .split('\0')
      .filter((line) => line.startsWith('MAOS_'));
    this.agentEnv = { ...this.env, ...Object.fromEntries(lines.map((line) => line.split(/=(.*)/s))) };
    writeFileSync(join(this.maos.project, 'again'), '');
  }

  /** What only agents of other backends do, or nobody should. */
  async #open(): Promise<void> {
    const real = openRealProject({ home: this.maos.home, root: this.maos.project });
    const sessionId = this.ids.get('live') as SessionId;
    const agentId = this.agentEnv.MAOS_AGENT_ID as AgentId;
    const asked = { sessionId, agentId, attempt: 1, action: 'git push', reason: null, choices: [] };
    const requests = new InputRequests(real.project);
    for (const name of ['permission1', 'permission2', 'question1', 'question2']) {
      const isQuestion = name.startsWith('question');
      const what = isQuestion
        ? ({ kind: 'question', tool: null } as const)
        : ({ kind: 'permission', tool: 'Bash' } as const);
      const { id } = await whenFree(real.project, () => requests.open({ ...asked, ...what, key: name }));
      this.ids.set(name, id);
    }
    const [log] = globSync(
      join(this.maos.home, 'projects/*/sessions', String(this.ids.get('altered')), 'session.log'),
    );
    assert.ok(log);
    writeFileSync(log, readFileSync(log, 'utf8').replace('Be altered', 'Be spared'));
    real.project.store.close();
    this.forget('lost');
  }

  /** Removes a session from the store, but not its files. */
  forget(name: string): void {
    const [database] = globSync(join(this.maos.home, 'projects/*/project.db'));
    const db = new DatabaseSync(database ?? assert.fail(), { timeout: 10_000 });
    db.exec('PRAGMA foreign_keys = ON');
    db.prepare('DELETE FROM sessions WHERE id = ?').run(String(this.ids.get(name)));
    db.close();
  }

  async #send(): Promise<void> {
    const sent = { toUser: ['user'], toAgent: ['asker'], expiring: ['asker', '--expires', '1'] };
    for (const [name, [to = '', ...more]] of Object.entries(sent)) {
      const words = ['message', 'send', to, `For ${to}.`, ...more, '--json'];
      const { stdout } = await this.maos.start(words, { env: this.agentEnv }).finished;
      this.ids.set(name, JSON.parse(stdout).messages[0].id);
    }
  }

  /** Runs a session, whose id is then known by its name. */
  async run(name: string, status: number, ...words: readonly string[]): Promise<void> {
    const args = ['run', `Be ${name}.`, ...words, '--json'];
    const env = { ...this.env, MAOS_CLAUDE_PATH: join(this.maos.project, 'claude') };
    const ended = await this.maos.start(args, { env }).finished;
    assert.equal(ended.status, status, `${name}: ${ended.stderr}`);
    const [first] = words.includes('--detach') ? [JSON.parse(ended.stdout)] : jsonLines(ended.stdout);
    this.ids.set(name, String(first?.session_id));
  }

  async call(...words: readonly string[]): Promise<void> {
    const { status, stderr } = await this.maos.start(this.named(words), { env: this.env }).finished;
    assert.equal(status, 0, stderr);
  }

  /** The words with ids in place of names such as `{done}`. */
  named(words: readonly string[]): readonly string[] {
    return words.map((word) =>
      word.replaceAll(/\{(\w+)\}/g, (_, name) => this.ids.get(name) ?? assert.fail(name)),
    );
  }

  /** Waits until an agent has asked it. */
  async answerQuestion(question: string, answer: string): Promise<void> {
    const { status, stderr } = await this.#inProcess('answer', await this.#asked(question), answer);
    assert.equal(status, 0, stderr);
  }

  /** Waits until an agent has asked it; then it is as if its agent asked no more. */
  async withdrawQuestion(question: string): Promise<void> {
    const id = (await this.#asked(question)) as InputRequestId;
    const real = openRealProject({ home: this.maos.home, root: this.maos.project });
    await whenFree(real.project, () => new InputRequests(real.project).withdraw(id));
    real.project.store.close();
  }

  /** @returns the id of the request */
  #asked(question: string): Promise<string> {
    return until(async (): Promise<string | undefined> => {
      const { requests } = JSON.parse((await this.#inProcess('requests', '--json')).stdout);
      return requests.find(({ action }: { action: string }) => action === question)?.request_id;
    });
  }

  #inProcess(...words: readonly string[]): Promise<Finished> {
    return maosInProcess(words, { env: this.env, cwd: this.maos.project });
  }
}
