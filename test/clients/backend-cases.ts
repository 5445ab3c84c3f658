/**
 * What MAOS makes of a real agent CLI in every case that matters, the same for all of them: the CLI as it comes from npm, a
 * scripted model, no account. Each case looks at what is stored in the end, and at what the model was asked.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { findPredefinedRole } from '../../src/domain/roles/catalog.ts';
import { roleBriefing } from '../../src/domain/roles/role.ts';
import { predefinedRoles } from '../../src/infrastructure/files/roles/predefined-roles.ts';
import { storedAgents } from './stored-agents.ts';
import {
  type Ended,
  makeMoment,
  makeWorkplace,
  type Running,
  readJsonLines,
  type Workplace,
} from './workplace.ts';

/** One request of the CLI to its model, whatever the API. Requests for titles and the like are not among them. */
export interface Asked {
  /** All that it holds, as text: instructions, messages, outputs of tools. */
  readonly text: string;
  /** How often the model has asked for a command in this conversation. */
  readonly commands: number;
  /** Names of the tools that it may call. */
  readonly tools: readonly string[];
}

/** What the model says. */
export type Said =
  | { readonly text: string }
  /** The CLI's own tool that runs a command of the shell. */
  | { readonly command: string }
  /** One of the tools offered. */
  | { readonly calls: string; readonly arguments: Readonly<Record<string, unknown>> }
  /** Nothing more comes. */
  | { readonly hang: true }
  | { readonly refuses: Refusal; readonly retryAfterSeconds?: number };

/** What a provider answers, each in its API's own words: 401, 429, and 404 or 400. */
export type Refusal = 'wrong key' | 'rate limit' | 'unknown model';

/** For every answer that is text or a command. */
export const usageOfAnswer = { inputTokens: 100, outputTokens: 20 };

export interface BackendModel {
  readonly url: string;
  close(): Promise<void>;
}

/** One real CLI. */
export interface BackendDriver {
  /** Its backend's name. */
  readonly name: string;
  /** The variable that says where it is: MAOS_CODEX_PATH. */
  readonly pathVariable: string;
  /** @returns path of its executable */
  install(): Promise<string>;
  /** A model that speaks the API of this CLI. */
  startModel(respond: (asked: Asked) => Said | Promise<Said>): Promise<BackendModel>;
  /** The whole environment, but for MAOS's own variables: signed in, and led to the model. */
  env(home: string, modelUrl: string): Readonly<Record<string, string>>;
  /** Writes into the home what cannot be said by variables. */
  setUp?(home: string, modelUrl: string): Promise<void>;
  /** More for `backends.<name>` of the settings. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** All of `backends` of the settings, where the backend is not set up under its name there. */
  readonly backends?: Readonly<Record<string, unknown>>;
  /** As the option of a workplace. */
  readonly guardedHome?: true;
  /** For a CLI that tells no tokens. */
  readonly countsTokens?: false;
  /** The model's name that the settings give where there has to be one. */
  readonly model?: string;
  /** What of the list a CLI cannot do, with the reason. */
  readonly skips?: Readonly<Partial<Record<CaseName, string>>>;
}

export type CaseName =
  | 'result'
  | 'tool'
  | 'team server'
  | 'no team server'
  | 'resume'
  | 'cancel'
  | 'adoption'
  | 'rate limit'
  | 'rate limit for long'
  | 'wrong key'
  | 'unknown model'
  | 'long task'
  | 'hanging start'
  | 'children';

export interface BackendBench extends Workplace {
  readonly asked: readonly Asked[];
  /** `maos run` with one agent that has this task. */
  run(task: string, ...options: readonly string[]): Running;
  /** The only agent of the last session, and that session's state. */
  agent(): Promise<OnlyAgent>;
}

type OnlyAgent = Awaited<ReturnType<Workplace['status']>>['agents'][number] & {
  readonly session: string;
  readonly conversation: string | null;
};

interface BenchOptions {
  respond(asked: Asked, index: number): Said | Promise<Said>;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A script of the shell that stands for the CLI; it finds the CLI's path in `$REAL_CLI`. */
  readonly script?: string;
}

