import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { isSettled, requestCancel } from '../../../src/application/control/control.ts';
import type { Project } from '../../../src/application/project.ts';
import type { LogListener, OpenProject, Runtime } from '../../../src/application/runtime.ts';
import { Supervisor } from '../../../src/application/session/supervisor.ts';
import { makeSessionId } from '../../../src/domain/ids.ts';
import { makePlan, type PlanRequest } from '../../../src/domain/plan.ts';
import { createWorkflow, type Workflow } from '../../../src/domain/workflow.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../../src/infrastructure/backends/registry.ts';
import { loadConfig } from '../../../src/infrastructure/config/config.ts';
import {
  ensureHome,
  ensureProjectFolder,
  workspaceHash,
} from '../../../src/infrastructure/files/home/home.ts';
import { makeRoleFiles } from '../../../src/infrastructure/files/roles/role-files.ts';
import { makeIdSource } from '../../../src/infrastructure/ids.ts';
import { InstanceRegistration } from '../../../src/infrastructure/instances/instance-registration.ts';
import { maxResultBytes } from '../../../src/presentation/mcp/answers/budget.ts';
import { serverIdentity } from '../../../src/presentation/mcp/server/identity.ts';
import { registry } from '../../../src/presentation/mcp/server/registry.ts';
import { makeMcpServer } from '../../../src/presentation/mcp/server/server.ts';
import { makeProject } from '../../../src/project-adapters.ts';

/** What a successful call answered: checked against everything that is promised of every answer. */
export type Answer = Readonly<Record<string, unknown>>;

