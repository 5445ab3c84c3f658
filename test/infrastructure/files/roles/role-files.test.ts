import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { RoleProblem } from '../../../../src/application/ports/roles.ts';
import type { FileRole } from '../../../../src/domain/roles/file-role.ts';
import { makeRoleFiles } from '../../../../src/infrastructure/files/roles/role-files.ts';

/** A user's home folder, a MAOS home and a project in a repository; paths are relative to their common folder. */
class Place {
  readonly root: string;
  readonly project: string;
  readonly env: Record<string, string>;

  constructor(t: TestContext) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'maos-roles-')));
    this.project = join(this.root, 'project');
    this.env = { HOME: join(this.root, 'home') };
    for (const folder of ['home', 'maos', 'project/.git'])
      mkdirSync(join(this.root, folder), { recursive: true });
    t.after(() => rmSync(this.root, { recursive: true, force: true }));
  }

  write(path: string, content: string | Uint8Array): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Writes a role in Claude Code's format. */
  role(path: string, name: string, more = ''): void {
    this.write(path, `---\nname: ${name}\ndescription: Knows ${name}.\n${more}---\nYou are ${name}.\n`);
  }

  registry(...roles: readonly unknown[]): void {
    this.write('maos/agents/registry.json', JSON.stringify({ roles }));
  }

  async read(folder = this.project): Promise<{ roles: FileRole[]; problems: RoleProblem[] }> {
    const { files: found } = await makeRoleFiles({ home: join(this.root, 'maos'), env: this.env }).read(
      folder,
    );
    return {
      roles: found.flatMap((finding) => (finding.kind === 'role' ? [finding.role] : [])),
      problems: found.flatMap((finding) => (finding.kind === 'problem' ? [finding.problem] : [])),
    };
  }

  async names(folder?: string): Promise<string[]> {
    const { roles, problems } = await this.read(folder);
    assert.deepEqual(problems, []);
    return roles.map(({ name }) => name);
  }

  /** The only problem, with its relative path. */
  async problem(): Promise<RoleProblem> {
    const { problems } = await this.read();
    assert.equal(problems.length, 1, JSON.stringify(problems));
    const [{ path, ...rest }] = problems as [RoleProblem];
    return { path: path.slice(this.root.length + 1), ...rest };
  }
}

