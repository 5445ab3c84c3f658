import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import type { AgentActivity, ParsedRun } from '../../../src/application/ports/backend.ts';
import { ClaudeOutputParser } from '../../../src/infrastructure/backends/claude/output.ts';
import { readShellStatus } from '../../../src/infrastructure/process/host/launch-record.ts';

const folder = fileURLToPath(new URL('../../fixtures/claude-code', import.meta.url));

/** One run of the real Claude Code: what it printed, and how it ended as the host would tell. */
export interface Recording {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly end: AgentEnd;
}

export function readRecording(name: string): Recording {
  const stdout = readFileSync(`${folder}/${name}.jsonl`);
  const { exitCode, signal, stderr } = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8'));
  const status = exitCode === null ? { exitCode, signal } : readShellStatus(exitCode);
  return { stdout, stderr, end: { how: 'exited', ...status, at: '2026-01-01T00:00:00.000Z' } };
}

export interface Reading {
  readonly activities: readonly AgentActivity[];
  readonly run: ParsedRun;
}

/** What Claude Code's parser makes of an output that comes in these chunks. */
export function readChunks(chunks: Iterable<Uint8Array>): Reading {
  const parser = new ClaudeOutputParser();
  const activities: AgentActivity[] = [];
  for (const chunk of chunks) activities.push(...parser.push(chunk));
  activities.push(...parser.end());
  return { activities, run: parser.parsed() };
}

export function readLines(...lines: readonly unknown[]): Reading {
  return readChunks(
    lines.map((line) => Buffer.from(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`)),
  );
}

/** The bytes cut at the given places, in parts that are overwritten once they were handed over. */
export function* cutAt(bytes: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const part = Uint8Array.from(bytes.subarray(from, to));
    yield part;
    part.fill(0x21);
    from = to;
  }
}