/** A server over a real store, real files and real processes, and a client connected to it. */
export interface Workbench {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly project: Project;
  readonly root: string;
  /** What was logged at level error. */
  readonly errors: readonly unknown[];
  /** Calls a tool that must succeed. */
  ask(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<Answer>;
  /** Calls a tool that must refuse. @returns what the client is shown */
  refusal(name: string, args?: Record<string, unknown>): Promise<string>;
  /** Calls a tool, whatever it answers. */
  call(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<CallToolResult>;
  /** Stores a session that nobody runs, in the server's project or another. */
  store(request: PlanRequest, where?: Project): Workflow;
  /** Writes what an agent printed. */
  writeStdout(workflow: Workflow, name: string, text: string): void;
  /** A command that ends once {@link open} was called with the same name. */
  gate(name: string): string[];
  open(name: string): void;
  close(): Promise<void>;
}

export async function openWorkbench(): Promise<Workbench> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'maos-mcp-home-')));
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'maos-mcp-project-')));
  writeFileSync(join(home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
  const errors: unknown[] = [];
  const runtime = makeRuntime(home, (level, message, fields) => {
    if (level === 'error') errors.push({ message, ...fields });
  });
  const { project, supervisor } = await runtime.openProject(root);

  const ending = new AbortController();
  const server = makeMcpServer({
    runtime,
    identity: serverIdentity(runtime.version),
    projectPath: root,
    ending: ending.signal,
  });
  const client = new Client({ name: 'test', version: '1' });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(far), client.connect(near)]);
  // The client checks structured content only against schemas it has seen.
  await client.listTools();

  const call = async (
    name: string,
    args: Record<string, unknown> = {},
    options?: RequestOptions,
  ): Promise<CallToolResult> => {
    const result = (await client.callTool({ name, arguments: args }, undefined, options)) as CallToolResult;
    const bytes = Buffer.byteLength(JSON.stringify(result));
    assert.ok(bytes < (name === 'list-roles' ? 10_240 : maxResultBytes), `${name} answered ${bytes} bytes`);
    return result;
  };

  return {
    client,
    runtime,
    project,
    root,
    errors,
    call,
    async ask(name, args, options) {
      const result = await call(name, args, options);
      const text = textOf(result);
      assert.notEqual(result.isError, true, text);
      const structured = result.structuredContent as Answer;
      const tool = registry.tools.find((candidate) => candidate.name === name);
      tool?.output?.parse(structured);
      if (name !== 'list-roles') assert.deepEqual(JSON.parse(text), structured);
      return structured;
    },
    async refusal(name, args) {
      const result = await call(name, args);
      assert.equal(result.isError, true, textOf(result));
      assert.equal(result.structuredContent, undefined);
      return textOf(result);
    },
    store(request, { ids, clock, store, instance } = project) {
      const made = {
        sessionId: makeSessionId(ids.ulid()),
        suffixes: request.agents.map(() => ids.suffix()),
      };
      const change = createWorkflow(makePlan(request), made, clock.now());
      store.release(store.create(change, instance));
      return change.next;
    },
    writeStdout(workflow, name, text) {
      const agent = workflow.agents.find((candidate) => candidate.name === name);
      assert.ok(agent);
      const folder = join(project.files.describe(workflow.session.id), 'agents', agent.id);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'stdout.log'), text);
    },
    gate: (name) => ['/bin/sh', '-c', 'until [ -e "$0" ]; do sleep 0.02; done', join(root, `gate-${name}`)],
    open: (name) => writeFileSync(join(root, `gate-${name}`), ''),
    async close() {
      for (const id of supervisor.owned) {
        if (isSettled(project.store.summary(id).session.state)) continue;
        await requestCancel(project, supervisor, id, 'test', 'The test ends.');
      }
      await supervisor.idle();
      ending.abort();
      await client.close();
      runtime.close();
      for (const folder of [home, root])
        rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

export function textOf(result: CallToolResult): string {
  assert.equal(result.content.length, 1);
  const [content] = result.content;
  assert.equal(content?.type, 'text');
  return content.text;
}

/** The runtime of `main.ts`, without what only whole processes need. */
function makeRuntime(home: string, write: Runtime['log']): Runtime {
  const listeners = new Set<LogListener>();
  const log: Runtime['log'] = (level, message, fields = {}) => {
    write(level, message, fields);
    for (const listener of listeners) listener(level, message, fields);
  };
  const ids = makeIdSource();
  const registration = new InstanceRegistration(home, '0.0.0-test');
  const open = new Map<string, OpenProject>();
  ensureHome(home);
  const roles = makeRoleFiles({ home, env: { HOME: home } });
  const openProject = async (root: string): Promise<OpenProject> => {
    const known = open.get(root);
    if (known !== undefined) return known;
    const hash = workspaceHash(root);
    ensureProjectFolder(home, hash);
    const { config } = loadConfig({ home, projectHash: hash, env: {}, flags: {} });
    const project = makeProject({
      ...{ home, hash, root, config, registration, ids, log: { log } },
      instances: {
        announce: () => registration.announce(root),
        beat: (at) => registration.beat(at),
        isAlive: (id) => registration.isAlive(id),
        heardAt: (id) => registration.heardAt(id),
      },
      teams: { note: () => {}, ask: async () => {} },
      parts: {
        ...{ depth: 0, parent: null, roles },
        backends: makeBackends([
          makeClaudeBackend({ config: config.backends.claude, env: { PATH: dirname(process.execPath) } }),
          makeCommandBackend(),
        ]),
      },
    });
    const opened = { project, supervisor: new Supervisor(project), folder: root };
    open.set(root, opened);
    return opened;
  };
  return {
    version: '0.0.0-test',
    home,
    prepare: async () => {},
    projectOf: async (path) => ({ path, former: null }),
    openProject,
    findProject: async (root) => open.get(root) ?? null,
    async *allProjects() {
      yield* open.values();
    },
    lostStore: async () => null,
    probeBackends: async () => [],
    roles: (folder) => roles.read(folder),
    settings: async () => ({ settings: [], warnings: [] }),
    settingsFile: async () => join(home, 'config.json'),
    changeSetting: async () => ({ file: join(home, 'config.json'), changed: false }),
    watchProject: async () => {},
    adoptOrphans: async () => [],
    instances: async () => [],
    forgetInstances: async () => {},
    agentProcesses: async () => [],
    detach: async () => {},
    supervise: async () => {},
    checkStore: async () => null,
    httpToken: async () => 'workbench-token',
    listening: async () => {},
    logs: async () => false,
    log,
    watchLog: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    testNotifications: async () => [],
    finishNotifications: async () => {},
    close: () => {
      for (const { project } of open.values()) project.store.close();
      registration.close();
    },
  };
}
