import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { inputRequestStoreContract, requestBench } from '../../helpers/input-request-store-contract.ts';
import { tempStore } from './samples.ts';

inputRequestStoreContract(tempStore);

describe('the store of requests', () => {
  it('forgets them with their session', (t) => {
    const { store, sessionId, open } = requestBench(tempStore(t));
    open();
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    db.exec('PRAGMA foreign_keys = ON');
    db.prepare('DELETE FROM sessions WHERE id = ?').run(sessionId);
    assert.equal(db.prepare('SELECT count(*) AS n FROM input_requests').get()?.n, 0);
  });

  it('finds what is open and what is due by index', (t) => {
    const { store } = requestBench(tempStore(t));
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    const plan = (where: string): string =>
      db
        .prepare(`EXPLAIN QUERY PLAN SELECT id FROM input_requests WHERE ${where}`)
        .all()
        .map((row) => String(row.detail))
        .join('; ');
    assert.match(plan("state = 'open' AND expires_at <= 'x'"), /INDEX input_requests_open \(expires_at<\?\)/);
    assert.match(plan("state = 'open' AND session_id = 'x'"), /^SEARCH|INDEX input_requests_open/);
    assert.match(plan("session_id = 'x' AND id < 'y' ORDER BY id DESC"), /^SEARCH[^;]*$/);
    assert.match(plan("agent_id = 'x' AND attempt = 1 AND request_key = 'y'"), /^SEARCH[^;]*$/);
  });
});
