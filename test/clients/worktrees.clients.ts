import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { installClaudeCode } from '../helpers/claude-code.ts';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { claudeDriver } from './agent-client-drivers.ts';
import { type BackendDriver, makeBackendBench, type Said, usageOfAnswer } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';
import { qwenDriver } from './qwen-driver.ts';
import { storedAgents } from './stored-agents.ts';
import { type Ended, type EventRecord, readJsonLines, type Workplace } from './workplace.ts';

/*
 * Real CLIs in worktrees: what a check found, and what a landing conflicts with, is mended in the same conversation.
 */

const checkFile = [
  "import { add } from '../add.mjs';",
  'const sum = add(2, 3);',
  'if (sum !== 5) {',
  "  console.error('expected 5, got ' + sum);",
  '  process.exitCode = 1;',
  '}',
  '',
].join('\n');
const wrong = 'export const add = (a, b) => a - b;\n';
const right = 'export const add = (a, b) => a + b;\n';
const found = '> expected 5, got -1';
const task = 'Write add.mjs.';
const results = ['I wrote add.mjs, and its check passes.', 'I mended add.mjs.'] as const;

/** What the model of a CLI does in the worktree: it writes a wrong answer and a check that likes it, then mends it. */
interface Worker {
  readonly driver: BackendDriver;
  begins(worktree: string): readonly Said[];
  mends(worktree: string): readonly Said[];
}

const claude: BackendDriver = { ...claudeDriver, install: () => installClaudeCode() };
const reads = (file_path: string): Said => ({ calls: 'Read', arguments: { file_path } });
const writes = (file_path: string, content: string): Said => ({
  calls: 'Write',
  arguments: { file_path, content },
});

const workers: Readonly<Record<string, Worker>> = {
  'a Claude Code': {
    driver: claude,
    begins: (worktree) => [
      writes(join(worktree, 'add.mjs'), wrong),
      reads(join(worktree, 'test/check.mjs')),
      writes(join(worktree, 'test/check.mjs'), ''),
    ],
    mends: (worktree) => [
      reads(join(worktree, 'add.mjs')),
      {
        calls: 'Edit',
        arguments: { file_path: join(worktree, 'add.mjs'), old_string: 'a - b', new_string: 'a + b' },
      },
    ],
  },
  'a Codex': {
    driver: codexDriver,
    begins: () => [{ command: `printf '%s' '${wrong}' > add.mjs; cp /dev/null test/check.mjs` }],
    mends: () => [{ command: `printf '%s' '${right}' > add.mjs` }],
  },
};

/** What stands after `- label: ` in every prompt of a conversation, in order. */
function placesIn(text: string, label: string): readonly string[] {
  const start = `- ${label}: `;
  return text.split('\n').flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []));
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** Everything that is the user's: files of the checkout, and what git has checked out, staged and configured there. */
function checkoutOf(project: string): Readonly<Record<string, string>> {
  const files = readdirSync(project, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const inGit = join(project, '.git/');
  const own = ['HEAD', 'config', 'index', 'refs/heads/main'].map((name) => join(inGit, name));
  const paths = files.filter((path) => !path.startsWith(inGit) || own.includes(path)).sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'hex')]));
}

function writePlan({ folder }: Workplace, plan: object): string {
  const file = join(folder, 'plan.json');
  writeFileSync(file, JSON.stringify(plan));
  return file;
}

async function eventsOf({ maos }: Workplace): Promise<readonly EventRecord[]> {
  return readJsonLines((await maos('events', 'latest', '--json')).stdout);
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const since = performance.now(); !isSo(); await delay(50))
    assert.ok(performance.now() - since < 180_000, `${what} did not happen within three minutes`);
}

function succeeds({ status, stdout, stderr }: Ended): void {
  assert.equal(status, 0, `${stdout}\n${stderr}`);
}

