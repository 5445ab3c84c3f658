import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openWorkbench, type Workbench } from './workbench.ts';

describe('what session-status is asked for', () => {
  let bench: Workbench;
  before(async () => {
    bench = await openWorkbench();
  });
  after(() => bench.close());

  it('is no messages, which it does not have: the error names the key', async () => {
    for (const include_messages of [true, false]) {
      const said = await bench.refusal('session-status', { session_id: 'latest', include_messages });
      assert.match(said, /INVALID_INPUT/);
      assert.match(said, /has an unknown key "?\\?"include_messages/);
    }
    const { tools } = await bench.client.listTools();
    const { inputSchema } = tools.find(({ name }) => name === 'session-status') ?? {};
    assert.ok(!JSON.stringify(inputSchema).includes('messages'));
  });
});
