import type { AgentActivity, ParsedRun } from '../../../src/application/ports/backend.ts';
import { ClaudeOutputParser } from '../../../src/infrastructure/backends/claude/output.ts';
import { type Recording, readRecordings } from '../../helpers/backend-contract.ts';

const recordings = readRecordings(new URL('../../fixtures/claude-code/', import.meta.url));

export function readRecording(name: string): Recording {
  const recording = recordings[name];
  if (recording === undefined) throw new Error(`there is no recording ${name} of Claude Code`);
  return recording;
}

export interface Reading {
  readonly activities: readonly AgentActivity[];
  readonly run: ParsedRun;
}

/** The result of Claude Code's parser for output in these chunks. */
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
