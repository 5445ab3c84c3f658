import type { Agent } from '../../domain/agent.ts';
import { mapAround } from '../../domain/colours.ts';
import { endOf, startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { showInvisible } from '../../domain/invisible-marks.ts';
import type { OutputPage, OutputStream } from '../ports/agent-disk.ts';
import type { AgentActivity, OutputParser } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { isCheckRunning, readWholeCheck } from './check-output.ts';

type Needs = Pick<Project, 'host' | 'backends'>;

/** `readable`: the CLI's output in readable form. The others: raw output, decoded as UTF-8. */
export const outputViews = ['readable', 'stdout', 'stderr'] as const;
export type OutputView = (typeof outputViews)[number];

export interface OutputRequest {
  readonly agent: Agent;
  readonly view: OutputView;
  /** Which stream is made readable; default: stdout, or all that a check printed. */
  readonly stream?: OutputStream;
  /** The number of the check that printed it; default: its own program. */
  readonly check?: number | undefined;
  /** Only this many last lines; null: from the cursor or the start. */
  readonly tailLines: number | null;
  /** End of the previous page. */
  readonly cursor: string | null;
  /** Maximum characters of the page. */
  readonly maxChars: number;
  /** Treat this offset as the end of the stream: a later attempt begins there. */
  readonly until?: number | null;
  /** Keeps the colours of programs; all other control sequences are removed. */
  readonly keepsColours?: boolean;
}

/** One or more readable lines, or a part of a long one. */
export interface OutputPiece {
  readonly text: string;
  /** Offset in the stream behind what it came from. */
  readonly end: number;
}

export interface OutputSlice {
  readonly text: string;
  /** Start of the next page. */
  readonly cursor: string;
  /** Nothing more has been written yet. */
  readonly atEnd: boolean;
}

const windowBytes = 64 * 1024;
const maxCharacterBytes = 4;
/** Maximum distance from the end for `tailLines`. */
const maxTailBytes = 4 * 1024 * 1024;
/** A longer line of a structured stream is skipped, with a note. */
const maxLineBytes = 4 * 1024 * 1024;
/** A byte order mark is kept like any other character. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * A page of an agent's output. Lines stay whole if they fit. Readable text has no control characters, so that agents
 * cannot control the user's terminal.
 * @throws MaosError INVALID_INPUT for an invalid cursor
 */
export async function readAgentOutput(project: Needs, request: OutputRequest): Promise<OutputSlice> {
  return request.tailLines === null
    ? readForward(project, request)
    : readTail(project, request, request.tailLines);
}

async function readForward(project: Needs, request: OutputRequest): Promise<OutputSlice> {
  const { pieces, cursor, atEnd } = await readOutputPieces(project, request);
  return { text: pieces.map(({ text }) => text).join(''), cursor, atEnd };
}

/** A page as {@link readAgentOutput} returns, line by line. */
export async function readOutputPieces(
  project: Needs,
  request: OutputRequest,
): Promise<Omit<OutputSlice, 'text'> & { readonly pieces: readonly OutputPiece[] }> {
  let { at, shown } = parseCursor(request.cursor);
  const pieces: OutputPiece[] = [];
  let length = 0;
  const window: Window = { page: null };
  for (;;) {
    const line = lineWithin(window, at) ?? (await nextLine(project, request, at, window));
    if (line === null) return { pieces, cursor: formatCursor({ at, shown }), atEnd: true };
    const rendered = renderLine(project, request, line).slice(shown);
    const room = request.maxChars - length;
    if (rendered.length > room) {
      if (length > 0) return { pieces, cursor: formatCursor({ at, shown }), atEnd: false };
      // At least one character, or the reader would never advance.
      const text = startOf(rendered, Math.max(room, 2));
      pieces.push({ text, end: line.next });
      return { pieces, cursor: formatCursor({ at, shown: shown + text.length }), atEnd: false };
    }
    if (rendered !== '') pieces.push({ text: rendered, end: line.next });
    length += rendered.length;
    at = line.next;
    shown = 0;
    if (length >= request.maxChars) return { pieces, cursor: formatCursor({ at, shown }), atEnd: false };
  }
}

interface Line {
  /** Null when it is longer than the limit. */
  readonly bytes: Uint8Array | null;
  readonly next: number;
  /** The last line of the stream, without a line end. */
  readonly unended?: boolean;
}

/** The last page read; most lines are found in it. */
interface Window {
  page: OutputPage | null;
}

function lineWithin({ page }: Window, position: number): Line | null {
  if (page === null || position < page.start) return null;
  const newline = page.bytes.indexOf(10, position - page.start);
  if (newline < 0) return null;
  return { bytes: page.bytes.subarray(position - page.start, newline + 1), next: page.start + newline + 1 };
}

/** The line at a position, including its line end. If it is longer than a window and need not be parsed, a part of it. */
async function nextLine(
  project: Needs,
  request: OutputRequest,
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
function endOfFile(request: OutputRequest, bytes: Uint8Array, position: number): Line | null {
  // An incomplete line cannot be rendered; it is shown when it is complete or the agent has ended.
  if (grows(request) && request.view === 'readable') return null;
  const text = grows(request) ? withoutHalfCharacter(bytes) : bytes;
  return text.length === 0 ? null : { bytes: text, next: position + text.length, unended: !grows(request) };
}

/** Whether more may be written at the end. */
function grows({ agent, until, check }: Pick<OutputRequest, 'agent' | 'until' | 'check'>): boolean {
  if (check !== undefined) return isCheckRunning(agent, check);
  return agent.state === 'running' && (until ?? null) === null;
}

/** A page that respects `until`. */
async function readWithin(
  project: Needs,
  request: OutputRequest,
  position: number,
  maxBytes: number,
): Promise<OutputPage> {
  const end = request.until ?? Number.POSITIVE_INFINITY;
  const bytes = Math.max(0, Math.min(maxBytes, end - position));
  const page = await readBytes(project, request, position, bytes);
  return { ...page, size: Math.min(page.size, end) };
}

async function passOver(project: Needs, request: OutputRequest, from: number): Promise<Line | null> {
  for (let position = from; ; ) {
    const page = await readWithin(project, request, position, maxLineBytes);
    const newline = page.bytes.indexOf(10);
    if (newline >= 0) return { bytes: null, next: position + newline + 1 };
    if (page.bytes.length === 0) return grows(request) ? null : { bytes: null, next: position };
    position += page.bytes.length;
  }
}

/** In UTF-8, a character of several bytes begins with 11......, followed by 10....... */
function withoutHalfCharacter(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back < maxCharacterBytes && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < wanted ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

async function readTail(project: Needs, request: OutputRequest, lines: number): Promise<OutputSlice> {
  for (let size = windowBytes; ; size *= 4) {
    const page = await readBytes(project, request, -size, size);
    const fromStart = page.start === 0;
    const bytes = page.bytes.subarray(
      fromStart ? 0 : page.bytes.indexOf(10) + 1,
      endOfTail(request, page.bytes),
    );
    const shown = render(project, request, bytes).trimEnd().split('\n');
    if (fromStart || shown.length > lines || size >= maxTailBytes) {
      let text = lines === 0 ? '' : shown.slice(-lines).join('\n');
      text = endOf(text, request.maxChars);
      const at = page.start + endOfTail(request, page.bytes);
      return { text: text === '' ? '' : `${text}\n`, cursor: formatCursor({ at, shown: 0 }), atEnd: true };
    }
  }
}

/** As in {@link endOfFile}, an incomplete last line belongs to the next page. */
function endOfTail(request: OutputRequest, bytes: Uint8Array): number {
  const { agent, check, view } = request;
  return grows({ agent, check }) && view === 'readable'
    ? bytes.lastIndexOf(10) + 1 || bytes.length
    : bytes.length;
}

/** A position in the stream, and how many characters of the line at that position were already shown. */
interface Position {
  readonly at: number;
  readonly shown: number;
}

function formatCursor({ at, shown }: Position): string {
  return shown === 0 ? String(at) : `${at}+${shown}`;
}

function parseCursor(cursor: string | null): Position {
  const [, at, shown = '0'] = /^([0-9]{1,15})(?:\+([0-9]{1,15}))?$/.exec(cursor ?? '0') ?? [];
  if (at !== undefined) return { at: Number(at), shown: Number(shown) };
  throw new MaosError(
    'INVALID_INPUT',
    `Invalid cursor ${quote(cursor)}: pass the 'cursor' of the previous page, or leave it out.`,
  );
}

/** The position of a cursor in its stream, in bytes. @throws MaosError INVALID_INPUT for an invalid one */
export function positionOf(cursor: string | null): number {
  return parseCursor(cursor).at;
}

/** The beginning of the line around a position, or the position itself if the line is very long. */
export async function startOfLine(
  project: Needs,
  request: Pick<OutputRequest, 'agent' | 'view' | 'stream' | 'check'>,
  position: number,
): Promise<number> {
  const from = Math.max(0, position - windowBytes);
  const { bytes } = await readBytes(project, request, from, position - from);
  const feed = bytes.lastIndexOf(10);
  return feed >= 0 ? from + feed + 1 : from === 0 ? 0 : position;
}

/**
 * Where the last lines of the output begin. Counts any number of lines, window by window from the end.
 * The lines of structured output are records, which may be several lines, or none, when they are rendered.
 */
export async function startOfTail(
  project: Needs,
  request: Pick<OutputRequest, 'agent' | 'view' | 'stream' | 'check'>,
  lines: number,
): Promise<string> {
  const { size } = await readBytes(project, request, 0, 0);
  // A line feed at the very end does not begin another line.
  let missing = lines;
  let end = size - 1;
  while (end > 0 && missing > 0) {
    const start = Math.max(0, end - windowBytes);
    const { bytes } = await readBytes(project, request, start, end - start);
    for (let at = bytes.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1)) {
      missing -= 1;
      if (missing === 0) return String(start + at + 1);
    }
    end = start;
  }
  return missing === 0 ? String(size) : '0';
}

function readBytes(
  project: Needs,
  { agent, view, stream, check }: Pick<OutputRequest, 'agent' | 'view' | 'stream' | 'check'>,
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
  { view, agent, stream, check }: Pick<OutputRequest, 'view' | 'agent' | 'stream' | 'check'>,
): boolean {
  if (check !== undefined || stream === 'stderr') return false;
  return view === 'readable' && backends.capabilitiesOf(agent.backend)?.output === 'structured';
}

function renderLine(project: Needs, request: OutputRequest, { bytes, unended }: Line): string {
  if (bytes !== null) {
    const text = render(project, request, bytes);
    const wantsEnd = unended === true && request.view === 'readable' && /[^\n]$/.test(text);
    return wantsEnd ? `${text}\n` : text;
  }
  return `! Skipped a line longer than ${maxLineBytes / 1024 / 1024} MiB.\n`;
}

function render(project: Needs, request: OutputRequest, bytes: Uint8Array): string {
  if (request.view !== 'readable') return decoder.decode(bytes);
  // Output of a command is readable as it is, including blank lines.
  if (!isStructured(project, request)) {
    const text = foldReturns(decoder.decode(bytes));
    return request.keepsColours === true ? mapAround(text, plainText) : plainText(text);
  }
  const { agent } = request;
  const names = [agent.backend, ...(agent.backends ?? []).map(({ backend }) => backend)];
  for (const name of names) {
    const parser: OutputParser = project.backends.get(name).makeParser(agent);
    const activities = [...parser.push(bytes), ...parser.end()];
    // Otherwise the line may come from an earlier attempt on another backend.
    if (activities.length > 0) return activities.map(renderActivity).join('');
  }
  return '';
}

/** Text for people, with line ends; empty when there is nothing to show. */
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
    case 'received':
      return lines('< ', activity.text ?? '');
    case 'permission':
      return lines('? ', `${activity.tool}: ${activity.action}`);
    default:
      return '';
  }
}

function lines(mark: string, text: string): string {
  const clean = plainText(foldReturns(text)).trimEnd();
  return clean === '' ? '' : `${mark}${clean.split('\n').join(`\n${' '.repeat(mark.length)}`)}\n`;
}

/** What stands last on each line that a program has written over, as progress bars do. */
function foldReturns(text: string): string {
  if (!text.includes('\r')) return text;
  const fold = (line: string): string => {
    const whole = line.replace(/\r+$/, '');
    return whole.slice(whole.lastIndexOf('\r') + 1);
  };
  return text.split('\n').map(fold).join('\n');
}

/**
 * Removes terminal escape sequences and control characters other than line feed and tab, and makes invisible marks
 * visible.
 */
export function plainText(text: string): string {
  return showInvisible(
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ''),
  );
}
