/** The real Codex, a scripted model, and MAOS on the loopback interface: nothing leaves it. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type CodexMcpServer, cleanCodexEnv, installCodex, writeCodexConfig } from '../helpers/codex.ts';
import { lastOutputs, type OpenAiRequest, startScriptedOpenAi } from '../helpers/scripted-openai.ts';
import { ModelScript, type Script, type ToolAnswer } from './model-script.ts';
import { makeWorkplace, maosProgram, type Running, readJsonLines, type Workplace } from './workplace.ts';

export interface CodexBench extends Workplace {
  /** Starts `codex exec --json` with a model that follows the script. */
  startCodex(script: Script<OpenAiRequest>): Running;
}

export interface CodexBenchOptions {
  /** `~/.maos/config.json`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Differs from what `[mcp_servers.maos]` has by itself. */
  server?(workplace: Workplace): Partial<CodexMcpServer>;
}

/** The line of the configuration without which `codex exec` calls no tool that changes anything. */
export const approved = { default_tools_approval_mode: 'approve' } as const;

export async function makeCodexBench(t: TestContext, options: CodexBenchOptions = {}): Promise<CodexBench> {
  const program = await installCodex();
  const script = new ModelScript<OpenAiRequest>();
  const api = await startScriptedOpenAi((request) => {
    const step = script.next(request, lastOutputs(request).map(toToolAnswer)[0]);
    if ('text' in step) return step;
    const [name, args] = step.call;
    return { calls: [{ namespace: 'mcp__maos', name: name.replaceAll('-', '_'), arguments: args }] };
  });
  t.after(api.close);
  const { settings } = options;
  const workplace = await makeWorkplace(t, { settings, env: (home) => cleanCodexEnv({ home }) });
  await writeCodexConfig(workplace.home, api.url, {
    maos: {
      command: process.execPath,
      args: [maosProgram, 'serve'],
      env: { MAOS_HOME: workplace.maosHome },
      ...approved,
      // However slow the machine is, the model is told of the tools.
      required: true,
      startup_timeout_sec: 60,
      ...options.server?.(workplace),
    },
  });
  return {
    ...workplace,
    startCodex(next) {
      script.begin(next);
      return workplace.start(program, ['exec', '--json', '--skip-git-repo-check', 'Have a team do it.']);
    },
  };
}

/** Codex does not tell the model what is an error. An answer of MAOS is an object; a refusal, of both, is a sentence. */
function toToolAnswer(output: string): ToolAnswer {
  const text = output.replace(/^Wall time: [^\n]*\nOutput:\n/, '');
  return { text, isError: !text.startsWith('{') };
}

/** A line of `codex exec --json`. */
interface ExecLine {
  readonly type: string;
  readonly item?: {
    readonly type: string;
    readonly text?: string;
    readonly tool?: string;
    readonly status?: string;
  };
}

/** What Codex tells of: a call, a message, an error. */
type Item = NonNullable<ExecLine['item']>;

/** Runs Codex to its end, which must be a good one. @returns the items it tells of, each as it ended */
export async function runCodex(bench: CodexBench, script: Script<OpenAiRequest>): Promise<Item[]> {
  const { status, stdout, stderr } = await bench.startCodex(script).ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const lines = readJsonLines<ExecLine>(stdout);
  return lines.flatMap(({ type, item }) => (type === 'item.completed' && item !== undefined ? [item] : []));
}

/** Those of them that are calls of MCP tools. */
export const callsIn = (items: readonly Item[]): Item[] =>
  items.filter(({ type }) => type === 'mcp_tool_call');
