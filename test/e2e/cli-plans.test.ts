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
      '7:6 There is no role "testr". Did you mean t',
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
