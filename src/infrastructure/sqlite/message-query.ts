import type { SQLInputValue } from 'node:sqlite';
import type { MessageQuery } from '../../application/ports/messages.ts';
import { selectMessages } from './message-rows.ts';

/**
 * The statement for a list of messages. The filters are few and fixed, so there are few different statements, except
 * for the number of words.
 */
export function listQuery(query: MessageQuery): {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
} {
  const { words = [], limit } = query;
  const filters: readonly (readonly [sql: string, ...values: (SQLInputValue | undefined)[]])[] = [
    ['session_id = ?', query.sessionId],
    ['recipient_id IS ?', query.to],
    ['state = ?', query.state],
    ['type = ?', query.type],
    ['correlation_id = ?', query.correlationId],
    ['reply_to = ?', query.replyTo],
    ['id < ?', query.before],
    ...words.map(
      (word) => ["(body LIKE ? ESCAPE '\\' OR subject LIKE ? ESCAPE '\\')", like(word), like(word)] as const,
    ),
  ];
  const given = filters.filter(([, ...values]) => !values.includes(undefined));
  const where = given.map(([sql]) => sql).join(' AND ') || 'TRUE';
  return {
    sql: `${selectMessages} WHERE ${where} ORDER BY id DESC LIMIT ?`,
    values: [...given.flatMap(([, ...values]) => values as SQLInputValue[]), limit],
  };
}

/** The statement for ids that begin or end with a text. Null: no id can. */
export function idsQuery(
  given: string,
  limit: number,
): { readonly sql: string; readonly values: readonly SQLInputValue[] } | null {
  const wanted = given.replace(/^msg_/i, '').toUpperCase();
  if (!/^[0-9A-Z]*$/.test(wanted)) return null;
  const from = `msg_${wanted}`;
  // A text with the prefix `msg_` is the start of an id; any other may also be its end.
  const tail = given.length > wanted.length || wanted === '' ? null : wanted;
  return {
    sql: 'SELECT id FROM messages WHERE (id >= ? AND id < ?) OR substr(id, ?) = ? ORDER BY id DESC LIMIT ?',
    values: [from, `${from}~`, -wanted.length, tail, limit],
  };
}

/** Escapes wildcards, because a search word is plain text. */
function like(word: string): string {
  return `%${word.replace(/[\\%_]/g, '\\$&')}%`;
}
