import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

const faulty = `{
  // The team
  "$schema": "./plan.schema.json",
  "objective": "x", "stratgy": "parallel", "land": "auto",
  "agents": [
    {"role": "tester", "tsk": "hi", "backend": "comand", "workspace": "worktre"},
    {"role": "testr", "task": "x", "depends_on": ["nobody"]},
    {"name": "a", "role": "tester", "task": "x", "depends_on": ["b"]},
    {"name": "b", "role": "tester", "task": "x", "depends_on": ["a"]},
  ],
}
`;

describe('a faulty plan', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    await writeFile(join(maos.project, 'faulty.json'), faulty);
  });
  after(() => maos.remove());

  it('is refused with all its faults at once, each with its place', async () => {
    const { status, stdout, stderr } = await maos.run('run', 'faulty.json');
    assert.deepEqual([status, stdout], [2, '']);
    const places = [...stderr.matchAll(/^ {2}line (\d+), column (\d+): (.*)$/gm)];
    const shown = places.map(([, line, column, text = '']) => `${line}:${column} ${text.slice(0, 40)}`);
    assert.deepEqual(shown, [
      '4:21 The plan has an unknown key "stratgy" (d',
      '6:5 agents[0].task is missing: expected stri',
      '6:24 agents[0] has an unknown key "tsk" (did ',
      '6:37 Unknown backend "comand". Did you mean "',
      '6:58 agents[0].workspace invalid option: expe',
      '7:6 There is no role "testr". Did you mean "',
      '7:51 Agent "testr" depends on "nobody", which',
      '8:65 The plan has a cycle: a needs b needs a.',
    ]);
    // Whether an agent works in a worktree is not known before its workspace is right.
    assert.doesNotMatch(stderr, /lands its work/);
  });

  it('is described for programs', async () => {
    const { status, stderr } = await maos.run('run', 'faulty.json', '--json');
    assert.equal(status, 2);
    const { code, details } = JSON.parse(stderr).error;
    assert.equal(code, 'INVALID_PLAN');
    assert.equal(details.faults.length, 8);
    const { message, ...place } = details.faults[6];
    assert.deepEqual(place, {
      ...{ code: 'INVALID_PLAN', path: ['agents', 1, 'depends_on', 0], line: 7, column: 51 },
    });
  });

  it('may be wrong in one place', async () => {
    const plan = 'objective: x\nagents:\n  - {role: testr, task: y}\n';
    const { status, stderr } = await maos.start(['run', '-'], { input: plan }).finished;
    assert.equal(status, 2);
    assert.match(stderr, /^maos: The plan on stdin: line 3, column 6: There is no role "testr"\./);
  });

  it('is a folder, or a file of any name', async () => {
    await mkdir(join(maos.project, 'plans'));
    assert.match((await maos.run('run', 'plans')).stderr, /"plans" is a folder: name the file in it/);
    await writeFile(join(maos.project, 'Planfile'), 'objective: [');
    assert.match((await maos.run('run', 'Planfile')).stderr, /"Planfile" is not valid YAML: line 1/);
  });
});

describe('--set', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('gives the variables of a plan their values', async () => {
    const plan = [
      'variables: {who: null, greeting: hello}',
      'objective: Greet',
      'agents:',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the plan's own
      '  - {name: a, role: tester, task: Greet., command: "echo ${greeting} ${who} $${who} ${HOME:+home}"}',
    ].join('\n');
    await writeFile(join(maos.project, 'greet.yaml'), plan);
    const { status, stdout } = await maos.run('run', 'greet.yaml', '--set', 'who=you');
    assert.equal(status, 0, stdout);
    assert.match(stdout, /a: completed in [\d.]+s: hello you home/);
    const unset = await maos.run('run', 'greet.yaml');
    assert.equal(unset.status, 2);
    assert.match(unset.stderr, /line 4, column 43: the variable "who" has no value: add --set who=VALUE/);
  });

  it('needs a plan file', async () => {
    const { status, stderr } = await maos.run('run', '-x', 'a=true', '--set', 'x=1');
    assert.equal(status, 2);
    assert.match(stderr, /--set gives values to the variables of a plan file/);
  });
});

const team = `# Two beside one another, then one more.
objective: Ship the importer
agents:
  - {name: parser, role: backend_engineer, task: Parse, budget: {max_tokens: 50000}}
  - {name: writer, role: backend_engineer, task: Write, backend: codex, max_memory_mb: 512}
  - {name: both, role: tester, task: Test, depends_on: [parser, writer], command: [nosuchprogram, a b]}
max_concurrency: 2
`;

const graph = [
  '●      parser (backend_engineer)',
  '│ ●    writer (backend_engineer)',
  '╰─┴─●  both (tester)',
];

