import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { it } from 'node:test';
import { pause } from '../../../src/application/hosting/persist.ts';
import { TestClock } from '../../helpers/test-clock.ts';

it('a pause that is over leaves nothing on the signal that could have ended it', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const clock = new TestClock();
  const over = pause(clock, 100, signal);
  await clock.pass(100);
  await over;
  assert.deepEqual(getEventListeners(signal, 'abort'), []);

  const early = pause(clock, 100, signal);
  controller.abort();
  await early;
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});
