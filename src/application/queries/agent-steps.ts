import type { Agent } from '../../domain/agent.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { OutputStream } from '../ports/agent-disk.ts';
import type { AgentActivity } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { activitiesIn, cleanText } from './agent-output.ts';
import {
  isStructured,
  type Line,
  type LineSource,
  lineWithin,
  maxLineBytes,
  nextLine,
  readBytes,
  startOfLine,
  type Window,
} from './output-lines.ts';
import { OutputTimes } from './output-times.ts';

/** One step of what an agent did, as its output shows it. */
export interface Step {
  /** Orders the steps of a stream, and stays the same: it says where in the stream the step is. */
  readonly seq: number;
  /** When it was seen, in Unix milliseconds; null: not known. */
  readonly at: number | null;
  readonly kind: 'text' | 'tool' | 'result' | 'reasoning' | 'stderr' | 'notice' | 'attempt';
  readonly title?: string;
  /** Without control characters. */
  readonly text: string;
  /** There is more of its text than this. */
  readonly truncated?: true;
  readonly tool?: string;
  readonly isError?: true;
}

export interface StepsRequest {
  readonly agent: Agent;
  readonly stream: OutputStream;
  /** Only this attempt; null: all. */
  readonly attempt: number | null;
  /** Maximum number of steps. */
  readonly limit: number;
}

export interface StepsPage {
  /** In order. */
  readonly steps: readonly Step[];
  /** Where the next page begins. */
  readonly nextCursor: string;
  /** Where the page before this one ends; null: nothing is before it. */
  readonly previousCursor: string | null;
  /** Nothing more has been written yet. */
  readonly atEnd: boolean;
}

const maxStepChars = 64 * 1024;
const maxPageChars = 256 * 1024;
/** Lines of a plain stream are joined to steps of about this length. */
const blockChars = 8 * 1024;
/** How much is read at once for a page from the end, and how far back for a step. */
const backBytes = 256 * 1024;
const maxBackBytes = 16 * 1024 * 1024;
/** Number of slots for the steps of one record. The first slot is for the beginning of an attempt. */
const slots = 4_096;

/** A position in the stream, and how many slots of the record there come before it. */
interface Position {
  readonly at: number;
  readonly slot: number;
}

/** A record of the stream, or a line of a plain one. */
interface Found {
  readonly at: number;
  readonly next: number;
  /** Begins an attempt; null: not. */
  readonly attempt: number | null;
  readonly items: readonly Omit<Step, 'seq' | 'at'>[];
}

/**
 * Steps from a cursor on.
 * @param cursor null: from the start
 * @throws MaosError INVALID_INPUT for an invalid cursor, or an attempt that was not started
 */
export async function stepsFrom(project: Project, request: StepsRequest, cursor: string | null) {
  const reader = await StepReader.open(project, request);
  return reader.forward(cursor === null ? reader.start : parsePosition(cursor));
}

/**
 * The last steps before a cursor.
 * @param cursor null: the end of the output
 * @throws MaosError as {@link stepsFrom}
 */
export async function stepsBefore(project: Project, request: StepsRequest, cursor: string | null) {
  const reader = await StepReader.open(project, request);
  return reader.backward(cursor === null ? null : parsePosition(cursor));
}

class StepReader {
  readonly #project: Project;
  readonly #request: StepsRequest;
  /** Where each started attempt begins, from the first one to be read. */
  readonly #begins: readonly { readonly attempt: number; readonly at: number }[];
  /** Where the first later attempt begins, which is not read; null: there is none. */
  readonly #end: number | null;
  readonly #isPlain: boolean;
  readonly #times: OutputTimes;
  readonly #window: Window = { page: null };

  private constructor(
    project: Project,
    request: StepsRequest,
    begins: readonly { readonly attempt: number; readonly at: number }[],
    end: number | null,
  ) {
    this.#project = project;
    this.#request = request;
    this.#begins = begins;
    this.#end = end;
    this.#isPlain = !isStructured(project, this.#source(null));
    this.#times = new OutputTimes(project.host, request.agent);
  }

  static async open(project: Project, request: StepsRequest): Promise<StepReader> {
    const { agent, stream, attempt } = request;
    const begins = [];
    for (let number = 1; number <= agent.attempt; number += 1) {
      const at = await project.host.outputStart(agent, number, stream);
      if (at !== null) begins.push({ attempt: number, at });
    }
    if (attempt === null) return new StepReader(project, request, begins, null);
    const index = begins.findIndex((begin) => begin.attempt === attempt);
    const begin = begins[index];
    if (begin === undefined) throw noAttempt(agent, attempt);
    return new StepReader(project, request, [begin], begins[index + 1]?.at ?? null);
  }

