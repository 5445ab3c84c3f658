import type { Agent } from '../../domain/agent.ts';
import type { OutputPage, OutputStream } from '../ports/agent-disk.ts';
import type { Project } from '../project.ts';
import { isCheckRunning, readWholeCheck } from './check-output.ts';

/** The lines of an agent's output, read from any position with bounded memory. */

type Needs = Pick<Project, 'host' | 'backends'>;

/** `readable`: the CLI's output in readable form. The others: raw output, decoded as UTF-8. */
export const outputViews = ['readable', 'stdout', 'stderr'] as const;
export type OutputView = (typeof outputViews)[number];

/** Which output is read. */
export interface LineSource {
  readonly agent: Agent;
  readonly view: OutputView;
  /** Which stream is made readable; default: stdout, or all that a check printed. */
  readonly stream?: OutputStream;
  /** The number of the check that printed it; default: its own program. */
  readonly check?: number | undefined;
  /** Treat this offset as the end of the stream: a later attempt begins there. */
  readonly until?: number | null;
  /** Maximum characters of what is shown at once: a longer line of raw output comes in parts. */
  readonly maxChars: number;
}

export const windowBytes = 64 * 1024;
const maxCharacterBytes = 4;
/** A longer line of a structured stream is skipped, with a note. */
export const maxLineBytes = 4 * 1024 * 1024;

export interface Line {
  /** Null when it is longer than the limit. */
  readonly bytes: Uint8Array | null;
  readonly next: number;
  /** The last line of the stream, without a line end. */
  readonly unended?: boolean;
}

/** The last page read; most lines are found in it. */
export interface Window {
  page: OutputPage | null;
}

export function lineWithin({ page }: Window, position: number): Line | null {
  if (page === null || position < page.start) return null;
  const newline = page.bytes.indexOf(10, position - page.start);
  if (newline < 0) return null;
  return { bytes: page.bytes.subarray(position - page.start, newline + 1), next: page.start + newline + 1 };
}

/** The line at a position, including its line end. If it is longer than a window and need not be parsed, a part of it. */
export async function nextLine(
  project: Needs,
  request: LineSource,
  position: number,
  window: Window,
): Promise<Line | null> {
  const structured = isStructured(project, request);
  const limit = structured
    ? maxLineBytes
    : request.view === 'readable'
      ? windowBytes
      : Math.max(maxCharacterBytes, Math.min(windowBytes, request.maxChars));
  for (let size = Math.min(windowBytes, limit); ; size = Math.min(size * 4, limit)) {
    const page = await readWithin(project, request, position, size);
    if (page.bytes.length === 0) return null;
    window.page = page;
    const line = lineWithin(window, position);
    if (line !== null) return line;
    const whole = page.start + page.bytes.length >= page.size;
    if (whole && size > page.bytes.length) return endOfFile(request, page.bytes, position);
    if (size < limit) continue;
    if (structured) return passOver(project, request, position + page.bytes.length);
    if (request.view === 'readable') {
      // Progress without end: only what stands last is shown.
      const overwritten = page.bytes.lastIndexOf(13, -2) + 1;
      if (overwritten > 0) return { bytes: page.bytes.subarray(0, 0), next: position + overwritten };
    }
    const bytes = withoutHalfCharacter(page.bytes);
    return { bytes, next: position + bytes.length };
  }
}

/** A stream that is still growing can end within a line or a character. */
function endOfFile(request: LineSource, bytes: Uint8Array, position: number): Line | null {
  // An incomplete line cannot be rendered; it is shown when it is complete or the agent has ended.
  if (grows(request) && request.view === 'readable') return null;
  const text = grows(request) ? withoutHalfCharacter(bytes) : bytes;
  return text.length === 0 ? null : { bytes: text, next: position + text.length, unended: !grows(request) };
}

/** Whether more may be written at the end. */
export function grows({ agent, until, check }: Pick<LineSource, 'agent' | 'until' | 'check'>): boolean {
  if (check !== undefined) return isCheckRunning(agent, check);
  return agent.state === 'running' && (until ?? null) === null;
}

/** A page that respects `until`. */
async function readWithin(
  project: Needs,
  request: LineSource,
  position: number,
  maxBytes: number,
): Promise<OutputPage> {
  const end = request.until ?? Number.POSITIVE_INFINITY;
  const bytes = Math.max(0, Math.min(maxBytes, end - position));
  const page = await readBytes(project, request, position, bytes);
  return { ...page, size: Math.min(page.size, end) };
}

async function passOver(project: Needs, request: LineSource, from: number): Promise<Line | null> {
  for (let position = from; ; ) {
    const page = await readWithin(project, request, position, maxLineBytes);
    const newline = page.bytes.indexOf(10);
    if (newline >= 0) return { bytes: null, next: position + newline + 1 };
    if (page.bytes.length === 0) return grows(request) ? null : { bytes: null, next: position };
    position += page.bytes.length;
  }
}

/** In UTF-8, a character of several bytes begins with 11......, followed by 10....... */
export function withoutHalfCharacter(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back < maxCharacterBytes && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < wanted ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** The beginning of the line around a position, or the position itself if the line is very long. */
export async function startOfLine(
  project: Needs,
  request: Pick<LineSource, 'agent' | 'view' | 'stream' | 'check'>,
  position: number,
): Promise<number> {
  const from = Math.max(0, position - windowBytes);
  const { bytes } = await readBytes(project, request, from, position - from);
  const feed = bytes.lastIndexOf(10);
  return feed >= 0 ? from + feed + 1 : from === 0 ? 0 : position;
}

export function readBytes(
  project: Needs,
  { agent, view, stream, check }: Pick<LineSource, 'agent' | 'view' | 'stream' | 'check'>,
  from: number,
  maxBytes: number,
): Promise<OutputPage> {
  if (check !== undefined && view === 'readable' && stream === undefined)
    return readWholeCheck(project, agent, check, from, maxBytes);
  const of = view === 'readable' ? (stream ?? 'stdout') : view;
  return project.host.readOutput(agent, of, from, maxBytes, check);
}

/** Whether each line is a record, which can only be rendered as a whole. */
export function isStructured(
  { backends }: Pick<Project, 'backends'>,
  { view, agent, stream, check }: Pick<LineSource, 'view' | 'agent' | 'stream' | 'check'>,
): boolean {
  if (check !== undefined || stream === 'stderr') return false;
  return view === 'readable' && backends.capabilitiesOf(agent.backend)?.output === 'structured';
}
