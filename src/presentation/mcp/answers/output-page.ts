import type { Project } from '../../../application/project.ts';
import { readAgentOutput } from '../../../application/queries/agent-output.ts';
import { isStructured, type OutputView } from '../../../application/queries/output-lines.ts';
import type { Agent } from '../../../domain/agent.ts';
import { endOf } from '../../../domain/cut-text.ts';
import { costOf } from './budget.ts';
import { notACursor } from './cursor.ts';

export interface OutputSource {
  readonly project: Project;
  readonly agent: Agent;
  readonly view: OutputView;
  readonly check?: number | undefined;
}

export interface OutputPageAnswer {
  readonly summary: string;
  readonly text: string;
  readonly next_cursor: string;
  readonly at_end: boolean;
}

/** A position in the stream, and how many characters of the line at that position were already shown. */
interface Position {
  readonly at: string;
  readonly shown: number;
}

/**
 * The next page of an agent's output, limited in bytes of the result.
 *
 * Problem: the application pages by lines and characters, and cuts a line that is longer than a page. A result is
 * limited in bytes, and an agent's whole report can be one line of its stream.
 * Solution: read such a line again for each page; the cursor also says how much of it was shown.
 *
 * @throws MaosError INVALID_INPUT for an invalid cursor
 */
export async function readPage(
  source: OutputSource,
  cursor: string | null,
  bytes: number,
): Promise<OutputPageAnswer> {
  const { project, agent, view, check } = source;
  const { at, shown } = parsePosition(cursor);
  // A character takes at least two bytes. If the page turns out too large, read it again with fewer characters.
  for (let length = Math.floor(bytes / 2); ; ) {
    const maxChars = shown + length;
    const slice = await readAgentOutput(project, {
      agent,
      view,
      check,
      tailLines: null,
      cursor: at,
      maxChars,
    });
    const text = slice.text.slice(shown);
    const fitting = countFittingChars(text, bytes);
    if (fitting < text.length) {
      length = Math.max(1, fitting);
      continue;
    }
    const lineGoesOn = isStructured(project, source) && slice.text.length >= maxChars;
    if (!lineGoesOn) return answer(text, slice.cursor, slice.atEnd, agent);
    const whole = text.length > 1 ? withoutHalfCharacter(text) : text;
    return answer(whole, formatPosition({ at, shown: shown + whole.length }), false, agent);
  }
}

/** The last lines, cut at their beginning if they do not fit. */
export async function readTail(
  { project, agent, view, check }: OutputSource,
  lines: number,
  bytes: number,
): Promise<OutputPageAnswer> {
  const maxChars = Math.floor(bytes / 2);
  const slice = await readAgentOutput(project, {
    agent,
    view,
    check,
    tailLines: lines,
    cursor: null,
    maxChars,
  });
  const reversed = [...slice.text].reverse().join('');
  const fitting = countFittingChars(reversed, bytes);
  const text = endOf(slice.text, fitting);
  const cut = fitting < slice.text.length || slice.text.length >= maxChars;
  const summary = cut
    ? 'The last lines are too long for one answer; this is their end. Page from the start to read everything.'
    : sayMore(text, true, agent);
  return { summary, text, next_cursor: slice.cursor, at_end: true };
}

function answer(text: string, cursor: string, atEnd: boolean, agent: Agent): OutputPageAnswer {
  return { summary: sayMore(text, atEnd, agent), text, next_cursor: cursor, at_end: atEnd };
}

/** Half of a surrogate pair would be lost on both pages. */
function withoutHalfCharacter(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}

function sayMore(text: string, atEnd: boolean, agent: Agent): string {
  if (!atEnd) return 'There is more: call again with cursor set to next_cursor.';
  const written = text === '' ? 'Nothing was written to this stream' : 'This is the end';
  return agent.state === 'running' ? `${written} so far.` : `${written}.`;
}

/** How many characters from the beginning fit into the bytes, without splitting a surrogate pair. */
function countFittingChars(text: string, bytes: number): number {
  if (costOf(text) <= bytes) return text.length;
  let left = bytes - costOf('');
  let count = 0;
  for (const character of text) {
    left -= costOf(character) - costOf('');
    if (left < 0) break;
    count += character.length;
  }
  return count;
}

function formatPosition({ at, shown }: Position): string {
  return `${at}+${shown}`;
}

function parsePosition(cursor: string | null): Position {
  if (cursor === null) return { at: '0', shown: 0 };
  const [, at, shown = '0'] = /^([0-9]{1,15})(?:\+([0-9]{1,8}))?$/.exec(cursor) ?? [];
  if (at === undefined) throw notACursor(cursor, 'agent-output');
  return { at, shown: Number(shown) };
}