/** A workplace where agents run on this CLI. */
export async function makeBackendBench(
  t: TestContext,
  driver: BackendDriver,
  { respond, settings, script }: BenchOptions,
): Promise<BackendBench> {
  const program = await driver.install();
  const asked: Asked[] = [];
  const model = await driver.startModel((request) => respond(request, asked.push(request) - 1));
  t.after(model.close);
  const workplace = await makeWorkplace(t, {
    guardedHome: driver.guardedHome,
    settings: {
      backend: driver.name,
      // The first refusal is the last word: nothing is to be waited for.
      quota: { maxRetries: 0, refusedSeconds: 2 },
      ...settings,
      backends: driver.backends ?? {
        [driver.name]: { ...(driver.model === undefined ? {} : { model: driver.model }), ...driver.settings },
      },
    },
    env: (home) => ({
      ...driver.env(home, model.url),
      REAL_CLI: program,
      [driver.pathVariable]: script === undefined ? program : join(home, 'stand-in'),
      MAOS_LOG: 'trace',
    }),
  });
  if (script !== undefined) {
    // What MAOS asks of a CLI beside running an agent is answered by itself.
    const asides = 'case "$1" in --version | mcp) exec "$REAL_CLI" "$@" ;; esac';
    await writeFile(join(workplace.home, 'stand-in'), `#!/bin/sh\n${asides}\n${script}\n`, { mode: 0o755 });
  }
  await driver.setUp?.(workplace.home, model.url);
  return {
    ...workplace,
    asked,
    run: (task, ...options) =>
      workplace.startMaos('run', 'Do it.', '--agent', `analyst=${task}`, '--json', ...options),
    async agent() {
      const { state, agents } = await workplace.status();
      const [agent, ...others] = agents;
      assert.ok(agent !== undefined && others.length === 0, `${agents.length} agents`);
      const stored = storedAgents(workplace).find(({ id }) => id === agent.agent_id);
      return { session: state, ...agent, conversation: stored?.conversation ?? null };
    },
  };
}

const task = 'Say Grüße to 世界 🎉.';
const result = 'Grüße, 世界 🎉!';
const briefing = roleBriefing(
  findPredefinedRole('analyst', predefinedRoles()) ?? assert.fail('no role'),
).trim();

/** The whole list, or some of it. What stands between the tests of one CLI is only the machine: they run two at a time. */
export function backendCases(
  driver: BackendDriver,
  some: readonly CaseName[] = Object.keys(cases) as CaseName[],
): void {
  suite(driver.name, { concurrency: 2 }, () => {
    for (const name of some) {
      const [title, run] = cases[name];
      test(title, { skip: driver.skips?.[name] ?? false }, (t) => run(t, driver));
    }
  });
}

type Case = readonly [title: string, run: (t: TestContext, driver: BackendDriver) => Promise<void>];

