/** What the command line of the official Inspector asks of a MAOS: every tool, resource and prompt there is. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { registry } from '../../src/presentation/mcp/server/registry.ts';
import { isTemplate, matchUri, type Resource } from '../../src/presentation/mcp/server/resource.ts';
import { clientEnv, installInspector } from './mcp-clients.ts';
import { makeWorkplace, maosProgram, type Workplace } from './workplace.ts';

type Json = Readonly<Record<string, unknown>>;

/** What there is to ask about. */
interface Made {
  /** A session that was run from the Inspector to its end. */
  session: string;
  /** One of its agents. */
  agent: string;
  /** A session that goes on until it is cancelled. */
  endless: string;
  /** An ended session with an agent in a worktree. */
  landable: string;
}

/** A MAOS the Inspector is pointed at. */
interface Target {
  /** The arguments that say where it is. */
  readonly args: readonly string[];
  /** Once nobody asks it any more. */
  end(): Promise<void>;
}

/** It outlives its server, which the Inspector ends after every call if it has started it. */
const team = {
  objective: 'Check the release.',
  on_exit: 'keep',
  agents: [
    {
      name: 'look',
      role: { name: 'release_checker', description: 'Looks at releases.' },
      task: 'Leave a note.',
      command: 'echo fine >"$MAOS_SHARED_CONTEXT/note.md"; echo looked',
    },
    { name: 'report', role: 'documenter', task: 'Report.', command: 'echo ready', depends_on: ['look'] },
  ],
};
const allowCommands = team.agents.map(({ command }) => command);

/** What each tool is called with. */
const argumentsFor: Readonly<Record<string, (made: Made) => Json>> = {
  orchestrate: () => team,
  'wait-session': ({ session }) => ({ session_id: session, timeout_seconds: 50 }),
  'session-status': ({ session }) => ({ session_id: session, include_events: true }),
  'agent-output': ({ agent }) => ({ agent_id: agent, tail_lines: 10 }),
  'control-session': ({ endless }) => ({ session_id: endless, action: 'cancel' }),
  'send-message': ({ endless }) => ({ session_id: endless, to: 'clock', body: 'Is it late?' }),
  'land-session': ({ landable }) => ({ session_id: landable, dry_run: true }),
  respond: () => ({ request_id: 'latest', answer: '8081' }),
  'list-sessions': () => ({ state: 'completed', limit: 1 }),
  'list-roles': ({ session }) => ({ session_id: session, include_predefined: true }),
};

