import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { givenOption, recordingClaude } from '../helpers/recording-claude.ts';
import { jsonLines, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Listed {
  readonly roles: readonly { readonly name: string; readonly path?: string; readonly source?: string }[];
  readonly shadowed: readonly { readonly name: string; readonly shadowed_by: string }[];
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

describe('roles that files define', () => {
  let maos: MaosFolder;
  let env: NodeJS.ProcessEnv;
  const agents = () => join(maos.project, '.claude/agents');
  const write = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  const given = (session: string, agent: string, option: string) => {
    const [project = ''] = readdirSync(join(maos.home, 'projects'));
    const folder = join(maos.home, 'projects', project, 'sessions', session, 'agents', agent, 'workspace');
    return givenOption(folder, option);
  };
  before(async () => {
    maos = await MaosFolder.make();
    env = { ...maos.env, MAOS_CLAUDE_PATH: recordingClaude(join(maos.project, 'bin')) };
    write(
      join(agents(), 'code-reviewer.md'),
      '---\nname: code-reviewer\ndescription: Reviews: everything\ntools: Read, Grep\nmodel: haiku\n---\n# You review\n',
    );
    write(join(agents(), 'tester.md'), '---\nname: tester\ndescription: Tests ours.\n---\n# You test ours\n');
    write(join(agents(), 'pm.md'), '---\nname: pm\n---\n');
    write(
      join(maos.home, 'agents/registry.json'),
      JSON.stringify({ roles: [{ name: 'scribe', description: 'Writes.', responsibilities: ['minutes'] }] }),
    );
    write(join(maos.home, 'agents/templates/scribe.md'), '# You write minutes\n');
    write(
      join(maos.project, 'claude-config/agents/tester.md'),
      '---\nname: tester\ndescription: Tests the world.\n---\n# You test the world\n',
    );
  });
  after(() => maos.remove());

  it('are listed with their files, and what is shadowed or broken', async () => {
    const { roles, shadowed, problems } = await maos.json<Listed & Record<string, unknown>>('roles');
    const file = (name: string) => join(agents(), name);
    assert.deepEqual(
      roles.flatMap(({ name, source, path }) => (source === undefined ? [] : [[name, source, path]])),
      [
        ['code_reviewer', 'project', file('code-reviewer.md')],
        ['tester', 'project', file('tester.md')],
        ['scribe', 'maos', join(maos.home, 'agents/registry.json')],
      ],
    );
    assert.equal(roles.length, 23);
    assert.deepEqual(
      shadowed.map(({ name, shadowed_by }) => [name, shadowed_by]),
      [
        ['tester', file('tester.md')],
        ['tester', file('tester.md')],
      ],
    );
    assert.deepEqual(
      problems.map(({ path }) => path),
      [file('pm.md')],
    );
    const { stdout, stderr } = await maos.run('roles');
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /^code_reviewer +30 min +2048 MB +\.claude\/agents\/code-reviewer\.md +Reviews: everything$/m,
    );
    assert.match(stdout, /^! tester: \.claude\/agents\/tester\.md overrides the predefined role\.$/m);
    assert.match(stdout, /^1 role file ignored:\n! \.claude\/agents\/pm\.md: it has no description/m);
  });

  it('are shown with their origin and all their agents are told', async () => {
    const { stdout } = await maos.run('roles', 'show', 'code-reviewer');
    const [facts = '', briefing = ''] = stdout.split('\n\n# Your role: ');
    assert.deepEqual(facts.split('\n'), [
      `From ${join(agents(), 'code-reviewer.md')}`,
      'For: Reviews: everything',
      'Model: haiku (claude)',
      'Only these tools: Read, Grep',
    ]);
    assert.match(briefing, /^Code reviewer\n\n# You review\n\n## Working in this team/);
    const shown = await maos.json('roles', 'show', 'scribe');
    assert.deepEqual([shown.name, shown.source, shown.responsibilities], ['scribe', 'maos', ['minutes']]);
    const broken = await maos.run('roles', 'show', 'pm');
    assert.equal(broken.status, 2);
    assert.match(broken.stderr, /Role "pm" cannot be used because its file ".*pm\.md" is broken: /);
  });

  it('are examined by doctor', async () => {
    const { stdout } = await maos.start(['doctor', '--json'], { env }).finished;
    const { checks, usable } = JSON.parse(stdout);
    assert.deepEqual(
      checks.filter((check: { name: string }) => check.name === 'roles'),
      [
        { name: 'roles', state: 'ok', detail: '20 predefined, 3 from files', fix: null },
        {
          name: 'roles',
          state: 'warning',
          detail: `${join(agents(), 'pm.md')} is ignored`,
          fix: "it has no description: add 'description: …' to its front matter, between the '---' lines.",
        },
      ],
    );
    assert.equal(
      usable,
      checks.every(({ state }: { state: string }) => state !== 'problem'),
    );
  });

  it('reach the system prompt of the agents that have them', async () => {
    const words = [
      'run',
      '--json',
      '-a',
      'code-reviewer=Review it.',
      '-a',
      'tester=Test it.',
      '-a',
      'scribe=Write.',
    ];
    const { status, stdout, stderr } = await maos.start(words, { env }).finished;
    assert.equal(status, 0, stderr);
    const started = jsonLines(stdout).filter(({ type }) => type === 'agent.started');
    const told = (name: string, option = '--append-system-prompt') => {
      const event = started.find(({ data }) => (data as { name: string }).name === name);
      return given(String(event?.session_id), String(event?.agent_id), option);
    };
    assert.match(told('code_reviewer') ?? '', /^# Your role: Code reviewer\n\n# You review\n/);
    assert.deepEqual(
      [told('code_reviewer', '--tools'), told('code_reviewer', '--model')],
      ['Read,Grep', 'haiku'],
    );
    assert.match(told('tester') ?? '', /# You test ours/, 'the nearest');
    assert.match(told('scribe') ?? '', /# You write minutes\n\n## You are responsible for\n\n- minutes\n/);
    const refused = await maos.start(['run', '-a', 'pm=Plan.'], { env }).finished;
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /pm\.md.* is broken/);
  });

  it('are as the session was made with, after kill -9 of MAOS and the loss of the file', async () => {
    const path = join(agents(), 'lost.md');
    write(path, '---\nname: lost\ndescription: Is lost.\n---\n# You are lost\n');
    const gate = new Gate(maos.project, 'lost');
    const plan = {
      objective: 'Outlive it.',
      on_exit: 'keep',
      agents: [
        { name: 'first', role: 'qa', task: 'Wait.', command: gate.wait },
        { role: 'lost', task: 'Go on.', depends_on: ['first'] },
      ],
    };
    const run = maos.start(['run', '--json', '-'], { input: JSON.stringify(plan), env });
    assert.ok(run.process.stdout);
    await lineFrom(run.process.stdout, /"agent.spawned"/);
    run.process.kill('SIGKILL');
    await run.finished;
    rmSync(path);
    gate.openNow();
    const {
      status,
      stdout: report,
      stderr,
    } = await maos.start(['wait', 'latest', '--json'], { env }).finished;
    assert.equal(status, 0, `${report}${stderr}`);
    const { session_id, agents: team } = await maos.json<{
      session_id: string;
      agents: { name: string; agent_id: string; state: string }[];
    }>('status', 'latest');
    const lost = team.find(({ name }) => name === 'lost');
    assert.equal(lost?.state, 'completed');
    assert.match(given(session_id, String(lost?.agent_id), '--append-system-prompt') ?? '', /# You are lost/);
  });
});