describe('role files', () => {
  it('need not be there', async (t) => {
    const place = new Place(t);
    assert.deepEqual(await place.names(), []);
    place.write('project/.claude/agents', 'a file, not a folder');
    assert.deepEqual(await place.names(), []);
  });

  it('give a role with its prompt, model and tools', async (t) => {
    const place = new Place(t);
    place.write(
      'project/.claude/agents/code-reviewer.md',
      '---\nname: code-reviewer\ndescription: Reviews: all of it\ntools: Read, Bash(git log:*, git diff:*)\n' +
        'disallowedTools:\n  - WebFetch\nmodel: opus\npermissionMode: bypassPermissions\nhooks:\n  Stop:\n    - x\n---\n\n# You review\n',
    );
    const { roles, problems } = await place.read();
    assert.deepEqual(problems, []);
    const [role] = roles;
    const { instructions: _, ...rest } = role ?? assert.fail();
    assert.deepEqual(rest, {
      name: 'code_reviewer',
      title: 'Code reviewer',
      description: 'Reviews: all of it',
      responsibilities: [],
      capabilities: [],
      defaultTimeoutMinutes: 30,
      defaultMaxMemoryMb: 2048,
      prompt: '# You review',
      predefined: false,
      source: 'project',
      path: join(place.project, '.claude/agents/code-reviewer.md'),
      model: { name: 'opus', backend: 'claude' },
      backend: null,
      tools: ['Read', 'Bash(git log:*, git diff:*)'],
      deniedTools: ['WebFetch'],
    });
  });

  it('say nothing of model and tools where they leave them as they are', async (t) => {
    const place = new Place(t);
    place.role('project/.claude/agents/a.md', 'a', 'model: inherit\ntools: "*"\n');
    place.role('project/.claude/agents/b.md', 'b', 'model:\ntools:\n');
    place.role('project/.claude/agents/c.md', 'c', 'tools: []\n');
    const { roles, problems } = await place.read();
    assert.deepEqual(problems, []);
    assert.deepEqual(
      roles.map(({ model, tools }) => [model, tools]),
      [
        [null, null],
        [null, null],
        [null, []],
      ],
    );
  });

  it('come from the project, then from MAOS, then from the user', async (t) => {
    const place = new Place(t);
    place.role('home/.claude/agents/u.md', 'of_user');
    place.role('maos/agents/templates/of-maos.md', 'of-maos');
    place.registry({ name: 'registered', description: 'In the registry.' });
    place.role('project/.claude/agents/nested/deep/p.md', 'of-project');
    const { roles } = await place.read();
    assert.deepEqual(
      roles.map(({ name, source }) => `${source} ${name}`),
      ['project of_project', 'maos registered', 'maos of_maos', 'user of_user'],
    );
    place.role('elsewhere/agents/x.md', 'moved');
    place.env.CLAUDE_CONFIG_DIR = join(place.root, 'elsewhere');
    assert.deepEqual(await place.names(), ['of_project', 'registered', 'of_maos', 'moved']);
  });

  it('are looked for up to the repository, the nearest first', async (t) => {
    const place = new Place(t);
    place.role('.claude/agents/a.md', 'above_repository');
    place.role('project/.claude/agents/a.md', 'at_root');
    place.role('project/packages/one/.claude/agents/a.md', 'in_one');
    place.role('project/packages/one/inner/.claude/agents/a.md', 'inner');
    place.role('project/packages/two/.claude/agents/a.md', 'in_two');
    assert.deepEqual(await place.names(join(place.project, 'packages/one')), ['in_one', 'at_root']);
  });

  it('are looked for below the home folder where there is no repository', async (t) => {
    const place = new Place(t);
    place.role('home/.claude/agents/a.md', 'of_user');
    place.role('home/code/.claude/agents/a.md', 'of_work');
    mkdirSync(join(place.root, 'home/code/project'));
    assert.deepEqual(await place.names(join(place.root, 'home/code/project')), ['of_work', 'of_user']);
    assert.deepEqual(await place.names(join(place.root, 'home')), ['of_user'], 'once');
  });

  it('are not looked for where anybody may have put them', async (t) => {
    const place = new Place(t);
    place.role('open/.claude/agents/a.md', 'planted');
    mkdirSync(join(place.root, 'open/project'));
    assert.deepEqual(await place.names(join(place.root, 'open/project')), ['planted'], 'while it is closed');
    chmodSync(join(place.root, 'open'), 0o777);
    assert.deepEqual(await place.names(join(place.root, 'open/project')), []);
  });

  it('are not followed through links that lead away', async (t) => {
    const place = new Place(t);
    place.role('elsewhere/secret.md', 'secret');
    place.role('project/.claude/agents/own.md', 'own');
    const link = (to: string, from: string) => symlinkSync(to, join(place.project, '.claude/agents', from));
    link('own.md', 'inside.md');
    assert.deepEqual(await place.names(), ['own'], 'a link within the folder is what it leads to');
    link('../../../elsewhere/secret.md', 'secret.md');
    link('../../../elsewhere', 'folder');
    link('nowhere', 'lost.md');
    link('../../../elsewhere/secret.md', 'ignored.txt');
    const { roles, problems } = await place.read();
    assert.deepEqual(
      roles.map(({ name }) => name),
      ['own'],
    );
    assert.deepEqual(
      problems.map(({ name }) => name),
      [null, 'lost', 'secret'],
      'a folder is no role',
    );
    for (const { message } of problems) assert.match(message, /a link (out of its folder|to nothing)/);
  });

  it('may be in a folder that is a link, but not out of the project', async (t) => {
    const place = new Place(t);
    place.role('dotfiles/agents/a.md', 'kept_elsewhere');
    mkdirSync(join(place.root, 'home/.claude'));
    symlinkSync(join(place.root, 'dotfiles/agents'), join(place.root, 'home/.claude/agents'));
    assert.deepEqual(await place.names(), ['kept_elsewhere']);
    place.role('team/agents/b.md', 'shared_by_a_team');
    symlinkSync(join(place.root, 'team'), join(place.project, '.claude'));
    const { path, message } = await place.problem();
    assert.equal(path, 'project/.claude/agents');
    assert.match(message, /a link out of the project/);
  });

  it('are passed over when they are no files', async (t) => {
    const place = new Place(t);
    place.role('project/.claude/agents/own.md', 'own');
    execFileSync('mkfifo', [join(place.project, '.claude/agents/pipe.md')]);
    const { roles, problems } = await place.read();
    assert.equal(roles.length, 1);
    assert.deepEqual(
      problems.map(({ name, message }) => [name, message]),
      [['pipe', 'it is not a regular file: remove it.']],
    );
  });

  it('are read up to a number', async (t) => {
    const place = new Place(t);
    for (let i = 0; i < 210; i++) place.role(`project/.claude/agents/r${i}.md`, `r_${i}`);
    place.role('home/.claude/agents/u.md', 'of_user');
    const { roles, problems } = await place.read();
    assert.equal(roles.length, 200);
    assert.deepEqual(
      problems.map(({ name, message }) => [name, message]),
      [[null, 'at most 200 role files among 5000 entries are read, and the rest is ignored: remove some.']],
    );
  });

  it('are no roles without a block at their head', async (t) => {
    const place = new Place(t);
    place.write('project/.claude/agents/README.md', '# How we write agents\n');
    place.write('project/.claude/agents/notes.txt', '---\nname: x\n---\n');
    assert.deepEqual(await place.names(), []);
  });

  const head = 'project/.claude/agents/some-role.md';
  const broken: readonly (readonly [
    what: string,
    content: string | Uint8Array,
    message: RegExp,
    name?: string,
  ])[] = [
    ['no name', '---\ndescription: x\n---\n', /^it has no name/],
    ['no description', '---\nname: other\n---\n', /^it has no description/, 'other'],
    [
      'an empty description',
      '---\nname: other\ndescription: ""\n---\n',
      /^line 3: description must not be empty/,
      'other',
    ],
    ['a list for a name', '---\nname: [a]\ndescription: x\n---\n', /^line 2: name must be a text/],
    ['a name that is none', '---\nname: 3d\ndescription: x\n---\n', /^its name "3d" is not valid for a role/],
    ['what is no key', '---\nname: other\n<example>\n---\n', /^line 3: expected 'key: value'/, 'other'],
    [
      'an option for a model',
      '---\nname: o\ndescription: x\nmodel: --danger\n---\n',
      /^line 4: model must be/,
      'o',
    ],
    [
      'an option for a tool',
      '---\nname: o\ndescription: x\ntools: [--danger]\n---\n',
      /^line 4: tools must be/,
      'o',
    ],
    ['deeper tools', '---\nname: o\ndescription: x\ntools:\n  a: b\n---\n', /^line 4: tools must be/, 'o'],
    ['no end', '---\nname: o\n', /^line 1: .* has no end/, 'o'],
    ['no text', new Uint8Array([0xff, 0xfe, 0x2d]), /^it is not UTF-8/],
    ['NUL', '---\nname: o\ndescription: x\n---\n\0', /^it contains NUL/],
    ['too much', `---\nname: o\ndescription: x\n---\n${'x'.repeat(65_536)}`, /^it is larger than 64 KiB/],
  ];
  for (const [what, content, message, name = 'some_role'] of broken) {
    it(`are left out with ${what}, and the others stay`, async (t) => {
      const place = new Place(t);
      place.write(head, content);
      place.role('project/.claude/agents/zz.md', 'fine');
      const problem = await place.problem();
      assert.match(problem.message, message);
      assert.deepEqual([problem.path, problem.name], [head, name]);
      assert.deepEqual(
        (await place.read()).roles.map((role) => role.name),
        ['fine'],
      );
    });
  }
});

