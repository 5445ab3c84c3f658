import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openWorkbench, type Workbench } from './workbench.ts';

describe('what session-status is asked for', () => {
  let bench: Workbench;
  before(async () => {
    bench = await openWorkbench();
  });
  after(() => bench.close());

  it('is only what it has: the error names any other key', async () => {
    const said = await bench.refusal('session-status', { session_id: 'latest', include_artifacts: true });
    assert.match(said, /INVALID_INPUT/);
    assert.match(said, /has an unknown key "?\\?"include_artifacts/);
  });
});
