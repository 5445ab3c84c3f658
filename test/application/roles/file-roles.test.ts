import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Agent } from '../../../src/domain/agent.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import type { ClaudeSettings } from '../../../src/infrastructure/backends/claude/settings.ts';
import { parseCheckpoint } from '../../../src/infrastructure/files/session/checkpoint-shape.ts';
import type { AgentJson } from '../../../src/presentation/contracts/plan-input.ts';
import { Gate } from '../../helpers/gate.ts';
import { type RealProject, realProject, run, settled, shell, start } from '../../helpers/real-project.ts';
import { givenOption, recordingClaude } from '../../helpers/recording-claude.ts';
import { settingsOf } from '../../infrastructure/backends/claude-settings.ts';

/** A MAOS of the project with a program in place of Claude Code that records its arguments. */
function withClaude(t: TestContext, at: RealProject, config: Partial<ClaudeSettings> = {}): RealProject {
  const path = recordingClaude(join(at.home, 'bin'));
  const backend = makeClaudeBackend({ config: settingsOf({ ...config, path }), env: process.env });
  const { home, root } = at;
  return realProject(t, { home, root, backends: [backend], settings: { defaultBackend: 'claude' } });
}

function writeRole(folder: string, name: string, head: string, body: string): string {
  const path = join(folder, `${name}.md`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `---\nname: ${name}\ndescription: Knows ${name}.\n${head}---\n${body}\n`);
  return path;
}

const ofProject = ({ root }: RealProject) => join(root, '.claude/agents');
const scribe: AgentJson = { role: 'scribe', task: 'Write.' };

function told(real: RealProject, agent: Agent, option: string): string | null {
  return givenOption(
    real.project.host.locations(real.project.store.summary(agent.sessionId).session, agent).workspace,
    option,
  );
}

