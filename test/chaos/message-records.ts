import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageId } from '../../src/domain/ids.ts';
import type { Message } from '../../src/domain/message.ts';

/** What programs of {@link file://../fixtures/programs/fake-claude.mjs} wrote down. */
function records<T>(root: string, file: string): readonly T[] {
  const path = join(root, file);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

/** The messages in the agent's conversation, in order. */
export function seenBy(root: string, name: string): readonly MessageId[] {
  const texts = records<string>(root, `${name}.seen`);
  return texts.flatMap((text) => idsIn(text, /Message (msg_\w{26}) from /g));
}

/** The messages that the program of an agent read, in order. */
export function readBy(root: string, name: string): readonly MessageId[] {
  const path = join(root, `${name}.read`);
  return existsSync(path) ? idsIn(readFileSync(path, 'utf8'), /^ +"id": "(msg_\w{26})"/gm) : [];
}

const idsIn = (text: string, pattern: RegExp): readonly MessageId[] =>
  [...text.matchAll(pattern)].map(([, id]) => id as MessageId);

/** How entries reached the input of an agent's programs. */
export interface Arrivals {
  readonly entries: number;
  /** Came in more than one attempt of the conversation. */
  readonly repeated: number;
}

/**
 * Asserts that each entry reached the input once in an attempt, and in no attempt after the one that showed it.
 * @param find the message in its last state
 */
export function arrivalsAt(root: string, name: string, find: (id: MessageId) => Message | null): Arrivals {
  const messages = new Map(
    records<{ uuid: string; text: string }>(root, `${name}.heard`).map(({ uuid, text }) => [
      uuid,
      /^Message (msg_\w{26}) from /.exec(text)?.[1] as MessageId,
    ]),
  );
  const starts = new Map<string, number[]>();
  for (const { entry, start } of records<{ entry: string; start: number }>(root, `${name}.stdin`)) {
    const earlier = starts.get(entry) ?? [];
    assert.ok(!earlier.includes(start), `${entry} was written twice to the input of ${name}, start ${start}`);
    starts.set(entry, [...earlier, start]);
    const id = messages.get(entry);
    const shownIn = id === undefined ? null : (find(id)?.agentAttempt ?? null);
    assert.ok(shownIn === null || start <= shownIn, `${id} came to ${name} again after it was shown`);
  }
  return {
    entries: starts.size,
    repeated: [...starts.values()].filter((each) => each.length > 1).length,
  };
}

/** The requests after whose answer the agent's program acted, by key. */
export const actedBy = (root: string, name: string): readonly string[] =>
  records<{ key: string }>(root, `${name}.acted`).map(({ key }) => key);
export const askedBy = (root: string, name: string): readonly string[] =>
  records<string>(root, `${name}.asked`);