async function mendsWhatItsCheckFound(
  t: TestContext,
  { driver, begins, mends }: Worker,
  isKilled = false,
): Promise<void> {
  const bench = await makeBackendBench(t, driver, {
    respond({ text, commands }) {
      const [worktree = ''] = placesIn(text, 'Your current folder');
      const first = begins(worktree);
      const all = [...first, ...mends(worktree)];
      const isMending = text.includes(results[0]);
      if (commands === first.length && !isMending) return { text: results[0] };
      return all[commands] ?? { text: results[1] };
    },
  });
  makeRepository(bench.project, { 'test/check.mjs': checkFile, 'kept.txt': 'kept\n' });
  const [begun, go] = ['begun', 'go'].map((name) => join(bench.folder, name)) as [string, string];
  const waits = `touch ${begun}; until [ -e ${go} ]; do sleep 0.1; done; `;
  const check = `${isKilled ? waits : ''}node test/check.mjs`;
  const verify = { commands: [check], protect: ['test/**'], fix_rounds: 1 };
  const agent = { name: 'adder', role: 'backend_engineer', task, workspace: 'worktree', verify };
  const plan = writePlan(bench, { objective: 'Have sums.', agents: [agent] });
  const before = checkoutOf(bench.project);

  let run = bench.startMaos('run', plan, '--json');
  if (isKilled) {
    await until('the check', () => existsSync(begun));
    run.child.kill('SIGKILL');
    await run.ended;
    run = bench.startMaos('wait', 'latest', '--json');
    writeFileSync(go, '');
  }
  succeeds(await run.ended);

  const { folder, state, agents } = await bench.status();
  const [{ agent_id, attempt, result, usage } = assert.fail('no agent')] = agents;
  assert.deepEqual(
    [state, attempt, result, usage?.input_tokens],
    ['completed', 2, results[1], usageOfAnswer.inputTokens * bench.asked.length],
  );
  const worktree = join(folder, 'agents', agent_id, 'worktree');
  const texts = bench.asked.map(({ text }) => text);

  await t.test('its model is asked in one conversation, and nothing twice', () => {
    const [first, second] = [begins(worktree).length, mends(worktree).length];
    const commands = Array.from({ length: first + second + 1 }, (_, number) => number);
    assert.deepEqual(
      bench.asked.map((asked) => asked.commands),
      [...commands.slice(0, first + 1), ...commands.slice(first)],
    );
    assert.equal(new Set(storedAgents(bench).map(({ conversation }) => conversation)).size, 1);
    for (const [index, text] of texts.entries()) {
      const isMending = index > first;
      assert.deepEqual(
        [results[0], found, '> node test/check.mjs', '> test/check.mjs'].map((part) => count(text, part)),
        isMending && !isKilled ? [1, 1, 1, 1] : isMending ? [1, 1, 0, 1] : [0, 0, 0, 0],
      );
    }
  });

  await t.test("its worktree is its project, and the user's checkout is not named to it", () => {
    const last = texts.at(-1) ?? '';
    for (const label of ['Project', 'Your current folder'])
      assert.deepEqual(placesIn(last, label), [worktree, worktree]);
    for (const text of texts) assert.equal(count(text, bench.project), 0, text);
  });

  await t.test('its checks are recorded once each', async () => {
    const types = (await eventsOf(bench)).map(({ type }) => type);
    const course = types.filter((type) => /^(verify|agent\.(finished|fix_round|completed))/.test(type));
    const round = ['agent.finished', 'verify.started'];
    assert.deepEqual(course, [
      ...[...round, 'verify.failed', 'agent.fix_round'],
      ...[...round, 'verify.passed', 'agent.completed'],
    ]);
  });

  assert.deepEqual(checkoutOf(bench.project), before);
  succeeds(await bench.maos('land', 'latest', '--json'));
  assert.equal(texts.length, bench.asked.length, 'its model is not asked to land');
  assert.equal(readFileSync(join(bench.project, 'add.mjs'), 'utf8'), right);
  assert.equal(gitIn(bench.project, 'diff', '--name-only', 'HEAD~1', 'main'), 'add.mjs');
  assert.equal(gitIn(bench.project, 'status', '--porcelain'), '');
  await bench.nothingLeft();
}

for (const [name, worker] of Object.entries(workers)) {
  test(`${name} mends what its check found, in the same conversation, and its work lands`, (t) =>
    mendsWhatItsCheckFound(t, worker));
}

test('when MAOS is killed during a check, the next one goes on, and no model is asked twice', (t) =>
  mendsWhatItsCheckFound(t, workers['a Claude Code'] ?? assert.fail(), true));

