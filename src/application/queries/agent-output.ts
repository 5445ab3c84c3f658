import type { Agent } from '../../domain/agent.ts';
import { mapAround } from '../../domain/colours.ts';
import { endOf, startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { showInvisible } from '../../domain/invisible-marks.ts';
import type { AgentActivity, OutputParser } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import {
  grows,
  isStructured,
  type Line,
  type LineSource,
  lineWithin,
  maxLineBytes,
  nextLine,
  readBytes,
  type Window,
  windowBytes,
} from './output-lines.ts';

type Needs = Pick<Project, 'host' | 'backends'>;

export interface OutputRequest extends LineSource {
  /** Only this many last lines; null: from the cursor or the start. */
  readonly tailLines: number | null;
  /** End of the previous page. */
  readonly cursor: string | null;
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

/** Maximum distance from the end for `tailLines`. */
const maxTailBytes = 4 * 1024 * 1024;
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

/**
 * Where the last lines of the output begin. Counts any number of lines, window by window from the end.
 * The lines of structured output are records, which may be several lines, or none, when they are rendered.
 */
export async function startOfTail(
  project: Needs,
  request: Pick<LineSource, 'agent' | 'view' | 'stream' | 'check'>,
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
  return activitiesIn(project, request.agent, bytes).map(renderActivity).join('');
}

/** What whole records of a structured stream show. */
export function activitiesIn(
  { backends }: Pick<Project, 'backends'>,
  agent: Agent,
  bytes: Uint8Array,
): readonly AgentActivity[] {
  const names = [agent.backend, ...(agent.backends ?? []).map(({ backend }) => backend)];
  for (const name of names) {
    const parser: OutputParser = backends.get(name).makeParser(agent);
    const activities = [...parser.push(bytes), ...parser.end()];
    // Otherwise the line may come from an earlier attempt on another backend.
    if (activities.length > 0) return activities;
  }
  return [];
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
  const clean = cleanText(text).trimEnd();
  return clean === '' ? '' : `${mark}${clean.split('\n').join(`\n${' '.repeat(mark.length)}`)}\n`;
}

/** As a terminal would show it, without control characters. */
export function cleanText(text: string): string {
  return plainText(foldReturns(text));
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
