import { spawn } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type BackendBench, type BackendDriver, makeBackendBench } from '../../test/clients/backend-cases.ts';
import { codexDriver } from '../../test/clients/codex-driver.ts';
import { copilotDriver } from '../../test/clients/copilot-driver.ts';
import { geminiDriver } from '../../test/clients/gemini-driver.ts';
import { opencodeDriver } from '../../test/clients/opencode-driver.ts';
import { qwenDriver } from '../../test/clients/qwen-driver.ts';
import { cleanClaudeEnv, installClaudeCode } from '../../test/helpers/claude-code.ts';
import { startScriptedModel } from '../../test/helpers/scripted-model.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';

const clients = fileURLToPath(new URL('../../.cache/clients', import.meta.url));

const claudeDriver: BackendDriver = {
  name: 'claude',
  pathVariable: 'MAOS_CLAUDE_PATH',
  install: () => installClaudeCode(),
  startModel: (respond) =>
    startScriptedModel({
      async respond() {
        const said = await respond({ text: '', commands: 0, tools: [] });
        if ('text' in said) return said;
        throw new Error('The bench asks for a text.');
      },
    }),
  env: (home, modelUrl) => cleanClaudeEnv({ home, modelUrl }),
};

const drivers = [claudeDriver, codexDriver, geminiDriver, qwenDriver, opencodeDriver, copilotDriver];

/** Records how it was called, and replaces itself with the CLI. The floor repeats the call. */
const noted = `printf '%s\\0' "$@" >"$HOME/noted-args"; env -0 >"$HOME/noted-env"; exec "$REAL_CLI" "$@"`;

/**
 * How long an agent's CLI takes from \`agent.started\` to its first request to the model; and without MAOS, with the
 * same arguments, environment and prompt. Measures only CLIs that the client tests have installed.
 */
export const agentClis: Row = {
  name: 'clis',
  async measure(options) {
    const installed = existsSync(clients) ? readdirSync(clients) : [];
    const measurements: Measurement[] = [];
    for (const driver of drivers) {
      if (!installed.some((folder) => folder.startsWith(driver.name))) {
        options.say(`${driver.name}: not installed, left out (npm run test:clients installs it)`);
        continue;
      }
      options.say(`${driver.name}: an agent, and its CLI alone`);
      measurements.push(await measure(driver, options));
    }
    return measurements;
  },
};

async function measure(driver: BackendDriver, { quick }: BenchOptions): Promise<Measurement> {
  const after: (() => unknown)[] = [];
  const context = { after: (task: () => unknown) => after.push(task), signal: new AbortController().signal };
  try {
    let asked = Promise.withResolvers<number>();
    const bench = await makeBackendBench(context as unknown as TestContext, driver, {
      respond() {
        asked.resolve(Date.now());
        return { text: 'Done.' };
      },
      script: noted,
    });
    const maos: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round <= (quick ? 1 : 5); round += 1) {
      asked = Promise.withResolvers<number>();
      const run = await bench.run('Say that you are done.').ended;
      if (run.status !== 0) throw new Error(`${driver.name}: ${run.stdout}${run.stderr}`);
      const throughMaos = (await asked.promise) - startOf(run.stdout);
      asked = Promise.withResolvers<number>();
      const from = Date.now();
      await startAlone(bench, await driver.install());
      const alone = (await asked.promise) - from;
      // The first round warms up.
      if (round === 0) continue;
      maos.push(throughMaos);
      bare.push(alone);
    }
    return {
      what: `agent on \`${driver.name}\`: start to the first request of its CLI`,
      unit: 'ms',
      maos: summarize(maos),
      floor: { is: 'the CLI alone, called the same way', summary: summarize(bare) },
      basis: 'difference',
      must: null,
      aim: null,
    };
  } finally {
    for (const task of after.reverse()) await task();
  }
}

function startOf(lines: string): number {
  for (const line of lines.split('\n')) {
    const event = JSON.parse(line || 'null');
    if (event?.type === 'agent.started') return Date.parse(event.at);
  }
  throw new Error(`No agent was started: ${lines}`);
}

/** Runs the CLI in the same way as the agent did. */
async function startAlone(bench: BackendBench, program: string): Promise<void> {
  const parts = (name: string) => readFileSync(join(bench.home, name), 'utf8').split('\0').slice(0, -1);
  const env = Object.fromEntries(
    parts('noted-env').map((entry) => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
  const prompts = globSync(join(bench.maosHome, 'projects/*/sessions/*/agents/*/prompt.md')).sort();
  const prompt = readFileSync(prompts.at(-1) ?? '');
  const args = parts('noted-args');
  const child = spawn(program, anew(args), {
    cwd: bench.project,
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.end(args.includes('--input-format') ? asLine(prompt) : prompt);
  await new Promise((resolve) => child.once('exit', resolve));
}

/** As Claude Code reads it with live input. */
function asLine(prompt: Buffer): string {
  const message = { role: 'user', content: prompt.toString() };
  return `${JSON.stringify({ type: 'user', message })}\n`;
}

/** With a new conversation id, if there is one, because an id can be used only once. */
function anew(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--session-id');
  return at < 0 ? args : args.with(at + 1, crypto.randomUUID());
}