test('a conflict goes back to its Claude Code until it is resolved, in its worktree and conversation', async (t) => {
  const bench = await makeBackendBench(t, claude, {
    respond({ text, commands }) {
      const [worktree = ''] = placesIn(text, 'Your current folder');
      const file_path = join(worktree, 'greeting.txt');
      const conflicts = text.includes('# Your work conflicts with main');
      const isUnfinished = text.includes('It ended: Conflict markers are left in greeting.txt.\n');
      const edit = { file_path, old_string: 'none', new_string: 'bonjour' };
      const steps: readonly Said[] = [
        ...[reads(file_path), { calls: 'Edit', arguments: edit }],
        ...[reads(file_path), writes(file_path, 'hello\nbonjour\n')],
      ];
      if (commands === 2 && !conflicts) return { text: 'It greets in French.' };
      if (commands === 3 && !isUnfinished) return { text: 'Both are there.' };
      return steps[commands] ?? { text: 'It greets in both.' };
    },
  });
  makeRepository(bench.project, { 'greeting.txt': 'none\n' });
  const greets = (name: string) => ({ name, role: 'backend_engineer', workspace: 'worktree' });
  const agents = [
    { ...greets('english'), task: 'Greet.', backend: 'command', command: 'echo hello > greeting.txt' },
    { ...greets('french'), task: 'Greet in French.', verify: '! grep "<<<<<<<" greeting.txt' },
  ];
  const before = checkoutOf(bench.project);
  succeeds(await bench.maos('run', writePlan(bench, { objective: 'Greet.', agents }), '--json'));
  const { folder, agents: members } = await bench.status();
  const owner = members.find(({ name }) => name === 'french') ?? assert.fail('no owner');
  const worktree = join(folder, 'agents', owner.agent_id, 'worktree');
  assert.deepEqual(checkoutOf(bench.project), before);
  const { length } = bench.asked;

  const land = await bench.maos('land', 'latest');
  succeeds(land);
  assert.match(land.stdout, /english +landed[\s\S]*french +landed/);
  assert.equal(readFileSync(join(bench.project, 'greeting.txt'), 'utf8'), 'hello\nbonjour\n');
  assert.equal(gitIn(bench.project, 'status', '--porcelain'), '');

  const landing = bench.asked.slice(length);
  const mended = (await bench.status()).agents.find(({ name }) => name === 'french');
  assert.equal(mended?.usage?.input_tokens, usageOfAnswer.inputTokens * landing.length);
  assert.deepEqual(
    bench.asked.map(({ commands }) => commands),
    [0, 1, 2, 2, 3, 3, 4],
  );
  for (const [index, { text }] of landing.entries()) {
    const rounds = index < 2 ? 1 : 2;
    for (const label of ['Project', 'Your current folder'])
      assert.deepEqual(placesIn(text, label), Array(1 + rounds).fill(worktree));
    const parts = ['It greets in French.', 'Landed there: english.', '> - greeting.txt', bench.project];
    assert.deepEqual(
      parts.map((part) => count(text, part)),
      [1, rounds, rounds, 0],
    );
  }
  assert.ok(landing[1]?.text.includes('<<<<<<<'), 'it reads both sides');
  const conversations = storedAgents(bench).flatMap(({ conversation }) => conversation ?? []);
  assert.deepEqual([conversations.length, new Set(conversations).size], [2, 1]);
  await bench.nothingLeft();
});

const leaving = /EnterWorktree|"enter_worktree"/;
for (const [name, driver] of Object.entries({ 'Claude Code': claude, 'Qwen Code': qwenDriver })) {
  test(`a ${name} in a worktree has no tool that leaves it for another one`, async (t) => {
    const bench = await makeBackendBench(t, driver, { respond: () => ({ text: 'Done.' }) });
    makeRepository(bench.project);
    for (const workspace of ['project', 'worktree']) {
      const agent = { name: 'adder', role: 'backend_engineer', task, workspace };
      succeeds(
        await bench.maos('run', writePlan(bench, { objective: 'Have sums.', agents: [agent] }), '--json'),
      );
    }
    const offers = bench.asked.map(({ text, tools }) => leaving.test(`${text}\n${tools}`));
    assert.deepEqual(offers, [true, false], 'elsewhere it has');
    await bench.nothingLeft();
  });
}

test("a Claude Code in a worktree is told the CLAUDE.md of its commit, and has the user's own settings", async (t) => {
  const bench = await makeBackendBench(t, claude, { respond: () => ({ text: 'Done.' }) });
  makeRepository(bench.project, { 'CLAUDE.md': 'committed-canary\n' });
  writeFileSync(join(bench.project, 'CLAUDE.md'), 'edited-canary\n');
  writeFileSync(join(bench.project, 'CLAUDE.local.md'), 'local-canary\n');
  const mark = join(bench.folder, 'started-in');
  const hook = { hooks: [{ type: 'command', command: `pwd > ${mark}` }] };
  mkdirSync(join(bench.project, '.claude'));
  writeFileSync(
    join(bench.project, '.claude', 'settings.local.json'),
    JSON.stringify({ hooks: { SessionStart: [hook] } }),
  );
  const agent = { name: 'adder', role: 'backend_engineer', task, workspace: 'worktree' };
  succeeds(await bench.maos('run', writePlan(bench, { objective: 'Have sums.', agents: [agent] }), '--json'));
  const { folder, agents } = await bench.status();
  const text = bench.asked[0]?.text ?? '';
  assert.deepEqual(
    ['committed', 'edited', 'local'].map((name) => count(text, `${name}-canary`)),
    [1, 0, 0],
  );
  const worktree = join(folder, 'agents', agents[0]?.agent_id ?? '', 'worktree');
  assert.equal(readFileSync(mark, 'utf8'), `${worktree}\n`);
  await bench.nothingLeft();
});
