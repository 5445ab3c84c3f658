import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeQwenSettings } from '../helpers/qwen-code.ts';
import { backendCases, makeBackendBench } from './backend-cases.ts';
import { mentionCase, serverCase } from './mention-cases.ts';
import { qwenDriver } from './qwen-driver.ts';

backendCases(qwenDriver);
mentionCase(qwenDriver);
serverCase(qwenDriver, (home, user) => writeQwenSettings(home, { mcpServers: { user } }));

test('a Qwen Code that waits without a word for a provider (429 with Retry-After) is stopped as stalled', async (t) => {
  const bench = await makeBackendBench(t, qwenDriver, {
    respond: () => ({ refuses: 'rate limit', retryAfterSeconds: 7_200 }),
    settings: { limits: { stallMinutes: 0.25 } },
  });
  await bench.run('Go on.').ended;
  const agent = await bench.agent();
  assert.equal(agent.failure?.kind, 'stalled', JSON.stringify(agent));
  await bench.nothingLeft();
});
