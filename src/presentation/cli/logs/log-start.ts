import type { OutputStream } from '../../../application/ports/agent-disk.ts';
import type { Project } from '../../../application/project.ts';
import { startOfTail } from '../../../application/queries/agent-output.ts';
import { isStructured, startOfLine } from '../../../application/queries/output-lines.ts';
import { OutputTimes } from '../../../application/queries/output-times.ts';
import type { Agent } from '../../../domain/agent.ts';
import { AgentLog } from './agent-log.ts';
import type { LogRequest } from './stream-log.ts';

/** Where to begin reading an agent's output. */
export interface LogStart {
  readonly cursors: Readonly<Partial<Record<OutputStream, string>>>;
  /** How many lines after that are not to be shown. */
  readonly skip: number;
}

const firstTailBytes = 64 * 1024;
/** How far from its end a structured stream is searched for its last lines. */
const maxTailBytes = 4 * 1024 * 1024;

/** The last lines of both streams together. */
export async function startAtTail(
  project: Project,
  agent: Agent,
  request: LogRequest,
  lines: number,
): Promise<LogStart> {
  const printed: OutputStream[] = [];
  for (const stream of request.streams) {
    if ((await sizeOf(project, agent, stream, request)) > 0) printed.push(stream);
  }
  for (let bytes = firstTailBytes; ; bytes *= 4) {
    const cursors: Partial<Record<OutputStream, string>> = {};
    let isWhole = true;
    for (const stream of printed) {
      const of = { agent, view: viewOf(stream, request), stream, check: request.check };
      if (lines > 0 && isStructured(project, of)) {
        const at = Math.max(0, (await sizeOf(project, agent, stream, request)) - bytes);
        cursors[stream] = String(await startOfLine(project, of, at));
        isWhole &&= at === 0;
      } else cursors[stream] = await startOfTail(project, of, lines);
    }
    const [only] = printed;
    const isExact =
      printed.length <= 1 &&
      !(only !== undefined && isStructured(project, viewRequest(agent, only, request)));
    if (isExact || lines === 0) return { cursors, skip: 0 };
    const count = await countLines(new AgentLog(project, agent, request, cursors));
    if (count >= lines || isWhole || bytes >= maxTailBytes)
      return { cursors, skip: Math.max(0, count - lines) };
  }
}

/** @param at in Unix milliseconds. Lines of a moment before it may come first, because times are not known exactly */
export async function startSince(
  project: Project,
  agent: Agent,
  request: LogRequest,
  at: number,
): Promise<LogStart> {
  const times = new OutputTimes(project.host, agent, request.check);
  const cursors: Partial<Record<OutputStream, string>> = {};
  for (const stream of request.streams) {
    const before = await times.seenBefore(stream, at);
    const of = viewRequest(agent, stream, request);
    cursors[stream] = String(request.isRaw ? before : await startOfLine(project, of, before));
  }
  return { cursors, skip: 0 };
}

function viewOf(stream: OutputStream, { isRaw }: LogRequest) {
  return isRaw ? stream : ('readable' as const);
}

function viewRequest(agent: Agent, stream: OutputStream, request: LogRequest) {
  return { agent, view: viewOf(stream, request), stream, check: request.check };
}

async function sizeOf(
  { host }: Project,
  agent: Agent,
  stream: OutputStream,
  { check }: LogRequest,
): Promise<number> {
  return (await host.readOutput(agent, stream, 0, 0, check)).size;
}

async function countLines(log: AgentLog): Promise<number> {
  let count = 0;
  for (;;) {
    if (log.needsFill) await log.fill();
    const line = log.take();
    if (line === null) break;
    if (!line.continues) count += 1;
  }
  log.finish();
  while (log.take() !== null) count += 1;
  return count;
}
