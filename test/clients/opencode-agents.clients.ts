import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { backendCases, makeBackendBench } from './backend-cases.ts';
import { opencodeDriver } from './opencode-driver.ts';

backendCases(opencodeDriver);

test("an agent on opencode starts no MCP server of the user's or the project's, and its prompt attaches nothing", async (t) => {
  const bench = await makeBackendBench(t, opencodeDriver, { respond: () => ({ text: 'Done.' }) });
  const mark = join(bench.folder, 'started');
  const server = { type: 'local', command: ['/bin/sh', '-c', `echo >"${mark}"; sleep 5`] };
  const settings = (name: string) => JSON.stringify({ mcp: { [name]: server } });
  await writeFile(join(bench.home, '.config', 'opencode', 'opencode.json'), settings('users'));
  await writeFile(join(bench.project, 'opencode.json'), settings('projects'));
  await writeFile(join(bench.project, 'canary.txt'), 'the-canary-sings-at-dawn\n');
  const { status, stdout, stderr } = await bench.run('Read @canary.txt and !`cat canary.txt`.').ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.equal(existsSync(mark), false, 'a server was started');
  const asked = bench.asked.map(({ text }) => text).join('\n');
  assert.ok(asked.includes('Read @canary.txt and !`cat canary.txt`.'));
  assert.ok(!asked.includes('the-canary-sings'));
});

test('an opencode that waits for a provider (429 with Retry-After) is stopped when it has stood still for too long: the session pauses for its quota', async (t) => {
  const bench = await makeBackendBench(t, opencodeDriver, {
    respond: () => ({ refuses: 'rate limit', retryAfterSeconds: 7_200 }),
    settings: { limits: { stallMinutes: 0.25 } },
  });
  await bench.run('Go on.').ended;
  const agent = await bench.agent();
  assert.deepEqual([agent.session, agent.state], ['paused', 'resumable'], JSON.stringify(agent));
  const { stdout } = await bench.maos('status', 'latest', '--json');
  assert.equal(JSON.parse(stdout).pause_reason, 'quota');
  await bench.nothingLeft();
});