describe('an agent of a role that a file defines', () => {
  it('is told what the file says, and how its team works', async (t) => {
    const real = withClaude(t, realProject(t));
    writeRole(ofProject(real), 'scribe', '', '# The scribe\n\nYou write what was said.');
    const { state, agent } = await run(real, [scribe]);
    assert.equal(state, 'completed');
    const briefing = told(real, agent('scribe'), '--append-system-prompt') ?? '';
    assert.match(
      briefing,
      /^# Your role: Scribe\n\n# The scribe\n\nYou write what was said\.\n\n## Working in this team\n/,
    );
    assert.doesNotMatch(briefing, /Knows scribe/, 'that is for whoever chooses a role');
    assert.equal(told(real, agent('scribe'), '--tools'), null);
    assert.equal(told(real, agent('scribe'), '--model'), null);
  });

  it('has its description and responsibilities in the environment', async (t) => {
    const real = realProject(t);
    const folder = join(real.home, 'agents');
    mkdirSync(folder, { recursive: true });
    const role = { name: 'scribe', description: 'Writes minutes.', responsibilities: ['minutes', 'agendas'] };
    const limits = { default_timeout_minutes: 7, default_max_memory_mb: 300 };
    writeFileSync(join(folder, 'registry.json'), JSON.stringify({ roles: [{ ...role, ...limits }] }));
    const command = 'echo "$MAOS_AGENT_ROLE|$MAOS_AGENT_ROLE_DESC|$MAOS_AGENT_ROLE_RESPONSIBILITIES"';
    const { agent } = await run(real, [{ ...scribe, command }]);
    const { result, timeoutMs, maxMemoryMb, backend } = agent('scribe');
    assert.equal(result, 'scribe|Writes minutes.|minutes\nagendas');
    assert.deepEqual([timeoutMs, maxMemoryMb, backend], [420_000, 300, 'command']);
  });

  it('has the model of the file, unless the plan names one', async (t) => {
    const real = withClaude(t, realProject(t), { model: 'configured' });
    writeRole(ofProject(real), 'scribe', 'model: haiku\n', 'Write.');
    writeRole(ofProject(real), 'poet', 'model: inherit\n', 'Rhyme.');
    const { agent } = await run(real, [
      { ...scribe, name: 'of-file' },
      { ...scribe, name: 'of-plan', model: 'opus' },
      { role: 'poet', task: 'Write.' },
      { ...scribe, name: 'other', command: 'true' },
    ]);
    assert.equal(told(real, agent('of-file'), '--model'), 'haiku');
    assert.equal(told(real, agent('of-plan'), '--model'), 'opus');
    assert.equal(told(real, agent('poet'), '--model'), 'configured');
    assert.equal(agent('other').model, null, "Claude Code's name for a model is nothing to another program");
  });

  it('has no more tools than the file leaves it, and no permission from it', async (t) => {
    const real = withClaude(t, realProject(t), { allowedTools: ['Read'] });
    const head =
      'tools: Read, Bash(git log:*), Bash(ls)\ndisallowedTools: WebFetch\npermissionMode: bypassPermissions\n';
    writeRole(ofProject(real), 'scribe', head, 'Write.');
    const { agent } = await run(real, [scribe]);
    const option = (name: string) => told(real, agent('scribe'), name);
    assert.equal(option('--tools'), 'Read,Bash');
    assert.equal(option('--disallowedTools'), 'WebFetch');
    assert.equal(option('--allowedTools'), 'Read', "the user's");
    assert.equal(option('--permission-mode'), 'acceptEdits', "the user's");
  });

  it("cannot add to the user's own list of tools", async (t) => {
    for (const extraArgs of [['--tools', 'Read'], ['--tools=Read'], ['--restricted']]) {
      const real = withClaude(t, realProject(t), { extraArgs });
      writeRole(ofProject(real), 'scribe', 'tools: Bash\ndisallowedTools: Write\n', 'Write.');
      const { agent } = await run(real, [scribe]);
      assert.notEqual(told(real, agent('scribe'), '--tools'), 'Bash');
      assert.equal(told(real, agent('scribe'), '--disallowedTools'), 'Write');
    }
  });

  it('is the nearest of its name, before a predefined one, and the plan is nearer still', async (t) => {
    const real = withClaude(t, realProject(t));
    writeRole(ofProject(real), 'reviewer', '', 'You are the reviewer of this project.');
    writeRole(join(real.home, '.claude/agents'), 'reviewer', '', 'You are the reviewer of this user.');
    writeRole(ofProject(real), 'scribe', '', 'You are the scribe of this project.');
    const { agent } = await run(real, [
      { role: 'reviewer', task: 'Review.' },
      { role: { name: 'scribe', description: 'Of this plan.' }, task: 'Write.' },
    ]);
    assert.match(told(real, agent('reviewer'), '--append-system-prompt') ?? '', /reviewer of this project/);
    assert.match(told(real, agent('scribe'), '--append-system-prompt') ?? '', /Of this plan/);
    assert.equal(agent('scribe').role.custom?.file, undefined);
  });

  it('may be asked for by the name in the file, also in depends_on', async (t) => {
    const real = withClaude(t, realProject(t));
    writeRole(ofProject(real), 'code-scribe', '', 'Write.');
    const { agent } = await run(real, [
      { role: 'code-scribe', task: 'Write.' },
      shell('after', 'true', { depends_on: ['code-scribe'] }),
    ]);
    assert.deepEqual(agent('after').dependsOn, [agent('code_scribe').id]);
  });

  it('is refused with the reason when its file is broken; others run, and the log tells', async (t) => {
    const real = withClaude(t, realProject(t));
    const path = join(ofProject(real), 'scribe.md');
    mkdirSync(ofProject(real), { recursive: true });
    writeFileSync(path, '---\nname: scribe\n---\nWrite.\n');
    await assert.rejects(start(real, [scribe]), {
      code: 'INVALID_ROLE',
      message: `Role "scribe" cannot be used because its file "${path}" is broken: it has no description: add 'description: …' to its front matter, between the '---' lines.`,
    });
    assert.equal((await run(real, [{ role: 'tester', task: 'Test.' }])).state, 'completed');
    assert.ok(real.logged.includes('warn a role file is ignored'), real.logged.join('\n'));
  });

  it('stays what it was when the file is gone and another MAOS runs it', async (t) => {
    const place = realProject(t);
    const first = withClaude(t, place);
    const path = writeRole(
      ofProject(place),
      'scribe',
      'tools: Read\nmodel: haiku\n',
      'You are the first scribe.',
    );
    const gate = new Gate(place.root, 'go');
    const id = await start(first, [shell('before', gate.wait), { ...scribe, depends_on: ['before'] }]);
    await first.supervisor.releaseAll();
    rmSync(path);

    const second = withClaude(t, place);
    assert.equal(await second.supervisor.takeOver(id), true);
    gate.openNow();
    const { state, agent } = await settled(second, id);
    assert.equal(state, 'completed');
    assert.match(told(second, agent('scribe'), '--append-system-prompt') ?? '', /You are the first scribe/);
    assert.equal(told(second, agent('scribe'), '--tools'), 'Read');
    assert.equal(told(second, agent('scribe'), '--model'), 'haiku');

    const folder = join(second.files.describe(id), 'checkpoints');
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    assert.notEqual(files.length, 0);
    for (const file of files) {
      const { workflow } = parseCheckpoint(readFileSync(join(folder, file), 'utf8'), file);
      assert.deepEqual(
        workflow.agents.at(-1)?.role,
        agent('scribe').role,
        'a lost store can be made from it',
      );
    }
  });
});
