import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { assertRefused, EngineBench, type Expected, type RunOptions, unprivileged } from './engine-bench.ts';

const agent = { role: 'tester', task: 'Test it.', command: 'touch ran' };
const usage = (code: string, says: RegExp): Expected => ({ status: 2, code, says });

/**
 * Fails with the same status and words as text and as JSON, which has the code; afterwards, no session is stored, no agent has run, and no process is
 * left.
 */
async function refuses(
  t: TestContext,
  args: readonly string[],
  expected: Expected,
  options: RunOptions = {},
  bench = new EngineBench(t),
): Promise<void> {
  const [text, { status, stdout, stderr }] = await Promise.all([
    bench.run(args, options),
    bench.runHere(['--json', ...args], options),
  ]);
  assertRefused(text, expected);
  assert.deepEqual([status, stdout], [expected.status, '']);
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
  assert.equal(stderr, `${JSON.stringify({ error })}\n`);
  assert.equal(error.code, expected.code);
  assert.match(error.message, expected.says);
  assert.ok(!existsSync(join(bench.project, 'ran')));
  assert.deepEqual(bench.processes, []);
}

async function refusesPlan(t: TestContext, plan: unknown, expected: Expected): Promise<void> {
  const bench = new EngineBench(t);
  await refuses(t, ['run', '-'], expected, { input: JSON.stringify(plan) }, bench);
  assert.equal(await bench.sessions(), 0);
}

describe('a plan that makes no sense is refused:', () => {
  const plans: [title: string, plan: unknown, expected: Expected][] = [
    [
      'an unknown role',
      { objective: 'x', agents: [{ ...agent, role: 'testr' }] },
      usage('INVALID_ROLE', /"testr".* Did you mean "tester"\?.*maos roles/),
    ],
    [
      'an empty objective',
      { objective: '', agents: [agent] },
      usage('INVALID_INPUT', /objective must not be empty/),
    ],
    [
      'a blank objective',
      { objective: ' \n ', agents: [agent] },
      usage('INVALID_INPUT', /objective must not be empty/),
    ],
    [
      'an objective of 1 MB',
      { objective: 'x'.repeat(1_000_000), agents: [agent] },
      usage('INVALID_INPUT', /objective too big: expected string to have <=20000 characters/),
    ],
    [
      'no agents',
      { objective: 'x', agents: [] },
      usage('INVALID_PLAN', /no agents: add at least one \{role, task\}/),
    ],
    [
      'two agents of one name',
      { objective: 'x', agents: [{ ...agent, name: 'twin' }, agent, { ...agent, name: 'twin' }] },
      usage('INVALID_PLAN', /Agents 1 and 3 are both named "twin": give one of them another name/),
    ],
    [
      'a cycle',
      {
        objective: 'x',
        agents: [
          { ...agent, name: 'a', depends_on: ['c'] },
          { ...agent, name: 'b', depends_on: ['a'] },
          { ...agent, name: 'c', depends_on: ['b'] },
        ],
      },
      usage('INVALID_PLAN', /cycle: a needs c needs b needs a\. Remove one/),
    ],
    [
      'an agent that depends on itself',
      { objective: 'x', agents: [{ ...agent, name: 'me', depends_on: ['me'] }] },
      usage('INVALID_PLAN', /"me" depends on itself: remove "me"/),
    ],
    [
      'a dependency on nothing',
      {
        objective: 'x',
        agents: [
          { ...agent, depends_on: ['ghost'] },
          { ...agent, name: 'real' },
        ],
      },
      usage('INVALID_PLAN', /"tester" depends on "ghost", which is not in this plan\. Agents: real/),
    ],
    [
      'negative limits',
      {
        objective: 'x',
        max_concurrency: -1,
        max_agents_per_role: 0,
        agents: [{ ...agent, timeout_minutes: -5, max_memory_mb: -1 }],
      },
      usage(
        'INVALID_INPUT',
        /max_concurrency .*max_agents_per_role .*agents\[0\]\.timeout_minutes .*agents\[0\]\.max_memory_mb /s,
      ),
    ],
    [
      'a key that means nothing',
      { objective: 'x', agnets: [agent] },
      usage('INVALID_INPUT', /unknown key "agnets"/),
    ],
    ['a list instead of a plan', [agent], usage('INVALID_INPUT', /The plan on stdin: .*expected object/)],
  ];
  for (const [title, plan, expected] of plans) it(title, (t) => refusesPlan(t, plan, expected));

  it('what is no JSON, with line and column', (t) =>
    refuses(
      t,
      ['run', '-'],
      usage('INVALID_INPUT', /The plan on stdin is not valid JSON: line 2, column 17/),
      {
        input: '{\n  "objective": 1',
      },
    ));

  it('nothing at all', (t) =>
    refuses(t, ['run', '-'], usage('INVALID_INPUT', /is empty: it must be an object/)));

  it('a file that does not exist, or is a folder', async (t) => {
    const bench = new EngineBench(t);
    const missing = usage('INVALID_INPUT', /"none\.json" does not exist: check/);
    await refuses(t, ['run', 'none.json'], missing, {}, bench);
    mkdirSync(join(bench.project, 'folder.json'));
    await refuses(t, ['run', 'folder.json'], usage('INVALID_INPUT', /is a folder: name the file/), {}, bench);
  });
});