/** Asks for everything, over the transport `findTarget` has chosen, and holds each answer against the registry. */
export async function inspectEverything(
  t: TestContext,
  findTarget: (workplace: Workplace) => Promise<Target>,
): Promise<void> {
  const inspector = await installInspector();
  const workplace = await makeWorkplace(t, { env: clientEnv, settings: { allowCommands } });
  const target = await findTarget(workplace);

  /** The result of a method; neither the Inspector nor the server may have anything to say beside it. */
  async function inspect(method: string, ...options: readonly string[]): Promise<Json> {
    const args = [
      ...target.args,
      '--connect-timeout',
      '0',
      '--format',
      'json',
      '--method',
      method,
      ...options,
    ];
    // Not --quiet: that would hide warnings, and what the server writes to stderr.
    const run = await workplace.start(process.execPath, [inspector, '--cli', ...args]).ended;
    assert.deepEqual([run.status, run.stderr], [0, ''], `${method} ${options.join(' ')}: ${run.stdout}`);
    const { result, ...remarks } = JSON.parse(run.stdout);
    assert.deepEqual(remarks, {});
    return result;
  }

  const made: Made = { session: '', agent: '', endless: '', landable: '' };
  const called = new Set<string>();

  /** The structured answer of a tool, which the Inspector holds against the tool's output schema. */
  async function call(name: string): Promise<Json> {
    called.add(name);
    const args = argumentsFor[name]?.(made) ?? assert.fail(`there are no arguments for ${name}: add some`);
    const { structuredContent } = await inspect(
      'tools/call',
      '--tool-name',
      name,
      '--tool-args-json',
      JSON.stringify(args),
    );
    return structuredContent as Json;
  }

  // One server starts the team, another waits for it, and a third process runs the session without end.
  const { session_id } = await call('orchestrate');
  made.session = String(session_id);
  const ended = await call('wait-session');
  assert.deepEqual([ended.state, ended.files], ['completed', ['shared/context/note.md']]);
  const members = ended.agents as { readonly name: string; readonly agent_id: string }[];
  made.agent = members.find(({ name }) => name === 'look')?.agent_id ?? assert.fail('nobody looked');
  made.landable = await runInWorktree(workplace);
  const asks = `clock="${process.execPath}" "${maosProgram}" ask "Which port?"; sleep 1000`;
  const run = await workplace.maos('run', 'Run on.', '--exec', asks, '--detach', '--json');
  assert.equal(run.status, 0, run.stderr);
  made.endless = JSON.parse(run.stdout).session_id;
  const asked = await workplace.maos('requests', '--wait', '--json');
  assert.equal(asked.status, 0, asked.stderr);
  // Before the session is cancelled.
  const { summary } = await call('respond');
  assert.match(String(summary), /8081|answered/i);
  const { messages } = await call('send-message');
  assert.equal((messages as Json[]).length, 1);

  const listed = (await inspect('resources/list')).resources as readonly {
    readonly uri: string;
    readonly mimeType?: string;
  }[];
  const listedAs = (resource: Resource) => listed.filter(({ uri }) => matchUri(resource, uri) !== null);

  await Promise.all([
    t.test('initialize', async () => {
      const { protocolVersion, serverInfo, capabilities } = await inspect('initialize');
      assert.deepEqual([protocolVersion, (serverInfo as Json).name], ['2025-11-25', 'maos']);
      assert.deepEqual(Object.keys(capabilities as Json).sort(), [
        'completions',
        'logging',
        'prompts',
        'resources',
        'tools',
      ]);
    }),
    t.test('initialize, in the newest version that both speak', async () => {
      const { protocolVersion } = await inspect('initialize', '--protocol-era', 'auto');
      assert.equal(protocolVersion, target.args.includes('sse') ? '2025-11-25' : '2026-07-28');
    }),
    t.test('tools/list, told to speak either version', async () => {
      const choices = target.args.includes('sse') ? ['legacy'] : ['legacy', 'modern'];
      for (const era of choices) {
        const { tools } = await inspect('tools/list', '--protocol-era', era);
        assert.deepEqual(namesIn(tools), namesIn(registry.tools), era);
      }
    }),
    t.test('logging/setLevel', async () => {
      assert.deepEqual(await inspect('logging/setLevel', '--log-level', 'debug'), {});
    }),
    t.test('tools/list: every schema is understood by every client', async () => {
      const { tools } = await inspect('tools/list', '--strict');
      assert.deepEqual(namesIn(tools), namesIn(registry.tools));
    }),
    ...registry.tools
      .filter(({ name }) => !called.has(name))
      .map(({ name }) => t.test(`tools/call: ${name}`, () => call(name).then(assert.ok))),
    t.test('resources/list: every session, agent and file', () => {
      const counts = registry.resources.map((resource) => [resource.name, listedAs(resource).length]);
      assert.deepEqual(Object.fromEntries(counts), {
        roles: 1,
        sessions: 1,
        'session-status': 3,
        'session-events': 3,
        'session-evidence': 3,
        'agent-output': 4,
        artifact: 1,
      });
    }),
    t.test('resources/templates/list', async () => {
      const { resourceTemplates } = await inspect('resources/templates/list');
      assert.deepEqual(namesIn(resourceTemplates), namesIn(registry.resources.filter(isTemplate)));
    }),
    ...registry.resources.map((resource) =>
      t.test(`resources/read: ${resource.name}`, async () => {
        const { uri, mimeType } = listedAs(resource).at(-1) ?? assert.fail('there is none in resources/list');
        const [contents, ...more] = (await inspect('resources/read', '--uri', uri)).contents as Json[];
        assert.deepEqual([contents?.uri, more], [uri, []]);
        assert.ok(contents?.text, 'there is nothing in it');
        if (mimeType !== undefined) assert.equal(contents?.mimeType, mimeType);
      }),
    ),
    t.test('prompts/list', async () => {
      const { prompts } = await inspect('prompts/list');
      assert.deepEqual(namesIn(prompts), namesIn(registry.prompts));
    }),
    ...registry.prompts.map(({ name, arguments: parameters }) =>
      t.test(`prompts/get: ${name}`, async () => {
        const values = parameters.map((parameter) => `one ${parameter.name}`);
        const pairs = parameters.map((parameter, index) => `${parameter.name}=${values[index]}`);
        const { messages } = await inspect('prompts/get', '--prompt-name', name, '--prompt-args', ...pairs);
        const text = JSON.stringify(messages);
        for (const value of values) assert.ok(text.includes(value), `${value} is not in ${text}`);
      }),
    ),
  ]);

  const { state } = JSON.parse((await workplace.maos('status', made.endless, '--json')).stdout);
  assert.equal(state, 'cancelled');
  await target.end();
  await workplace.nothingLeft();
}

async function runInWorktree(workplace: Workplace): Promise<string> {
  const author = ['-c', 'user.name=You', '-c', 'user.email=you@example.org'];
  for (const args of [
    ['init', '-q'],
    [...author, 'commit', '-q', '--allow-empty', '-m', 'First'],
  ]) {
    execFileSync('git', args, { cwd: workplace.project });
  }
  const plan = {
    objective: 'Change nothing.',
    agents: [{ role: 'documenter', task: 'Change nothing.', command: ['true'], workspace: 'worktree' }],
  };
  await writeFile(join(workplace.project, 'plan.json'), JSON.stringify(plan));
  const run = await workplace.maos('run', 'plan.json', '--json');
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '').session_id;
}

function namesIn(items: unknown): readonly string[] {
  return (items as readonly { readonly name: string }[]).map(({ name }) => name);
}
