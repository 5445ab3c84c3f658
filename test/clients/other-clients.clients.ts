/** Clients that drive MAOS over stdio, each with a scripted model: the version of MCP that each chooses, and a call that comes back. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { installCodex, writeCodexConfig } from '../helpers/codex.ts';
import { writeOpencodeConfig } from '../helpers/opencode.ts';
import type { BackendDriver } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';
import { copilotDriver } from './copilot-driver.ts';
import { opencodeDriver } from './opencode-driver.ts';
import { passed, tapped } from './wire.ts';
import { makeWorkplace, type Workplace } from './workplace.ts';

interface Client {
  readonly driver: BackendDriver;
  /** The method of its first message, and the version that it and MAOS then speak. */
  readonly opens: string;
  readonly speaks: string;
  readonly install?: () => Promise<string>;
  readonly args: readonly string[];
  /** Registers MAOS behind the tap. */
  register(workplace: Workplace, modelUrl: string): Promise<unknown>;
}

const prompt = 'Which roles are there?';

function entry(workplace: Workplace) {
  return { command: process.execPath, args: tapped(workplace), env: { MAOS_HOME: workplace.maosHome } };
}

async function writeJson(path: string, value: object): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, JSON.stringify(value));
}

const codex: Client = {
  driver: codexDriver,
  ...{ opens: 'initialize', speaks: '2025-06-18' },
  install: () => installCodex({ version: '0.171.0' }),
  args: ['exec', '--json', '--skip-git-repo-check', prompt],
  register: (workplace, url) =>
    writeCodexConfig(workplace.home, url, {
      maos: {
        ...entry(workplace),
        default_tools_approval_mode: 'approve',
        required: true,
        startup_timeout_sec: 60,
      },
    }),
};

const clients: Readonly<Record<string, Client>> = {
  'Codex 0.171': codex,
  'Codex 0.171 with mcp_2026_07_28': {
    ...codex,
    ...{ opens: 'server/discover', speaks: '2026-07-28' },
    args: ['exec', '--enable', 'mcp_2026_07_28', ...codex.args.slice(1)],
    register(workplace, url) {
      const { env, ...server } = entry(workplace);
      return writeCodexConfig(workplace.home, url, {
        maos: {
          ...server,
          env: { ...env, CODEX_MCP_PROTOCOL_VERSION: '2026-07-28' },
          ...{ default_tools_approval_mode: 'approve', required: true, startup_timeout_sec: 60 },
        },
      });
    },
  },
  'Copilot CLI': {
    driver: copilotDriver,
    ...{ opens: 'server/discover', speaks: '2026-07-28' },
    args: ['-p', prompt, '--allow-all-tools'],
    register: (workplace) =>
      writeJson(join(workplace.home, '.copilot', 'mcp-config.json'), {
        mcpServers: { maos: { type: 'local', ...entry(workplace), tools: ['*'] } },
      }),
  },
  opencode: {
    driver: opencodeDriver,
    ...{ opens: 'initialize', speaks: '2025-11-25' },
    args: ['run', prompt],
    register(workplace, url) {
      const { command, args, env } = entry(workplace);
      const maos = { type: 'local', command: [command, ...args], environment: env, enabled: true };
      return writeOpencodeConfig(workplace.home, url, { mcp: { maos } });
    },
  },
};

async function listsRoles(t: TestContext, { driver, opens, speaks, install, args, register }: Client) {
  const program = await (install ?? driver.install)();
  const offered = new Set<string>();
  let answered = '';
  const model = await driver.startModel(({ tools, text }) => {
    for (const tool of tools) offered.add(tool);
    if (text.includes('backend_engineer')) {
      answered = text;
      return { text: 'There are many.' };
    }
    const listRoles = tools.find((name) => /list[-_]roles$/.test(name));
    return listRoles === undefined ? { text: 'MAOS is not there.' } : { calls: listRoles, arguments: {} };
  });
  t.after(model.close);
  const workplace = await makeWorkplace(t, {
    guardedHome: driver.guardedHome,
    env: (home) => driver.env(home, model.url),
  });
  await driver.setUp?.(workplace.home, model.url);
  await register(workplace, model.url);
  const { status, stdout, stderr } = await workplace.start(program, args).ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.ok(
    answered !== '',
    `the roles did not reach the model: ${[...offered].join(' ')}\n${stdout}\n${stderr}`,
  );
  const [first, ...others] = passed(workplace, 'sent');
  assert.equal(first?.method, opens);
  const answer = passed(workplace, 'received').find(({ id }) => id === first?.id)?.result ?? {};
  const [newest] = (answer.supportedVersions ?? [answer.protocolVersion]) as readonly string[];
  assert.equal(newest, speaks);
  const isModern = others.every(({ method }) => method !== 'initialize') && opens !== 'initialize';
  assert.equal(isModern, speaks >= '2026');
  await workplace.nothingLeft();
}

suite('MAOS driven by', { concurrency: 3 }, () => {
  for (const [name, client] of Object.entries(clients)) test(name, (t) => listsRoles(t, client));
});
