import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanClaudeEnv, installClaudeCode } from '../helpers/claude-code.ts';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { NatsServer } from '../helpers/nats-server.ts';
import { claudeDriver } from './agent-client-drivers.ts';
import { type Asked, type BackendDriver, type Said, usageOfAnswer } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';
import { copilotDriver } from './copilot-driver.ts';
import { geminiDriver } from './gemini-driver.ts';
import { opencodeDriver } from './opencode-driver.ts';
import { qwenDriver } from './qwen-driver.ts';
import { type Ended, makeWorkplace, readJsonLines, type Workplace } from './workplace.ts';

/*
 * Real CLIs as agents on another machine: the host has them and their sign-ins, the home has neither. Home and host share
 * nothing but a NATS server.
 */

interface Worker {
  readonly driver: BackendDriver;
  readonly after: readonly string[];
  readonly question: string;
  readonly answer: string;
  readonly result: string;
  /** How its model has the file written, whose text is the answer. */
  writes(worktree: string, file: string, text: string): Said;
}

type Team = Readonly<Record<string, Worker>>;

const pair: Team = {
  greeter: {
    driver: { ...claudeDriver, install: () => installClaudeCode() },
    after: [],
    question: 'How does one greet?',
    answer: 'Grüße, 世界 🎉',
    result: 'It greets.',
    writes: (worktree, file, text) => ({
      calls: 'Write',
      arguments: { file_path: join(worktree, file), content: text },
    }),
  },
  parter: {
    driver: codexDriver,
    after: ['greeter'],
    question: 'How does one part?',
    answer: 'Servus',
    result: 'It parts, too.',
    writes: (_worktree, file, text) => ({ command: `cat greeter.txt && printf '%s' '${text}' > ${file}` }),
  },
};

const others: Team = Object.fromEntries(
  [opencodeDriver, copilotDriver, geminiDriver, qwenDriver].map((driver, index, all): [string, Worker] => [
    driver.name,
    {
      driver,
      after: all.slice(Math.max(0, index - 1), index).map(({ name }) => name),
      question: `What does ${driver.name} write?`,
      answer: `Whatever ${driver.name} likes`,
      result: `${driver.name} has written it.`,
      writes: (_worktree, file, text) => ({ command: `cat *.txt; printf '%s' '${text}' > ${file}` }),
    },
  ]),
);
const steps = 3;
const report = { text: 'Half of it is there.', progress: 50 };

interface Machines {
  readonly home: Workplace;
  readonly host: Workplace;
  /** What the model of each agent was asked. */
  readonly asked: Readonly<Record<string, readonly Asked[]>>;
}

async function makeMachines(t: TestContext, workers: Team): Promise<Machines> {
  const server = await NatsServer.start(t);
  const asked: Record<string, Asked[]> = {};
  const clis = await Promise.all(
    Object.entries(workers).map(async ([name, worker]) => {
      const requests: Asked[] = [];
      asked[name] = requests;
      const model = await worker.driver.startModel((request) => {
        requests.push(request);
        return nextOf(name, worker, request);
      });
      t.after(model.close);
      return { driver: worker.driver, program: await worker.driver.install(), url: model.url };
    }),
  );
  const host = await makeWorkplace(t, {
    guardedHome: clis.some(({ driver }) => driver.guardedHome === true),
    settings: {
      remote: { url: server.url },
      backends: Object.fromEntries(
        clis.map(({ driver: { name, model, settings } }) => [
          name,
          { ...(model === undefined ? {} : { model }), ...settings },
        ]),
      ),
    },
    env: (folder) => ({
      ...Object.assign({}, ...clis.map(({ driver, url }) => driver.env(folder, url))),
      ...Object.fromEntries(clis.map(({ driver, program }) => [driver.pathVariable, program])),
    }),
  });
  for (const { driver, url } of clis) await driver.setUp?.(host.home, url);
  const home = await makeWorkplace(t, {
    settings: { remote: { url: server.url } },
    env: (folder) => cleanClaudeEnv({ home: folder, apiKey: null }),
  });
  succeeds(await host.maos('host', '--pool', 'gpu', '--name', 'box', '--slots', '2', '--detach'));
  return { home, host, asked };
}

/** It reports, asks, writes what it is answered, and says so. */
function nextOf(name: string, worker: Worker, { text, commands, tools }: Asked): Said {
  const toolOf = (wanted: string): string =>
    tools.find((tool) => /maos/i.test(tool) && tool.endsWith(wanted)) ?? assert.fail(`only ${tools}`);
  if (commands === 0) return { calls: toolOf('report'), arguments: report };
  if (commands === 1) return { calls: toolOf('ask'), arguments: { question: worker.question } };
  const [, worktree = ''] = /^- Your current folder: (.*)$/m.exec(text) ?? [];
  if (commands === 2) return worker.writes(worktree, `${name}.txt`, worker.answer);
  return { text: worker.result };
}

