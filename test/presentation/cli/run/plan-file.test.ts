import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { isMaosError } from '../../../../src/domain/errors.ts';
import type { PlanProblem } from '../../../../src/domain/plan-problem.ts';
import { parseText } from '../../../../src/infrastructure/text-formats/parse-text.ts';
import { readPlanFile } from '../../../../src/presentation/cli/run/plan-file.ts';
import { parseInput } from '../../../../src/presentation/contracts/parse-input.ts';
import { planInput, requestOf } from '../../../../src/presentation/contracts/plan-input.ts';
import { fc } from '../../../helpers/properties.ts';

const plan = { objective: 'Ship it.', agents: [{ role: 'qa', task: 'Test.' }] };

describe('a plan from a file', () => {
  let cwd = '';
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'maos-plan-'));
  });
  after(() => rm(cwd, { recursive: true }));

  const read = async (word: string, stdin: NodeJS.ReadableStream = Readable.from([])) => {
    const file = await readPlanFile(word, { cwd, stdin, parseText });
    if (file.isFaulty) throw file.refusal([]);
    return file.request;
  };
  const refused = (word: string, message: RegExp, stdin?: NodeJS.ReadableStream) =>
    assert.rejects(read(word, stdin), (error) => {
      assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
      assert.match(error.message, message);
      return true;
    });

  it('is read relative to the current folder, with a byte order mark too', async () => {
    await writeFile(join(cwd, 'plan.json'), `\ufeff${JSON.stringify(plan)}`);
    assert.deepEqual(await read('plan.json'), requestOf(plan));
  });

  it('may name the schema that editors check it with', async () => {
    const named = { $schema: './docs/plan.schema.json', ...plan };
    await writeFile(join(cwd, 'named.yaml'), stringify(named));
    assert.deepEqual(await read('named.yaml'), requestOf(plan));
    await refused('-', /\$schema/, Readable.from([JSON.stringify({ ...plan, $schema: 7 })]));
  });

  it('may come from stdin, in pieces', async () => {
    const text = Buffer.from(JSON.stringify({ ...plan, objective: 'größer' }));
    const pieces = [...text].map((byte) => Buffer.from([byte]));
    assert.deepEqual(await read('-', Readable.from(pieces)), requestOf({ ...plan, objective: 'größer' }));
  });

  it('must exist', () => refused('none.json', /^The plan "none\.json" does not exist/));

  it('must be a file', async () => {
    await mkdir(join(cwd, 'folder.json'));
    await refused('folder.json', /is a folder/);
  });

  it('must be readable', { skip: process.getuid?.() === 0 && 'root reads everything' }, async () => {
    await writeFile(join(cwd, 'closed.json'), '{}');
    await chmod(join(cwd, 'closed.json'), 0o000);
    await refused('closed.json', /cannot be read by this user/);
  });

  it('is told by line and column where it is not JSON', async () => {
    await writeFile(join(cwd, 'bad.json'), '{\n  "objective": x\n}');
    await refused('bad.json', /is not valid JSON: line 2, column 16: expected a value/);
    await refused('-', /The plan on stdin is not valid JSON: line 1, column 2/, Readable.from(['{']));
  });

  it('is told when it is empty', () => refused('-', /stdin is empty/, Readable.from(['\n'])));

  it('is told every wrong place', async () => {
    await writeFile(join(cwd, 'wrong.json'), JSON.stringify({ agents: [{ role: 'qa', job: 'x' }] }));
    await refused(
      'wrong.json',
      /"wrong\.json" has 3 faults:\n {2}line 1, column 1: objective .*\.\n {2}line 1, column 12: agents\[0\]\.task .*\n {2}line 1, column 25: agents\[0\] has an unknown key "job" \(known keys: role, task, name, /,
    );
  });

  const yaml = 'objective: Ship it.\nagents:\n  - role: qa\n    task: Test.\n';
  const jsonc = '// The team\n{"objective": "Ship it.", "agents": [{"role": "qa", "task": "Test.",},],}';
  for (const [name, text] of [
    ['team.yaml', yaml],
    ['team.yml', yaml],
    ['TEAM.YAML', yaml],
    ['team.jsonc', jsonc],
    ['team.json', jsonc],
  ] as const) {
    it(`may be ${name}`, async () => {
      await writeFile(join(cwd, name), text);
      assert.deepEqual(await read(name), requestOf(plan));
    });
  }

  it('may come from stdin in each format', async () => {
    const flow = '{objective: Ship it., agents: [{role: qa, task: Test.}]}';
    for (const text of [yaml, jsonc, flow, `# The team\n${yaml}`, JSON.stringify(plan)]) {
      assert.deepEqual(await read('-', Readable.from([text])), requestOf(plan), text);
    }
  });

  it('is told line, column and key in YAML, and what was meant', async () => {
    await writeFile(
      join(cwd, 'wrong.yaml'),
      'objective: x\nagents:\n  - role: qa\n    taks: y\n    stage: no\n',
    );
    await refused(
      'wrong.yaml',
      /"wrong\.yaml" has 3 faults:\n {2}line 3, column 5: agents\[0\]\.task is missing: expected string\.\n {2}line 4, column 5: agents\[0\] has an unknown key "taks" \(did you mean "task"\?\)\.\n {2}line 5, column 5: agents\[0\]\.stage .*\.$/,
    );
    await writeFile(join(cwd, 'bad.yaml'), 'objective: "x\n');
    await refused('bad.yaml', /"bad\.yaml" is not valid YAML: line \d, column \d+: .*quote/);
  });

  it('from stdin that is neither is told by what it looks like', async () => {
    await refused('-', /not valid JSON: line 1, column 8/, Readable.from(['{"a": 1']));
    await refused('-', /not valid YAML: line 1, column 4/, Readable.from(['a: b\n c: d\n']));
  });

  it('may have a name that tells no format', async () => {
    for (const text of [yaml, jsonc]) {
      await writeFile(join(cwd, 'Planfile'), text);
      assert.deepEqual(await read('Planfile'), requestOf(plan));
    }
  });

  it('keeps what is right of a faulty one, so that the rest can be checked too', async () => {
    const written = {
      objective: 'x',
      budget: { max_tokens: 'many' },
      agents: [
        { name: 'a', role: 7, task: 't', backend: 'comand' },
        'b',
        { role: 'qa', tsk: 't', depends_on: ['a'] },
      ],
    };
    const file = await readPlanFile('-', { cwd, stdin: Readable.from([JSON.stringify(written)]), parseText });
    assert.equal(file.isFaulty, true);
    const { request } = file;
    assert.equal(request.budget, undefined);
    assert.deepEqual(
      request.agents?.map(({ name, backend, dependsOn }) => [name, backend, dependsOn]),
      [
        ['a', 'comand', undefined],
        [undefined, undefined, undefined],
        [undefined, undefined, ['a']],
      ],
    );
    const found = (path: PlanProblem['path'], restsOn: PlanProblem['restsOn']): PlanProblem => ({
      ...{ code: 'INVALID_PLAN', message: `At ${path}.`, path, restsOn, details: {} },
    });
    const shown = file.faults([
      found(['agents', 0, 'backend'], [['agents', 0, 'command']]),
      found(['agents', 2, 'depends_on', 0], [['agents', '*', 'role']]),
      found(['agents', 1], [['agents', 1, 'command']]),
    ]);
    assert.deepEqual(
      shown.map(({ message }) => message.split(' ').slice(0, 2).join(' ')),
      [
        'budget.max_tokens expected',
        'agents[0].role expected',
        'At agents,0,backend.',
        'agents[1] expected',
        'agents[2].task is',
        'agents[2] has',
      ],
    );
  });

  it('is the same in every format', async () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .map((it) => `x${it.replaceAll('\0', '')}`);
    const agent = fc.record(
      {
        role: fc.oneof(text, fc.record({ name: text, description: text })),
        task: text,
        depends_on: fc.array(text, { maxLength: 3 }),
        stage: fc.nat(499),
        command: fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
        timeout_minutes: fc.double({ min: 0.001, max: 10_080, noNaN: true }),
      },
      { requiredKeys: ['role', 'task'] },
    );
    const anyPlan = fc.record(
      { objective: text, agents: fc.array(agent, { maxLength: 4 }), dry_run: fc.boolean() },
      { requiredKeys: ['objective'] },
    );
    await fc.assert(
      fc.asyncProperty(anyPlan, async (written) => {
        const json = JSON.stringify(written, null, 2);
        const commented = json
          .replaceAll('\n', ' // "comment", {\n')
          .replaceAll(/(["\d\]}])(?= \/\/[^\n]*\n *[\]}])/g, '$1,');
        const expected = parseInput(planInput, written, 'plan');
        for (const text of [json, commented, stringify(written)]) {
          assert.deepEqual(await read('-', Readable.from([text])), expected, text);
        }
        await writeFile(join(cwd, 'same.yaml'), json);
        assert.deepEqual(await read('same.yaml'), expected);
      }),
      { numRuns: 200 },
    );
  });

  it('has a limit', () => {
    const big = Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(1024 * 1024, ' ')));
    return refused('-', /larger than the maximum of 8 MiB/, big);
  });
});
