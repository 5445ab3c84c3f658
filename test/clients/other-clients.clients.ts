/** Clients that drive MAOS over stdio and HTTP, each with a scripted model: the version of MCP that each chooses, and a call that comes back. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { installCodex, writeCodexConfig } from '../helpers/codex.ts';
import { writeOpencodeConfig } from '../helpers/opencode.ts';
import { writeQwenSettings } from '../helpers/qwen-code.ts';
import type { BackendDriver } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';
import { copilotDriver } from './copilot-driver.ts';
import { passedOverHttp, serveHttp } from './http-bench.ts';
import { opencodeDriver } from './opencode-driver.ts';
import { qwenDriver } from './qwen-driver.ts';
import { passed, tapped } from './wire.ts';
import { makeWorkplace, type Workplace } from './workplace.ts';

interface Client {
  readonly driver: BackendDriver;
  /** The method of its first message, and the version that it and MAOS then speak. */
  readonly opens: string;
  readonly speaks: string;
  readonly install?: () => Promise<string>;
  readonly args: readonly string[];
  /** @param maos where it is: behind the tap, or at a URL */
  register(workplace: Workplace, modelUrl: string, maos: Place): Promise<unknown>;
}

type Place =
  | {
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly url: string; readonly headers: Readonly<Record<string, string>> };

async function placeOf(workplace: Workplace, transport: 'stdio' | 'http'): Promise<Place> {
  if (transport === 'stdio') {
    return { command: process.execPath, args: tapped(workplace), env: { MAOS_HOME: workplace.maosHome } };
  }
  const { url, header } = await serveHttp(workplace);
  return { url: `${url}/mcp`, headers: header };
}

const prompt = 'Which roles are there?';

async function writeJson(path: string, value: object): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, JSON.stringify(value));
}

function registerWithCodex(
  { home }: Workplace,
  modelUrl: string,
  maos: Place,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const server =
    'url' in maos
      ? { url: maos.url, http_headers: maos.headers }
      : { command: maos.command, args: maos.args, env: { ...maos.env, ...env } };
  const patient = {
    default_tools_approval_mode: 'approve',
    required: true,
    startup_timeout_sec: 60,
  } as const;
  return writeCodexConfig(home, modelUrl, { maos: { ...server, ...patient } });
}

const codex: Client = {
  driver: codexDriver,
  ...{ opens: 'initialize', speaks: '2025-06-18' },
  install: () => installCodex({ version: '0.171.0' }),
  args: ['exec', '--json', '--skip-git-repo-check', prompt],
  register: registerWithCodex,
};

const clients: Readonly<Record<string, Client>> = {
  'Codex 0.171': codex,
  'Codex 0.171 with mcp_2026_07_28': {
    ...codex,
    ...{ opens: 'server/discover', speaks: '2026-07-28' },
    args: ['exec', '--enable', 'mcp_2026_07_28', ...codex.args.slice(1)],
    register: (workplace, modelUrl, maos) =>
      registerWithCodex(workplace, modelUrl, maos, { CODEX_MCP_PROTOCOL_VERSION: '2026-07-28' }),
  },
  'Copilot CLI': {
    driver: copilotDriver,
    ...{ opens: 'server/discover', speaks: '2026-07-28' },
    args: ['-p', prompt, '--allow-all-tools'],
    register: ({ home }, _, maos) =>
      writeJson(join(home, '.copilot', 'mcp-config.json'), {
        mcpServers: { maos: { type: 'url' in maos ? 'http' : 'local', ...maos, tools: ['*'] } },
      }),
  },
  opencode: {
    driver: opencodeDriver,
    ...{ opens: 'initialize', speaks: '2025-11-25' },
    args: ['run', prompt],
    register(workplace, modelUrl, maos) {
      const server =
        'url' in maos
          ? { type: 'remote', ...maos }
          : { type: 'local', command: [maos.command, ...maos.args], environment: maos.env };
      return writeOpencodeConfig(workplace.home, modelUrl, { mcp: { maos: { ...server, enabled: true } } });
    },
  },
  'Qwen Code': {
    driver: qwenDriver,
    ...{ opens: 'initialize', speaks: '2025-11-25' },
    args: [prompt, '-o', 'stream-json', '--approval-mode', 'yolo'],
    register: ({ home }, _, maos) =>
      writeQwenSettings(home, {
        mcpServers: { maos: 'url' in maos ? { httpUrl: maos.url, headers: maos.headers } : maos },
      }),
  },
};

async function listsRoles(
  t: TestContext,
  { driver, opens, speaks, install, args, register }: Client,
  transport: 'stdio' | 'http',
) {
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
    if (listRoles !== undefined) return { calls: listRoles, arguments: {} };
    // Qwen shows the model a server's tools only when it searches for them.
    if (!tools.includes('tool_search')) return { text: 'MAOS is not there.' };
    const [found] = /\bmcp__maos__list-roles\b/.exec(text) ?? [];
    return found === undefined
      ? { calls: 'tool_search', arguments: { query: 'list roles' } }
      : { calls: 'tool_call', arguments: { name: found, arguments: {} } };
  });
  t.after(model.close);
  const workplace = await makeWorkplace(t, {
    guardedHome: driver.guardedHome,
    env: (home) => ({ ...driver.env(home, model.url), MAOS_LOG: 'trace' }),
  });
  await driver.setUp?.(workplace.home, model.url);
  const maos = await placeOf(workplace, transport);
  await register(workplace, model.url, maos);
  const { status, stdout, stderr } = await workplace.start(program, args).ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.ok(
    answered !== '',
    `the roles did not reach the model: ${[...offered].join(' ')}\n${stdout}\n${stderr}`,
  );
  const messages = transport === 'stdio' ? passed : passedOverHttp;
  const [first, ...others] = messages(workplace, 'sent');
  assert.equal(first?.method, opens);
  const answer = messages(workplace, 'received').find(({ id }) => id === first?.id)?.result ?? {};
  const [newest] = (answer.supportedVersions ?? [answer.protocolVersion]) as readonly string[];
  assert.equal(newest, speaks);
  const isModern = others.every(({ method }) => method !== 'initialize') && opens !== 'initialize';
  assert.equal(isModern, speaks >= '2026');
  if (transport === 'stdio') await workplace.nothingLeft();
}

for (const transport of ['stdio', 'http'] as const) {
  suite(`MAOS over ${transport} driven by`, { concurrency: 3 }, () => {
    for (const [name, client] of Object.entries(clients)) test(name, (t) => listsRoles(t, client, transport));
  });
}