const cases: Readonly<Record<CaseName, Case>> = {
  result: [
    'a result: with its usage and conversation, and the model was told role and task',
    async (t, driver) => {
      const bench = await makeBackendBench(t, driver, { respond: () => ({ text: result }) });
      await completes(bench, bench.run(task));
      const agent = await bench.agent();
      assert.deepEqual(
        [agent.session, agent.state, agent.result, agent.attempt],
        ['completed', 'completed', result, 1],
      );
      assert.match(agent.conversation ?? '', /^[A-Za-z0-9][\w-]{7,}$/);
      if (driver.countsTokens !== false) {
        const { input_tokens, output_tokens } = agent.usage ?? assert.fail('no usage');
        assert.deepEqual(
          [input_tokens, output_tokens],
          [usageOfAnswer.inputTokens, usageOfAnswer.outputTokens],
        );
      }
      const [first] = bench.asked;
      assert.ok(first !== undefined, 'the model was not asked');
      assert.ok(first.text.includes(task), 'the task did not reach the model as it was given');
      assert.ok(first.text.includes(briefing), 'the model was not told its role');
      const { stdout } = await bench.maos('logs', 'latest');
      assert.ok(stdout.includes(result), stdout);
      await bench.nothingLeft();
    },
  ],
  tool: [
    'a command of its model: run in the project, where shared context can be written, and told',
    async (t, driver) => {
      const command = 'pwd > where.txt && echo shared > "$MAOS_SHARED_CONTEXT/note.md" && echo made-it';
      let output = '';
      const bench = await makeBackendBench(t, driver, {
        respond({ commands, text }) {
          if (commands === 0) return { command };
          output = text;
          return { text: 'It is written.' };
        },
      });
      await completes(bench, bench.run('Write it.'));
      assert.match(output, /made-it/);
      assert.equal(readFileSync(join(bench.project, 'where.txt'), 'utf8').trim(), bench.project);
      assert.deepEqual(
        (await bench.status()).artifacts.map(({ path }) => path),
        ['shared/context/note.md'],
      );
      const { stdout } = await bench.maos('logs', 'latest');
      assert.match(stdout, /> .*pwd > where\.txt/);
      await bench.nothingLeft();
    },
  ],
  'team server': [
    'the server of its team, and no other: offered to the model, called, with a message, and gone with the agent',
    async (t, driver) => {
      const offered: string[] = [];
      let output = '';
      let isSent = false;
      const bench = await makeBackendBench(t, driver, {
        async respond({ commands, text, tools }) {
          if (commands > 0) {
            output = text;
            return { text: result };
          }
          if (!isSent) {
            isSent = true;
            const { status, stderr } = await bench.maos('message', 'send', 'latest', 'analyst', 'Port 81.');
            assert.equal(status, 0, stderr);
          }
          offered.push(...tools.filter((name) => /maos/i.test(name)));
          const report = offered.find((name) => name.endsWith('report')) ?? assert.fail(`only ${tools}`);
          return { calls: report, arguments: { text: 'Half of it is there.', progress: 50 } };
        },
      });
      await completes(bench, bench.run(task));
      assert.match(output, /Reported\./);
      assert.equal(output.split('> Port 81.').length, 2, 'the message is not there once');
      const { messages } = JSON.parse((await bench.maos('message', 'list', 'latest', '--json')).stdout);
      assert.deepEqual(
        messages.map(({ state }: { state: string }) => state),
        ['delivered'],
        'its output does not show the message',
      );
      const reports = await eventsOf(bench, 'agent.reported');
      assert.deepEqual(
        reports.map(({ data }) => data),
        [{ name: 'analyst', text: 'Half of it is there.', progress: 50 }],
      );
      assert.ok(
        offered.some((name) => name.endsWith('team')),
        offered.join(', '),
      );
      const agent = await bench.agent();
      assert.deepEqual([agent.state, agent.result], ['completed', result]);
      await bench.nothingLeft();
      for (const { data } of await eventsOf(bench, 'agent.stopped')) {
        // A CLI may end before the server that it has asked to end; MAOS then asks it once more.
        assert.deepEqual(
          [data.signals, data.survivors],
          [['SIGTERM'], 0],
          'more than the server was left behind',
        );
        for (const line of data.processes as readonly string[]) assert.match(line, /\bmaos\S* agent\b/);
      }
      const written = filesBelow(bench.maosHome).filter((file) =>
        /maos_agent_[\w-]{40}/.test(readFileSync(file, 'latin1')),
      );
      assert.deepEqual(written, [], 'the token stands in a file');
    },
  ],
  'no team server': [
    'a server of its team that does not start: the agent works without',
    async (t, driver) => {
      const offered: string[] = [];
      const bench = await makeBackendBench(t, driver, {
        respond({ tools }) {
          offered.push(...tools);
          return { text: result };
        },
        script: withoutTeamServer,
      });
      await completes(bench, bench.run(task));
      const agent = await bench.agent();
      assert.deepEqual([agent.state, agent.result], ['completed', result]);
      assert.deepEqual(
        offered.filter((name) => /maos/i.test(name)),
        [],
        'the server has started',
      );
      await bench.nothingLeft();
    },
  ],
  resume: [
    'a pause in the middle of a call, and a resume in the same conversation',
    async (t, driver) => {
      const begun = makeMoment('the first request');
      const bench = await makeBackendBench(t, driver, {
        respond(_asked, index) {
          begun.arrive();
          return index === 0 ? { hang: true } : { text: result };
        },
      });
      const run = bench.run(task);
      await begun.came;
      // A CLI may ask its model before it prints its first line, which names the conversation.
      await until(bench, 'the first line', async () => {
        const { agent_id: id } = await bench.agent();
        return (await bench.maos('logs', id, '--raw', '--stream', 'stdout')).stdout !== '';
      });
      const pause = await bench.maos('pause', 'latest', '--json');
      assert.equal(pause.status, 0, pause.stderr);
      await run.ended;
      await bench.nothingLeft();
      const paused = await bench.agent();
      assert.deepEqual([paused.session, paused.state, paused.attempt], ['paused', 'resumable', 1]);
      assert.equal(bench.asked.length, 1, 'nothing is asked while it is paused');
      await completes(bench, bench.startMaos('resume', 'latest', '--json'));
      const agent = await bench.agent();
      assert.deepEqual(
        [agent.session, agent.state, agent.result, agent.attempt],
        ['completed', 'completed', result, 2],
      );
      assert.ok(paused.conversation !== null);
      assert.equal(agent.conversation, paused.conversation);
      assert.ok(bench.asked.at(-1)?.text.includes(task), 'it does not go on from its first prompt');
    },
  ],
  cancel: [
    'a cancel in the middle of a call: nothing of it is left',
    async (t, driver) => {
      const begun = makeMoment('the first request');
      const bench = await makeBackendBench(t, driver, {
        respond() {
          begun.arrive();
          return { hang: true };
        },
      });
      const run = bench.run(task);
      await begun.came;
      const cancel = await bench.maos('cancel', 'latest', '--json');
      assert.equal(cancel.status, 0, `${cancel.stdout}\n${cancel.stderr}`);
      assert.equal(JSON.parse(cancel.stdout).survivors, 0);
      await run.ended;
      await bench.nothingLeft();
      const agent = await bench.agent();
      assert.deepEqual([agent.session, agent.state], ['cancelled', 'cancelled']);
    },
  ],
  adoption: [
    'kill -9 of MAOS in the middle: the next one adopts the agent, which ends as if nothing had happened',
    async (t, driver) => {
      const begun = makeMoment('the first request');
      const goOn = makeMoment('the new owner', 120_000);
      const bench = await makeBackendBench(t, driver, {
        async respond() {
          begun.arrive();
          await goOn.came;
          return { text: result };
        },
      });
      const run = bench.run(task);
      await begun.came;
      run.child.kill('SIGKILL');
      await run.ended;
      const next = bench.startMaos('serve', '--http', '0', '--no-stdio');
      await until(bench, 'taken over', async () => (await eventsOf(bench, 'session.taken_over')).length > 0);
      goOn.arrive();
      await until(bench, 'over', async () => (await bench.agent()).session !== 'running');
      const agent = await bench.agent();
      assert.deepEqual(
        [agent.session, agent.state, agent.result, agent.attempt],
        ['completed', 'completed', result, 1],
      );
      assert.equal((await eventsOf(bench, 'agent.started')).length, 1);
      assert.equal(bench.asked.length, 1);
      next.child.kill('SIGTERM');
      await next.ended;
      await bench.nothingLeft();
    },
  ],
  'rate limit': [
    'a provider that refuses without a time (429): the session pauses for its quota',
    (t, driver) => pausesForQuota(t, driver, { refuses: 'rate limit' }),
  ],
  'rate limit for long': [
    'a provider that refuses for two hours (429 with Retry-After): the CLI is not left to wait for it',
    (t, driver) => pausesForQuota(t, driver, { refuses: 'rate limit', retryAfterSeconds: 7_200 }),
  ],
  'wrong key': [
    'a wrong key (401): auth_required with what to do, and exit status 6',
    async (t, driver) => {
      const { ended, agent } = await fails(t, driver, { respond: () => ({ refuses: 'wrong key' }) });
      assert.equal(agent.failure?.kind, 'auth_required', JSON.stringify(agent.failure));
      assert.equal(ended.status, 6, ended.stderr);
      assert.match(agent.failure.message, /try again\.$/);
    },
  ],
  'unknown model': [
    'a model that is not there: model_unavailable, with its name',
    async (t, driver) => {
      const { agent } = await fails(t, driver, { respond: () => ({ refuses: 'unknown model' }) });
      assert.equal(agent.failure?.kind, 'model_unavailable', JSON.stringify(agent.failure));
    },
  ],
  'long task': [
    'a task of 1 MB: all of it reaches the model',
    async (t, driver) => {
      const words = `${'All work and no play. '.repeat(45_450)}THE END`;
      assert.ok(words.length > 999_000 && words.length <= 1_000_000, `${words.length} characters`);
      const bench = await makeBackendBench(t, driver, { respond: () => ({ text: result }) });
      const plan = { objective: 'Read.', agents: [{ name: 'reader', role: 'analyst', task: words }] };
      await writeFile(join(bench.project, 'plan.json'), JSON.stringify(plan));
      await completes(bench, bench.startMaos('run', 'plan.json', '--json'));
      assert.ok(bench.asked[0]?.text.includes(words), 'not all of the task reached the model');
      assert.equal((await bench.agent()).result, result);
    },
  ],
  'hanging start': [
    'a CLI that hangs at its start: stopped at its time limit',
    async (t, driver) => {
      const { agent } = await fails(
        t,
        driver,
        { respond: () => ({ text: result }), script: 'exec sleep 1000' },
        '--timeout-minutes',
        '0.05',
      );
      assert.equal(agent.failure?.kind, 'timeout', JSON.stringify(agent.failure));
    },
  ],
  children: [
    'a CLI that leaves processes behind: they are ended, and its result stands',
    async (t, driver) => {
      const bench = await makeBackendBench(t, driver, {
        respond: () => ({ text: result }),
        settings: { limits: { afterResultMinutes: 0.02 } },
        script: 'sleep 1000 </dev/null >/dev/null 2>&1 &\nsleep 1000 </dev/null &\nexec "$REAL_CLI" "$@"',
      });
      await completes(bench, bench.run(task));
      const agent = await bench.agent();
      assert.deepEqual([agent.state, agent.result], ['completed', result]);
      await bench.nothingLeft();
    },
  ],
};

