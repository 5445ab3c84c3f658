import type { Agent } from '../domain/agent.ts';
import { MaosError, quote } from '../domain/errors.ts';
import type { AgentActivity, OutputParser } from './ports.ts';
import type { Project } from './project.ts';

/** `readable`: the CLI's output made readable. The others: the bytes as they came, decoded as UTF-8. */
export const outputViews = ['readable', 'stdout', 'stderr'] as const;
export type OutputView = (typeof outputViews)[number];

export interface OutputRequest {
  readonly agent: Agent;
  readonly view: OutputView;
  /** Only this many last lines; null to begin at the cursor or the start. */
  readonly tailLines: number | null;
  /** Where the page before ended. */
  readonly cursor: string | null;
  /** Most characters of one page. */
  readonly maxChars: number;
}

export interface OutputSlice {
  readonly text: string;
  /** Where the next page begins. */
  readonly cursor: string;
  /** Nothing more has been written yet. */
  readonly atEnd: boolean;
}

const windowBytes = 64 * 1024;
/** A tail looks back at most this far. */
const maxTailBytes = 4 * 1024 * 1024;
/** A longer line of a structured stream is passed over, with a note. */
const maxLineBytes = 4 * 1024 * 1024;

/**
 * A page of an agent's output. Lines are kept whole where they fit; text is free of control characters, so that what
 * an agent prints cannot steer the terminal it is shown on.
 * @throws MaosError INVALID_INPUT for a cursor that is none
 */
export async function readAgentOutput(project: Project, request: OutputRequest): Promise<OutputSlice> {
  return request.tailLines === null
    ? readForward(project, request)
    : readTail(project, request, request.tailLines);
}

async function readForward(project: Project, request: OutputRequest): Promise<OutputSlice> {
  let position = parseCursor(request.cursor);
  let text = '';
  for (;;) {
    const line = await nextLine(project, request, position);
    if (line === null) return { text, cursor: String(position), atEnd: true };
    const shown = render(project, request, line.bytes);
    if (text !== '' && text.length + shown.length > request.maxChars) {
      return { text, cursor: String(position), atEnd: false };
    }
    text += shown;
    position = line.next;
    if (text.length >= request.maxChars) {
      return { text: text.slice(0, request.maxChars), cursor: String(position), atEnd: false };
    }
  }
}

/** The line at a position, with its end; a part of one where it is longer than a window and need not be parsed. */
async function nextLine(
  project: Project,
  request: OutputRequest,
  position: number,
): Promise<{ bytes: Uint8Array; next: number } | null> {
  const stream = request.view === 'stderr' ? 'stderr' : 'stdout';
  const structured = request.view === 'readable' && request.agent.backend !== 'command';
  const limit = structured ? maxLineBytes : Math.min(windowBytes, request.maxChars);
  for (let size = Math.min(windowBytes, limit); ; size = Math.min(size * 4, limit)) {
    const page = await project.files.readOutput(request.agent, stream, position, size);
    if (page.bytes.length === 0) return null;
    const newline = page.bytes.indexOf(10);
    if (newline >= 0) return { bytes: page.bytes.subarray(0, newline + 1), next: position + newline + 1 };
    const whole = page.start + page.bytes.length >= page.size;
    // The end of a file that still grows may be half a line: it is shown when its rest is there or the agent ended.
    if (whole && structured && request.agent.state === 'running') return null;
    if (whole || size >= limit) return { bytes: page.bytes, next: position + page.bytes.length };
  }
}

async function readTail(project: Project, request: OutputRequest, lines: number): Promise<OutputSlice> {
  const stream = request.view === 'stderr' ? 'stderr' : 'stdout';
  for (let size = windowBytes; ; size *= 4) {
    const page = await project.files.readOutput(request.agent, stream, -size, size);
    const fromStart = page.start === 0;
    const skip = fromStart ? 0 : page.bytes.indexOf(10) + 1;
    const shown = render(project, request, page.bytes.subarray(skip)).trimEnd().split('\n');
    if (fromStart || shown.length > lines || size >= maxTailBytes) {
      let text = shown.slice(-lines).join('\n');
      if (text.length > request.maxChars) text = text.slice(-request.maxChars);
      const cursor = String(page.start + page.bytes.length);
      return { text: text === '' ? '' : `${text}\n`, cursor, atEnd: true };
    }
  }
}

function parseCursor(cursor: string | null): number {
  if (cursor === null) return 0;
  const position = /^[0-9]{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (!Number.isNaN(position)) return position;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(cursor)} is not a cursor of agent-output: pass back 'cursor' as the page before gave it, or leave it out.`,
  );
}

function render(project: Project, request: OutputRequest, bytes: Uint8Array): string {
  if (request.view !== 'readable') return plainText(new TextDecoder().decode(bytes));
  const parser: OutputParser = project.backends.get(request.agent.backend).makeParser();
  return [...parser.push(bytes), ...parser.end()].map(renderActivity).join('');
}

/** Lines for people, each ended; empty where there is nothing to show. */
export function renderActivity(activity: AgentActivity): string {
  switch (activity.type) {
    case 'text':
      return lines('', activity.text);
    case 'notice':
      return lines('! ', activity.text);
    case 'tool_use':
      return lines('> ', activity.detail === '' ? activity.tool : `${activity.tool}: ${activity.detail}`);
    case 'tool_result':
      return activity.ok ? '' : lines('x ', activity.text);
    case 'result':
      return activity.ok ? '' : lines('x ', activity.text);
  }
}

function lines(mark: string, text: string): string {
  const clean = plainText(text).trimEnd();
  return clean === '' ? '' : `${mark}${clean.split('\n').join(`\n${' '.repeat(mark.length)}`)}\n`;
}

/** Without control characters other than line feed and tab, and without terminal escape sequences. */
export function plainText(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
  );
}
