/** The bridge to an agent that speaks the Agent Client Protocol, in front of a fake agent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AgentActivity, ParsedRun } from '../../src/application/ports/backend.ts';
import {
  type BridgeOptions,
  bridgeArguments,
} from '../../src/infrastructure/backends/agent-client/bridge-options.ts';
import { liveInput } from '../../src/infrastructure/backends/agent-client/live-input.ts';
import { AgentClientParser } from '../../src/infrastructure/backends/agent-client/output.ts';
import { until } from './waiting.ts';

const bridge = fileURLToPath(new URL('../fixtures/programs/agent-client-bridge.ts', import.meta.url));
/** The fake agent, whose arguments select its behaviour. */
export const inventedAgent = fileURLToPath(new URL('../fixtures/programs/acp-agent.mjs', import.meta.url));

/** An agent made with the official SDK. */
export const sdkAgent = fileURLToPath(new URL('../fixtures/programs/sdk-agent.ts', import.meta.url));

export const plainOptions: Omit<BridgeOptions, 'args'> = {
  name: 'invented',
  program: process.execPath,
  briefing: 'Be brief.',
  folders: [],
  teamServer: null,
  resume: null,
  model: null,
  mode: null,
  authMethod: null,
  permissionMode: 'acceptEdits',
  startMs: 60_000,
  silenceMs: 60_000,
};

/** A running bridge. */
export interface RunningBridge {
  readonly process: ChildProcess;
  /** Its output so far. */
  readonly lines: () => readonly Record<string, unknown>[];
  /** Waits until it has printed a line that contains the text. */
  printed(text: string): Promise<void>;
  /** Puts a further text in. */
  text(entry: string, text: string): void;
  /** Answers a permission. */
  answer(key: string, isAllowed: boolean): void;
  /** Ends its input. */
  close(): void;
  readonly done: Promise<BridgeRun>;
}

/** The prompt `Do it.` */
export const promptEntry = liveInput.text('prompt', 'Do it.');

/** How it ended. */
export interface BridgeRun {
  readonly status: number | null;
  readonly stderr: string;
  readonly activities: readonly AgentActivity[];
  readonly run: ParsedRun;
}

/** As {@link openBridge}, with no further input. @param habits behaviour of the fake agent */
export function startBridge(
  t: TestContext,
  habits: readonly string[],
  options: Partial<BridgeOptions> = {},
): RunningBridge {
  const started = openBridge(t, habits, options);
  started.close();
  return started;
}

/** Starts a bridge with the prompt `Do it.`, and leaves its input open. @param habits behaviour of the fake agent */
export function openBridge(
  t: TestContext,
  habits: readonly string[],
  options: Partial<BridgeOptions> = {},
): RunningBridge {
  const args = bridgeArguments({ ...plainOptions, args: [inventedAgent, ...habits], ...options }).slice(1);
  const child = spawn(process.execPath, [bridge, ...args], { stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  const parser = new AgentClientParser();
  const activities: AgentActivity[] = [];
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    activities.push(...parser.push(chunk));
    stdout += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.on('error', () => {});
  child.stdin.write(promptEntry);
  return {
    process: child,
    lines: () =>
      stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(Buffer.from(line, 'latin1').toString())),
    printed: async (text) => {
      await until(
        () => stdout.includes(text),
        `"${text}" from the bridge, which printed:\n${stdout.slice(-2_000)}`,
      );
    },
    text: (entry, text) => void child.stdin.write(liveInput.text(entry, text)),
    answer: (key, isAllowed) => {
      const asked = { key, tool: '', action: '', reason: null, input: null };
      const answer = isAllowed ? ({ allow: true } as const) : ({ allow: false, message: 'No.' } as const);
      const bytes = liveInput.permission?.(asked, answer);
      if (bytes !== undefined) child.stdin.write(bytes);
    },
    close: () => child.stdin.end(),
    done: once(child, 'close').then(([status]) => {
      activities.push(...parser.end());
      return { status, stderr, activities, run: parser.parsed() };
    }),
  };
}