/** Changes what the CLI is told of the server wherever that stands: arguments, settings, variables. */
const withoutTeamServer = [
  'spoil() { sed "s#/bin/maos[.]js#/bin/none.js#g"; }',
  'for word in "$@"; do set -- "$@" "$(printf %s "$word" | spoil)"; shift; done',
  'for file in "$GEMINI_CLI_SYSTEM_DEFAULTS_PATH" "$QWEN_CODE_SYSTEM_DEFAULTS_PATH"; do',
  '  [ ! -f "$file" ] || { spoil <"$file" >"$file.spoilt" && mv "$file.spoilt" "$file"; }',
  'done',
  'OPENCODE_CONFIG_CONTENT="$(printf %s "$OPENCODE_CONFIG_CONTENT" | spoil)"',
  'export OPENCODE_CONFIG_CONTENT',
  'exec "$REAL_CLI" "$@"',
].join('\n');

function filesBelow(folder: string): readonly string[] {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** @param said the answer to every request */
async function pausesForQuota(t: TestContext, driver: BackendDriver, said: Said): Promise<void> {
  const bench = await makeBackendBench(t, driver, { respond: () => said });
  const run = await bench.run(task).ended;
  assert.equal(run.status, 7, `${run.stdout}\n${run.stderr}`);
  const agent = await bench.agent();
  assert.deepEqual([agent.session, agent.state], ['paused', 'resumable'], JSON.stringify(agent.failure));
  const { stdout } = await bench.maos('status', 'latest', '--json');
  assert.equal(JSON.parse(stdout).pause_reason, 'quota');
  await bench.nothingLeft();
}

/** Runs an agent that cannot do its work. */
async function fails(
  t: TestContext,
  driver: BackendDriver,
  options: BenchOptions,
  ...more: readonly string[]
): Promise<{ readonly ended: Ended; readonly agent: OnlyAgent }> {
  const bench = await makeBackendBench(t, driver, options);
  const ended = await bench.run(task, ...more).ended;
  const agent = await bench.agent();
  assert.deepEqual([agent.session, agent.state], ['failed', 'failed'], ended.stdout);
  await bench.nothingLeft();
  return { ended, agent };
}

async function completes(bench: Workplace, { ended }: Running): Promise<void> {
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 0, `${stdout}\n${stderr}\n${(await bench.maos('logs', 'latest', '--stderr')).stdout}`);
}

async function eventsOf(bench: Workplace, type: string) {
  return readJsonLines((await bench.maos('events', 'latest', '--type', type, '--json')).stdout);
}

/** No event of a maos that has died tells when another takes over. */
async function until(bench: Workplace, what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const since = performance.now(); !(await isSo()); await delay(100)) {
    if (performance.now() - since < 60_000) continue;
    assert.fail(`not ${what} within a minute: ${(await bench.maos('status', 'latest')).stdout}`);
  }
}
