import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { isSettled, requestCancel } from '../../../src/application/control/control.ts';
import type { Project } from '../../../src/application/project.ts';
import type { LogListener, Runtime } from '../../../src/application/runtime.ts';
import { makeSessionId } from '../../../src/domain/ids.ts';
import { makePlan, type PlanRequest } from '../../../src/domain/plan.ts';
import { createWorkflow, type Workflow } from '../../../src/domain/workflow.ts';
import { ensureHome } from '../../../src/infrastructure/files/home/home.ts';
import { InstanceRegistration } from '../../../src/infrastructure/instances/instance-registration.ts';
import { MaosRuntime } from '../../../src/maos-runtime.ts';
import { maxResultBytes } from '../../../src/presentation/mcp/answers/budget.ts';
import { serverIdentity } from '../../../src/presentation/mcp/server/identity.ts';
import { registry } from '../../../src/presentation/mcp/server/registry.ts';
import { makeMcpServer } from '../../../src/presentation/mcp/server/server.ts';

/** The result of a successful call, checked against everything that is promised of all results. */
export type Answer = Readonly<Record<string, unknown>>;

/** A server over a real store, real files and real processes, and a client connected to it. */
export interface Workbench {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly project: Project;
  readonly root: string;
  /** Log entries of level error. */
  readonly errors: readonly unknown[];
  /** Calls a tool that must succeed. */
  ask(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<Answer>;
  /** Calls a tool that must fail. @returns the error that the client sees */
  refusal(name: string, args?: Record<string, unknown>): Promise<string>;
  /** Calls a tool and returns any result. */
  call(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<CallToolResult>;
  /** Stores a session without an owner, in the server's project or another. */
  store(request: PlanRequest, where?: Project): Workflow;
  /** Writes an agent's output. */
  writeStdout(workflow: Workflow, name: string, text: string): void;
  /** A command that ends once {@link open} has been called with the same name. */
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
  // The client validates structured content only against schemas that it has listed.
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

/** The runtime of `main.ts` in its own home, without any settings of the user who runs the tests. */
function makeRuntime(home: string, write: LogListener): MaosRuntime {
  const { MAOS_HOME: before } = process.env;
  process.env.MAOS_HOME = home;
  process.env.HOME = home;
  try {
    ensureHome(home);
    return new MaosRuntime({}, new InstanceRegistration(home, '0.0.0-test'), new Set([write]));
  } finally {
    if (before === undefined) delete process.env.MAOS_HOME;
    else process.env.MAOS_HOME = before;
  }
}

/** The runtime with replaced parts. Not a copy, because its methods are those of a class. */
export function runtimeWith(runtime: Runtime, own: Partial<Runtime>): Runtime {
  return new Proxy(runtime, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
