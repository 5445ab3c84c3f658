import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { backendCases, makeBackendBench } from './backend-cases.ts';
import { copilotDriver } from './copilot-driver.ts';

backendCases(copilotDriver);

test("an agent on copilot starts none of the user's MCP servers, and its prompt attaches nothing", async (t) => {
  const bench = await makeBackendBench(t, copilotDriver, { respond: () => ({ text: 'Done.' }) });
  const mark = join(bench.folder, 'started');
  const server = { command: '/bin/sh', args: ['-c', `echo >"${mark}"; sleep 5`], tools: ['*'] };
  const servers = JSON.stringify({ mcpServers: { user: server } });
  await mkdir(join(bench.home, '.copilot'));
  await writeFile(join(bench.home, '.copilot', 'mcp-config.json'), servers);
  await writeFile(join(bench.project, '.mcp.json'), servers);
  await writeFile(join(bench.project, 'canary.txt'), 'the-canary-sings-at-dawn\n');
  const { status, stdout, stderr } = await bench.run('Read @canary.txt and !`cat canary.txt`.').ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.equal(existsSync(mark), false, 'a server was started');
  const asked = bench.asked.map(({ text }) => text).join('\n');
  assert.ok(asked.includes('Read @canary.txt and !`cat canary.txt`.'));
  assert.ok(!asked.includes('the-canary-sings'));
});