describe('the registry of roles', () => {
  it('gives roles with all they can have, and the prompt of their template', async (t) => {
    const place = new Place(t);
    place.registry(
      {
        name: 'scribe',
        description: 'Writes minutes.',
        responsibilities: ['Minutes', 'Agendas'],
        capabilities: ['writing'],
        default_timeout_minutes: 5,
        default_max_memory_mb: 512,
        backend: 'claude',
        model: 'haiku',
      },
      { name: 'poet', template: 'verse.md' },
    );
    place.write('maos/agents/templates/scribe.md', '# You write minutes\n');
    place.role('maos/agents/templates/verse.md', 'unused', 'model: opus\ntools: Read\n');
    const { roles, problems } = await place.read();
    assert.deepEqual(problems, []);
    const [scribe, poet] = roles;
    assert.equal(roles.length, 2);
    assert.deepEqual(
      [scribe?.description, scribe?.responsibilities, scribe?.capabilities, scribe?.prompt, scribe?.path],
      [
        'Writes minutes.',
        ['Minutes', 'Agendas'],
        ['writing'],
        '# You write minutes',
        join(place.root, 'maos/agents/registry.json'),
      ],
    );
    assert.deepEqual(
      [scribe?.defaultTimeoutMinutes, scribe?.defaultMaxMemoryMb, scribe?.backend, scribe?.model],
      [5, 512, 'claude', { name: 'haiku', backend: 'claude' }],
    );
    assert.deepEqual(
      [poet?.name, poet?.description, poet?.prompt, poet?.model, poet?.tools],
      ['poet', 'Knows unused.', 'You are unused.', { name: 'opus', backend: 'claude' }, ['Read']],
    );
  });

  it('needs no entry for a template that says what it is, and none without a prompt', async (t) => {
    const place = new Place(t);
    place.registry({ name: 'bare', description: 'Has no prompt of its own.', model: 'any' });
    place.write('maos/agents/templates/ops-writer.md', '---\ndescription: Writes runbooks.\n---\nWrite.\n');
    const { roles, problems } = await place.read();
    assert.deepEqual(problems, []);
    assert.deepEqual(
      roles.map(({ name, prompt, model }) => [name, prompt, model]),
      [
        ['bare', undefined, { name: 'any', backend: null }],
        ['ops_writer', 'Write.', null],
      ],
    );
  });

  const fine = { name: 'fine', description: 'x' };
  const broken: readonly (readonly [text: string, message: RegExp, name?: string])[] = [
    ['{"roles": [}', /^line 1, column 12: expected a value/],
    ['', /^line 1, column 1: expected a value/],
    ['[]', /expected object, received array: it must be \{"roles"/],
    ['{"roles": {}}', /^roles expected array/],
    ['{"roles": [], "more": 1}', /unknown key "more"/],
    [JSON.stringify({ roles: [fine, 1] }), /^roles\[1\] expected object/],
    [
      JSON.stringify({ roles: [fine, { ...fine, name: 'Not-This' }] }),
      /^roles\[1\]\.name must be 1 to 63/,
      'not_this',
    ],
    [JSON.stringify({ roles: [fine, { name: 'b' }] }), /^roles\[1\]\.description is missing/, 'b'],
    [JSON.stringify({ roles: [fine, fine] }), /^roles\[1\]\.name: "fine" is a duplicate/],
    [
      JSON.stringify({ roles: [{ ...fine, name: 'b', color: 'red' }] }),
      /^roles\[0\] has an unknown key "color"/,
      'b',
    ],
    [
      JSON.stringify({ roles: [{ ...fine, name: 'b', default_timeout_minutes: '5' }] }),
      /^roles\[0\]\.default_timeout_minutes expected number/,
      'b',
    ],
    [
      JSON.stringify({ roles: [{ ...fine, name: 'b', template: '../x.md' }] }),
      /^roles\[0\]\.template must be/,
      'b',
    ],
    [
      JSON.stringify({ roles: [{ ...fine, name: 'b', template: 'x.md' }] }),
      /^roles\[0\]\.template: templates\/x\.md is missing/,
      'b',
    ],
    [JSON.stringify({ roles: [{ ...fine, name: 'b', model: '--x' }] }), /^roles\[0\]\.model must be/, 'b'],
  ];
  for (const [text, message, name = null] of broken) {
    it(`names what is wrong with ${text.slice(0, 70)}`, async (t) => {
      const place = new Place(t);
      place.write('maos/agents/registry.json', text);
      const problem = await place.problem();
      assert.match(problem.message, message);
      assert.deepEqual([problem.path, problem.name], ['maos/agents/registry.json', name]);
      const expected = text.includes('"name":"fine"') ? ['fine'] : [];
      assert.deepEqual(
        (await place.read()).roles.map((role) => role.name),
        expected,
      );
    });
  }

  it('names the template that is broken, or that nothing is known of', async (t) => {
    const place = new Place(t);
    place.registry({ name: 'a', description: 'x' });
    place.write('maos/agents/templates/a.md', '---\nno block\n---\n');
    assert.deepEqual(await place.problem(), {
      path: 'maos/agents/templates/a.md',
      name: 'a',
      message: "line 2: expected 'key: value'; a text of several lines must be indented, or quoted.",
    });
    place.registry();
    place.write('maos/agents/templates/a.md', 'Just a prompt.\n');
    assert.match((await place.problem()).message, /no entry in registry\.json/);
  });
});