describe('a plan that is only shown', () => {
  let maos: MaosFolder;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    maos = await MaosFolder.make();
    await writeFile(join(maos.project, 'team.yaml'), team);
    await writeFile(join(maos.project, 'faulty.json'), faulty);
    await writeFile(join(maos.project, 'broken.json'), '{"objective": x}');
    env = { ...maos.env, MAOS_CLAUDE_PATH: '/nowhere/claude', MAOS_CODEX_PATH: '/nowhere/codex' };
  });
  after(() => maos.remove());
  const run = (...args: readonly string[]) => maos.start(args, { env }).finished;

  it('shows command lines, limits and graph where no CLI is installed, and warns of that', async () => {
    const { status, stdout, stderr } = await run('run', 'team.yaml', '--dry-run');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /3 agents · 2 phases .* · at most 2 at once/);
    assert.match(stdout, /parser \(backend_engineer, claude, .*budget 50\.0k tokens\)/);
    assert.match(stdout, /writer \(backend_engineer, codex, .*512 MB/);
    assert.match(
      stdout,
      /\$ \/nowhere\/claude -p --output-format stream-json .*--append-system-prompt '# Your role: /,
    );
    assert.match(stdout, /\$ \/nowhere\/codex …$/m);
    assert.match(stdout, /\$ nosuchprogram 'a b'/);
    assert.ok(stdout.includes(`Graph\n${graph.join('\n')}\n`), stdout);
    assert.match(stderr, /^Note: Claude Code is not at "\/nowhere\/claude"/m);
    assert.match(stderr, /^Note: Codex is not at "\/nowhere\/codex"/m);
    assert.match(stderr, /^Note: Agent both: .*"nosuchprogram"/m);
    assert.deepEqual((await maos.json<{ sessions: unknown[] }>('list')).sessions, []);
  });

  it('is one document with --json', async () => {
    const { status, stdout, stderr } = await run('run', 'team.yaml', '--dry-run', '--json');
    assert.deepEqual([status, stderr], [0, '']);
    const { dry_run, commands, mermaid, remarks } = JSON.parse(stdout);
    assert.equal(dry_run, true);
    assert.deepEqual(commands.at(-1), { agent: 'both', command: ['nosuchprogram', 'a b'] });
    assert.match(mermaid, /^flowchart TD\n/);
    assert.equal(remarks.length, 3);
  });

  it('is refused when it is to run', async () => {
    const { status, stderr } = await run('run', 'team.yaml');
    assert.equal(status, 6);
    assert.match(stderr, /Claude Code is not at "\/nowhere\/claude"/);
  });

  it('is checked', async () => {
    const { status, stdout, stderr } = await run('plan', 'check', 'team.yaml');
    assert.deepEqual([status, stdout], [0, 'team.yaml is valid: 3 agents in 2 phases.\n']);
    assert.match(stderr, /^Warning: Claude Code is not at "\/nowhere\/claude"/m);
    const other = await run('plan', 'check', 'faulty.json');
    assert.equal(other.status, 2);
    assert.equal(other.stderr, (await run('run', 'faulty.json')).stderr);
  });

  it('is checked for programs', async () => {
    const valid = await run('plan', 'check', 'team.yaml', '--json');
    const { warnings, ...said } = JSON.parse(valid.stdout);
    assert.deepEqual([valid.status, valid.stderr], [0, '']);
    assert.deepEqual(said, { file: 'team.yaml', valid: true, faults: [], agents: 3, phases: 2 });
    assert.equal(warnings.length, 3);
    const wrong = await run('plan', 'check', 'faulty.json', '--json');
    assert.deepEqual([wrong.status, wrong.stderr], [2, '']);
    assert.equal(JSON.parse(wrong.stdout).faults.length, 8);
    const broken = await run('plan', 'check', 'broken.json', '--json');
    assert.equal(broken.status, 2);
    const [{ message, ...place }] = JSON.parse(broken.stdout).faults;
    assert.deepEqual(place, { code: 'INVALID_INPUT', path: [], line: 1, column: 15 });
    assert.match(message, /is not valid JSON/);
  });

  it('is drawn', async () => {
    assert.deepEqual(await run('plan', 'graph', 'team.yaml'), {
      ...{ status: 0, stderr: '' },
      stdout: `${graph.join('\n')}\n`,
    });
    const { stdout } = await run('plan', 'graph', 'team.yaml', '--format', 'mermaid');
    assert.match(stdout, /^flowchart TD\n {2}n0\["parser<br\/>backend_engineer"\]\n/);
    assert.match(stdout, / {2}n1 --> n2\n$/);
    const { agents } = await maos.json<{ agents: object[] }>('plan', 'graph', 'team.yaml');
    assert.deepEqual(agents.at(-1), {
      ...{ name: 'both', role: 'tester', phase: 2, depends_on: ['parser', 'writer'] },
    });
  });

  it('is told where worktrees are impossible', async () => {
    const { status, stderr } = await run('run', '-x', 'a=true', '--worktree', '--dry-run');
    assert.equal(status, 2);
    assert.match(stderr, /^maos: ".*" is not in a git repository.*\n$/);
  });

  it('needs an action and a file', async () => {
    for (const args of [['plan'], ['plan', 'check'], ['plan', 'graph'], ['plan', 'draw', 'x']]) {
      const { status, stderr } = await run(...args);
      assert.equal(status, 2);
      assert.match(stderr, /check.*graph.*\nTry 'maos help plan'\.\n$/s);
    }
    const { stderr } = await run('plan', 'check', 'team.yaml', '--format', 'text');
    assert.match(stderr, /--format is for the graph/);
  });
});
