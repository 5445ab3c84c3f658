import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  agentHref,
  agentTabs,
  readRoute,
  sessionHref,
  sessionTabs,
} from '../../../src/presentation/page/route.ts';

describe('the address of a view', () => {
  it('leads back to it', () => {
    for (const tab of sessionTabs)
      assert.deepEqual(readRoute(sessionHref('sess_1', tab)), { view: 'session', id: 'sess_1', tab });
    for (const tab of agentTabs)
      for (const agent of ['cart', 'a/b c', '100%', 'ü']) {
        assert.deepEqual(readRoute(agentHref('sess_1', agent, tab)), {
          view: 'agent',
          id: 'sess_1',
          agent,
          tab,
        });
      }
    for (const hash of ['', '#', '#/', '#/sessions']) assert.deepEqual(readRoute(hash), { view: 'sessions' });
    assert.deepEqual([readRoute('#/requests'), readRoute('#/new')], [{ view: 'requests' }, { view: 'new' }]);
  });

  it('that is none is said to be unknown', () => {
    for (const hash of [
      '#/x',
      '#/sessions/../x',
      '#/sessions/a%2fb',
      '#/sessions/s/nothing',
      '#/sessions/s/agents/a/b',
    ])
      assert.deepEqual(readRoute(hash), { view: 'unknown' }, hash);
    assert.deepEqual(readRoute('#/sessions/s/agents/%E0%A4%A'), {
      ...{ view: 'agent', id: 's', agent: '%E0%A4%A', tab: 'steps' },
    });
  });
});
