import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { makeMessageId } from '../../../src/domain/ids.ts';
import { makeIdSource } from '../../../src/infrastructure/ids.ts';
import { messageBench, messageStoreContract, room } from '../../helpers/message-store-contract.ts';
import { runStoreProcess } from './child.ts';
import { at, tempStore } from './samples.ts';

const ids = makeIdSource();

messageStoreContract(tempStore);

describe('the message store', () => {
  it('goes with its session, replies and all', (t) => {
    const { store, sessionId, send } = messageBench(tempStore(t));
    const { id } = send();
    send({ replyTo: null });
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    db.exec(`PRAGMA foreign_keys = ON; UPDATE messages SET reply_to = '${id}' WHERE id <> '${id}'`);
    db.prepare('DELETE FROM sessions WHERE id = ?').run(sessionId);
    assert.equal(db.prepare('SELECT count(*) AS n FROM messages').get()?.n, 0);
  });

  it('finds what is due and what has expired by index', (t) => {
    const { store } = messageBench(tempStore(t));
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    const plan = (sql: string): string =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row.detail))
        .join('; ');
    const due =
      plan(`SELECT id FROM messages WHERE session_id = 'a' AND recipient_id IS 'b' AND state = 'queued' AND via IS NULL
      AND available_at <= 'c' ORDER BY available_at, place LIMIT 1`);
    assert.match(
      due,
      /USING (COVERING )?INDEX messages_due \(session_id=\? AND recipient_id=\? AND available_at<\?\)/,
    );
    assert.doesNotMatch(due, /TEMP B-TREE/);
    assert.match(
      plan(`SELECT 1 FROM messages
        WHERE lease_until <= 'x' OR (state = 'queued' AND via IS NULL AND expires_at <= 'x')`),
      /MULTI-INDEX OR.*INDEX messages_leased.*INDEX messages_expiring/,
    );
    assert.match(
      plan("SELECT 1 FROM messages WHERE recipient_id = 'x' AND recorded < revision"),
      /INDEX messages_unrecorded/,
    );
  });
});

describe('several processes', () => {
  it('that lease the same 1,000 messages at once get each exactly once', async (t) => {
    const { store, messages, sessionId, to, draft } = messageBench(tempStore(t));
    const id = makeMessageId(ids.ulid());
    const sent = Array.from({ length: 1_000 }, () => draft({ broadcastId: id }));
    messages.add(id, sent, room(1_000), at);
    const takers = [1, 2].map(() => runStoreProcess(t, 'takeMessages', [store.file, sessionId, to]));
    await Promise.all(takers.map((taker) => taker.next()));
    for (const taker of takers) taker.process.stdin?.write('go\n');
    const taken = await Promise.all(takers.map((taker) => taker.finish()));
    t.diagnostic(`shares: ${taken.map(({ length }) => length).join(' to ')}`);
    assert.deepEqual(taken.flat().sort(), sent.map((message) => `${message.id} 1`).sort());
    assert.equal(messages.list({ sessionId, state: 'delivered', limit: 2_000 }).length, 1_000);
    const db = new DatabaseSync(store.file, { readOnly: true });
    t.after(() => db.close());
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  });
});