describe('a path in disguise is refused:', () => {
  const tricks = [
    '../x',
    '..',
    '.',
    '/etc/passwd',
    'a/b',
    'a\0b',
    'a\nb',
    '-rf',
    `${'x'.repeat(64)}/`,
    'é',
    'a b',
  ];
  for (const name of tricks) {
    it(`as an agent's name: ${JSON.stringify(name.slice(0, 20))}`, async (t) => {
      const expected = /\0/.test(name) || name.length > 64 ? 'INVALID_INPUT' : 'INVALID_PLAN';
      const says =
        expected === 'INVALID_PLAN' ? /Agent name ".*" is not valid: use 1 to 64/ : /agents\[0\]\.name /;
      const bench = new EngineBench(t);
      const options = { input: JSON.stringify({ objective: 'x', agents: [{ ...agent, name }] }) };
      await refuses(t, ['run', '-'], usage(expected, says), options, bench);
      const made = readdirSync(bench.folder).filter((entry) => entry !== 'home');
      assert.deepEqual(made, ['project']);
      assert.deepEqual(readdirSync(bench.project), []);
    });
  }

  it("as an agent's name, in depends_on or as a role, on the command line", async (t) => {
    const bench = new EngineBench(t);
    const unreadable = usage('INVALID_INPUT', /--exec: ".*" cannot name an agent\./);
    await refuses(t, ['run', '-x', '../x=true'], unreadable, {}, bench);
    await refuses(t, ['run', '-x', 'a\nb=true'], unreadable, {}, bench);
    await refuses(t, ['run', '-a', '../x=Do it.'], usage('INVALID_ROLE', /no role "\.\.\/x"/), {}, bench);
  });

  const cannotName = usage('INVALID_INPUT', /^.*".*" is not valid as a session: give an id/);
  const ids = ['../../etc', '/etc/passwd', 'a\nb', 'sess_*', "'; --", '%', 'x'.repeat(5_000)];
  for (const [index, id] of ids.entries()) {
    const command = ['status', 'logs', 'events', 'wait', 'cancel'][index % 5] ?? '';
    it(`as the id given to ${command}: ${JSON.stringify(id.slice(0, 20))}`, async (t) => {
      const bench = new EngineBench(t);
      await refuses(t, [command, '--', id], cannotName, {}, bench);
      assert.ok(!existsSync(join(bench.home, 'projects')), 'asking makes nothing');
    });
  }
});

describe('a limit on the command line that is none is refused:', () => {
  for (const [option, value] of [
    ['--max-concurrency', '-1'],
    ['--max-concurrency', '0'],
    ['--max-per-role', '1.5'],
    ['--max-concurrency', '1e9'],
    ['--timeout-minutes', '-3'],
    ['--timeout-minutes', 'soon'],
    ['--strategy', 'random'],
  ] as const) {
    it(`${option} ${value}`, (t) =>
      refuses(
        t,
        ['run', 'x', '-x', 'a=true', `${option}=${value}`],
        usage('INVALID_INPUT', new RegExp(`${option} .*'${value.replace('.', '\\.')}'`)),
      ));
  }
});

describe('a project that cannot be worked on is refused:', () => {
  it('one that does not exist, is a file, or a link to nowhere', async (t) => {
    const bench = new EngineBench(t);
    writeFileSync(join(bench.folder, 'file'), '');
    for (const [path, wrong] of [
      [join(bench.folder, 'nowhere'), 'does not exist: check the spelling'],
      [join(bench.folder, 'file'), 'is not a folder: give the folder'],
      [join(bench.folder, 'file', 'below'), 'does not exist: check the spelling'],
      [`/${'x'.repeat(300)}`, 'has too long a name: give the path'],
    ] as const) {
      const says = new RegExp(`The project folder "${path.replaceAll('.', '\\.')}" ${wrong}`);
      await refuses(
        t,
        ['run', 'x', '-x', 'a=true', '--project', path],
        usage('INVALID_INPUT', says),
        {},
        bench,
      );
    }
    assert.ok(!existsSync(join(bench.home, 'projects')), 'nothing was made for it');
  });

  it('one that this user may not read', async (t) => {
    const bench = new EngineBench(t);
    const uid = unprivileged(t, bench);
    if (uid === null) return;
    const path = join(bench.folder, 'closed');
    mkdirSync(path, { mode: 0o700 });
    if (uid === process.getuid?.()) {
      chmodSync(path, 0);
      t.after(() => chmodSync(path, 0o700));
    }
    const says = /The project folder ".*closed" cannot be read by this user: add read and search permission/;
    await refuses(
      t,
      ['run', 'x', '-x', 'a=true', '--project', path],
      usage('INVALID_INPUT', says),
      { uid },
      bench,
    );
  });
});

describe('settings that are wrong are refused, and nothing runs:', () => {
  for (const [title, content, says] of [
    [
      'a key that is none',
      '{"backnd": "command"}',
      /config\.json": line 1, column 2: backnd is not a setting; did you mean backend\?/,
    ],
    [
      'a value that cannot be',
      '{"maxConcurrentAgents": {"machine": -4}}',
      /maxConcurrentAgents\.machine is -4; it must be a whole number from 1/,
    ],
    [
      'a text for a list',
      '{"allowCommands": "npm test"}',
      /config\.json": line 1, column 2: allowCommands is "npm test"; it must be/,
    ],
    ['what is no JSON', '{"backend": }', /config\.json" is not valid JSON: line 1, column 13/],
  ] as const) {
    it(title, async (t) => {
      const bench = new EngineBench(t);
      mkdirSync(bench.home, { mode: 0o700 });
      writeFileSync(join(bench.home, 'config.json'), content);
      const expected = usage('CONFIG_INVALID', says);
      await refuses(t, ['run', 'x', '-x', 'a=touch ran'], expected, {}, bench);
    });
  }

  it('a variable that cannot be', (t) =>
    refuses(
      t,
      ['run', 'x', '-x', 'a=touch ran'],
      usage('CONFIG_INVALID', /MAOS_MAX_CONCURRENT_AGENTS.*"?many"?/),
      {
        env: { MAOS_MAX_CONCURRENT_AGENTS: 'many' },
      },
    ));
});