function succeeds({ status, stdout, stderr }: Ended): string {
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout;
}

async function answerAll(home: Workplace, workers: Team): Promise<void> {
  for (const { question, answer } of Object.values(workers)) {
    for (const since = performance.now(); ; await delay(100)) {
      const { requests } = JSON.parse(succeeds(await home.maos('requests', '--json')));
      const request = requests.find(({ action }: { action: string }) => action === question);
      if (request !== undefined) {
        succeeds(await home.maos('answer', request.request_id, answer));
        break;
      }
      const { state, agents } = await home.status();
      assert.ok(state === 'running' && performance.now() - since < 180_000, JSON.stringify(agents, null, 1));
    }
  }
}

async function worksOnAHost(t: TestContext, workers: Team): Promise<void> {
  const { home, host, asked } = await makeMachines(t, workers);
  makeRepository(home.project);
  const agents = Object.entries(workers).map(([name, { driver, after, answer }]) => ({
    ...{ name, role: 'backend_engineer', task: `Write ${name}.txt.`, backend: driver.name, pool: 'gpu' },
    ...{ workspace: 'worktree', verify: `[ "$(cat ${name}.txt)" = '${answer}' ]`, depends_on: after },
  }));
  const plan = join(home.folder, 'plan.json');
  writeFileSync(plan, JSON.stringify({ objective: 'Be polite.', agents }));
  succeeds(await home.maos('run', plan, '--detach', '--json'));
  const following = home.startMaos('logs', 'latest', '-f');
  await answerAll(home, workers);
  const seen = succeeds(await following.ended);

  await t.test('each ran there once, to its result', async () => {
    const status = await home.status();
    assert.deepEqual(
      status.agents.map(({ name, state, attempt, result }) => [name, state, attempt, result]),
      Object.entries(workers).map(([name, { result }]) => [name, 'completed', 1, result]),
      JSON.stringify(status, null, 1),
    );
    for (const { where } of status.agents) assert.match(String(where), /^host box, process \d+$/);
  });

  await t.test('its model has what was answered, and what the one before has left', () => {
    for (const [name, { answer, after }] of Object.entries(workers)) {
      const requests = asked[name] ?? [];
      assert.deepEqual(
        requests.map(({ commands }) => commands),
        [0, 1, 2, 3],
      );
      assert.match(requests[1]?.text ?? '', /Reported\./);
      assert.ok(requests[2]?.text.includes(answer), 'the answer');
      for (const other of after) {
        const { result = '', answer: left = '' } = workers[other] ?? {};
        assert.ok(requests[0]?.text.includes(`> ${result}`), 'the result of the one before');
        assert.ok(requests[steps]?.text.includes(left), 'the work of the one before');
      }
    }
  });

  await t.test("'logs -f' has shown its stream", () => {
    for (const { question, result } of Object.values(workers)) {
      for (const text of [report.text, question, result])
        assert.ok(seen.includes(text), `${text} in ${seen}`);
    }
  });

  await t.test('its tokens, cost and reports are recorded at home', async () => {
    const { agents } = await home.status();
    for (const { name, usage } of agents) {
      if (workers[name]?.driver.countsTokens === false) continue;
      const { inputTokens, outputTokens } = usageOfAnswer;
      assert.deepEqual(
        [usage?.input_tokens, usage?.output_tokens],
        [inputTokens * (steps + 1), outputTokens * (steps + 1)],
      );
    }
    const paid = agents.find(({ backend }) => backend === 'claude');
    assert.ok(paid === undefined || (paid.usage?.cost_usd ?? 0) > 0, 'Claude Code tells its cost');
    const reports = await home.maos('events', 'latest', '--type', 'agent.reported', '--json');
    assert.deepEqual(
      readJsonLines(succeeds(reports)).map(({ data }) => data),
      Object.keys(workers).map((name) => ({ name, ...report })),
    );
  });

  await t.test('its work lands', async () => {
    succeeds(await home.maos('land', 'latest'));
    for (const [name, { answer }] of Object.entries(workers))
      assert.equal(readFileSync(join(home.project, `${name}.txt`), 'utf8'), answer);
    assert.equal(gitIn(home.project, 'status', '--porcelain'), '');
  });

  await t.test('nothing is left running', async () => {
    succeeds(await host.maos('host', 'drain'));
    await host.nothingLeft();
    await home.nothingLeft();
  });
}

for (const [who, workers] of Object.entries({ 'a Claude Code and a Codex': pair, 'four others': others })) {
  test(`${who} on a host: asked and answered, seen and counted at home, where their work lands`, (t) =>
    worksOnAHost(t, workers));
}