  get start(): Position {
    const isOnlyOne = this.#request.attempt !== null;
    return { at: isOnlyOne ? (this.#begins[0]?.at ?? 0) : 0, slot: 0 };
  }

  async forward(from: Position): Promise<StepsPage> {
    const page = new Page(this.#isPlain);
    let at = Math.max(from.at, this.start.at);
    let slot = from.at < at ? 0 : from.slot;
    const done = (position: Position, atEnd: boolean): StepsPage => ({
      steps: page.steps,
      nextCursor: formatPosition(position),
      previousCursor: isBefore(this.start, from) ? formatPosition(from) : null,
      atEnd,
    });
    for (;;) {
      const found = await this.#next(at, this.#end);
      if (found === null) return done({ at, slot }, true);
      const seen = await this.#seenAt(found);
      for (const { item, index } of slotsOf(found)) {
        if (index < slot) continue;
        if (page.count >= this.#request.limit && !page.joins(item)) return done({ at, slot: index }, false);
        if (page.chars > 0 && page.chars + item.text.length > maxPageChars)
          return done({ at, slot: index }, false);
        page.add(item, at, index, seen);
      }
      if (found.next === at) return done({ at, slot: 1 }, true);
      at = found.next;
      slot = 0;
    }
  }

  async backward(before: Position | null): Promise<StepsPage> {
    const to = before ?? { at: Number.MAX_SAFE_INTEGER, slot: 0 };
    const { size } = await readBytes(this.#project, this.#source(null), 0, 0);
    const last = Math.min(to.at, this.#end ?? size, size);
    const kept: { readonly position: Position; readonly step: Step }[] = [];
    let next: Position = { at: last, slot: 0 };
    let from = last;
    let chars = 0;
    let isCut = false;
    // A record that the position is within, or the beginning of an attempt that has printed nothing, comes too.
    for (let end = last + 1; kept.length === 0 && end > this.start.at; end = from) {
      from = await this.#lineBefore(Math.max(this.start.at, Math.min(end, last) - backBytes));
      if (end > last) next = { at: from, slot: 0 };
      const page = new Page(this.#isPlain);
      let at = from;
      for (;;) {
        const found = at < end ? await this.#next(at, end > last ? this.#end : end) : null;
        if (found === null) break;
        const seen = await this.#seenAt(found);
        for (const { item, index } of slotsOf(found)) {
          if (at > to.at || (at === to.at && index >= to.slot)) break;
          if (page.add(item, at, index, seen)) kept.push({ position: { at, slot: index }, step: page.last });
          else kept[kept.length - 1] = { ...(kept.at(-1) as (typeof kept)[0]), step: page.last };
          chars += item.text.length;
          while (kept.length > this.#request.limit || (chars > maxPageChars && kept.length > 1)) {
            chars -= kept.shift()?.step.text.length ?? 0;
            isCut = true;
          }
        }
        if (found.next === at) {
          if (end > last) next = { at, slot: 1 };
          break;
        }
        at = found.next;
        if (end > last && at <= to.at) next = { at, slot: 0 };
      }
      if (last - from > maxBackBytes) break;
    }
    const first = isCut ? kept[0]?.position : undefined;
    const previous = first ?? { at: from, slot: 0 };
    return {
      steps: kept.map(({ step }) => step),
      nextCursor: formatPosition(before ?? next),
      previousCursor: isBefore(this.start, previous) ? formatPosition(previous) : null,
      atEnd: before === null,
    };
  }

  /** @param end null: as much as there is, without an incomplete line of a program that runs */
  async #next(at: number, end: number | null): Promise<Found | null> {
    const later = this.#begins.find((begin) => begin.at > at);
    const attempt = this.#begins.findLast((begin) => begin.at === at)?.attempt ?? null;
    const until = later === undefined ? end : Math.min(later.at, end ?? later.at);
    const shown = this.#begins.length > 1 ? attempt : null;
    const known = lineWithin(this.#window, at);
    const line =
      known !== null && known.next <= (until ?? known.next)
        ? known
        : await nextLine(this.#project, this.#source(until), at, this.#window);
    if (line !== null) return { at, next: line.next, attempt: shown, items: this.#itemsIn(line) };
    return shown === null ? null : { at, next: at, attempt: shown, items: [] };
  }

  #source(until: number | null): LineSource {
    const { agent, stream } = this.#request;
    return { agent, view: 'readable', stream, until, maxChars: maxStepChars };
  }

  /** The beginning of the line around a position. */
  async #lineBefore(position: number): Promise<number> {
    const source = this.#source(null);
    for (let at = position; ; ) {
      const found = await startOfLine(this.#project, source, at);
      if (found < at || at === 0) return found;
      if (this.#isPlain || position - at > maxBackBytes) return position;
      // A record can only be read as a whole.
      at = Math.max(0, at - maxStepChars);
    }
  }

  async #seenAt({ next }: Found): Promise<number | null> {
    const { stream } = this.#request;
    await this.#times.load(stream, next);
    const { at } = this.#times.of(stream, next);
    return at === 0 ? null : at;
  }

  #itemsIn({ bytes }: Line): Found['items'] {
    if (bytes === null) {
      return [{ kind: 'notice', text: `Skipped a line longer than ${maxLineBytes / 1024 / 1024} MiB.` }];
    }
    const { agent, stream } = this.#request;
    if (this.#isPlain) {
      const text = cleanText(new TextDecoder().decode(bytes));
      return text === '' ? [] : [{ kind: stream === 'stderr' ? 'stderr' : 'text', text }];
    }
    return activitiesIn(this.#project, agent, bytes).flatMap(itemsOf);
  }
}

/** Collects steps. Lines of a plain stream become blocks. */
class Page {
  readonly #isPlain: boolean;
  readonly #steps: Step[] = [];
  chars = 0;

  constructor(isPlain: boolean) {
    this.#isPlain = isPlain;
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  get count(): number {
    return this.#steps.length;
  }

  get last(): Step {
    return this.#steps.at(-1) as Step;
  }

  joins({ kind, text }: Found['items'][0]): boolean {
    const last = this.#steps.at(-1);
    return this.#isPlain && last?.kind === kind && last.text.length + text.length <= blockChars;
  }

  /** @returns false if it became a part of the last step */
  add(item: Found['items'][0], at: number, index: number, seen: number | null): boolean {
    this.chars += item.text.length;
    if (this.joins(item)) {
      this.#steps[this.#steps.length - 1] = { ...this.last, text: this.last.text + item.text };
      return false;
    }
    this.#steps.push({ seq: at * slots + index, at: seen, ...item });
    return true;
  }
}

function* slotsOf({ attempt, items }: Found) {
  if (attempt !== null) {
    yield { item: { kind: 'attempt', title: `Attempt ${attempt}`, text: '' } as const, index: 0 };
  }
  for (const [index, item] of items.slice(0, slots - 1).entries()) yield { item, index: index + 1 };
}

function itemsOf(activity: AgentActivity): Found['items'] {
  switch (activity.type) {
    case 'text':
    case 'notice':
      return said({ kind: activity.type }, activity.text);
    case 'tool_use':
      return [{ kind: 'tool', tool: cleanText(activity.tool), ...bounded(activity.detail) }];
    case 'tool_result':
      return said({ kind: 'result', ...(activity.ok ? {} : { isError: true }) }, activity.text);
    case 'result':
      return said(
        { kind: 'result', title: 'Final result', ...(activity.ok ? {} : { isError: true }) },
        activity.text,
      );
    case 'received':
      return said({ kind: 'notice', title: 'Message received' }, activity.text ?? '');
    case 'permission':
      return [
        {
          ...{ kind: 'notice', title: 'Asks for permission', tool: cleanText(activity.tool) },
          ...bounded(activity.action),
        },
      ];
    default:
      return [];
  }
}

/** Nothing for an empty text. */
function said(item: Omit<Found['items'][0], 'text'>, text: string): Found['items'] {
  const shown = bounded(text);
  return shown.text === '' ? [] : [{ ...item, ...shown }];
}

function bounded(text: string): { readonly text: string; readonly truncated?: true } {
  const isLong = text.length > maxStepChars;
  const shown = cleanText(startOf(text, maxStepChars)).trimEnd();
  return isLong ? { text: shown, truncated: true } : { text: shown };
}

function isBefore(one: Position, other: Position): boolean {
  return one.at < other.at || (one.at === other.at && one.slot < other.slot);
}

function formatPosition({ at, slot }: Position): string {
  return slot === 0 ? String(at) : `${at}+${slot}`;
}

function parsePosition(cursor: string): Position {
  const [, at, slot = '0'] = /^([0-9]{1,12})(?:\+([0-9]{1,4}))?$/.exec(cursor) ?? [];
  if (at !== undefined) return { at: Number(at), slot: Number(slot) };
  throw new MaosError(
    'INVALID_INPUT',
    `Invalid cursor ${quote(cursor)}: pass a cursor of another page, or leave it out.`,
  );
}

function noAttempt({ name, attempt: last }: Agent, attempt: number): MaosError {
  const has = last === 0 ? 'it has not started yet' : `its attempts are 1 to ${last}`;
  return new MaosError('INVALID_INPUT', `Agent ${quote(name)} has no output of attempt ${attempt}: ${has}.`, {
    details: { name, attempt },
  });
}
