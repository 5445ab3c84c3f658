import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installClient } from '../helpers/client-installation.ts';

/** A library of the registry, loaded from where it was installed. Its ESM build may not load on current Node. */
async function load(name: string, version: string, folder: string): Promise<unknown> {
  const client = { package: name, version, executable: null, folder, env: () => ({}) };
  const installed = await installClient(client);
  return createRequire(join(installed, 'package.json'))(name);
}

export interface AcpPart {
  readonly name?: string | null;
  readonly content?: string | null;
  readonly content_type?: string | null;
  readonly content_encoding?: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

export interface AcpMessage {
  readonly role?: string;
  readonly parts: readonly AcpPart[];
}

export interface AcpRun {
  readonly run_id: string;
  readonly agent_name: string;
  readonly status: string;
  readonly output: readonly AcpMessage[];
  readonly await_request?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly data?: unknown } | null;
}

export interface AcpEventSeen {
  readonly type: string;
  readonly run?: AcpRun;
}

/** The official client, as far as the tests use it. */
export interface AcpClient {
  readonly sessionId?: string;
  ping(): Promise<void>;
  agents(): Promise<readonly { readonly name: string }[]>;
  agent(name: string): Promise<{ readonly name: string }>;
  runSync(agent: string, input: readonly AcpMessage[]): Promise<AcpRun>;
  runAsync(agent: string, input: readonly AcpMessage[]): Promise<AcpRun>;
  runStream(agent: string, input: readonly AcpMessage[], signal?: AbortSignal): AsyncIterable<AcpEventSeen>;
  runStatus(id: string): Promise<AcpRun>;
  runEvents(id: string): Promise<readonly AcpEventSeen[]>;
  runCancel(id: string): Promise<AcpRun>;
  runResumeSync(id: string, resume: unknown): Promise<AcpRun>;
  runResumeAsync(id: string, resume: unknown): Promise<AcpRun>;
  runResumeStream(id: string, resume: unknown): AsyncIterable<AcpEventSeen>;
  withSession<T>(work: (session: AcpClient) => Promise<T>, id?: string): Promise<T>;
}

interface AcpSdk {
  readonly Client: new (init: { baseUrl: string; fetch?: typeof fetch; sessionId?: string }) => AcpClient;
}

export async function acpSdk(): Promise<AcpSdk> {
  return (await load('acp-sdk', '1.0.3', 'acp-sdk')) as AcpSdk;
}

/** What an awaiting run is resumed with. */
export const goOn = { type: 'message', message: { role: 'user', parts: [] } };

export async function all(events: AsyncIterable<AcpEventSeen>): Promise<readonly AcpEventSeen[]> {
  const seen: AcpEventSeen[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** Waits, by asking, until the run has one of these statuses. */
export async function until(client: AcpClient, id: string, ...statuses: readonly string[]): Promise<AcpRun> {
  for (;;) {
    const run = await client.runStatus(id);
    if (statuses.includes(run.status)) return run;
    await sleep(20);
  }
}

interface OpenApiValidator {
  validate(document: unknown): Promise<{ readonly valid: boolean; readonly errors?: unknown }>;
}

/** Checks a document against the OpenAPI Initiative's own schema of the version it names. */
export async function openApiValidator(): Promise<OpenApiValidator> {
  const name = '@seriousme/openapi-schema-validator';
  const loaded = (await load(name, '2.9.0', 'openapi-schema-validator')) as {
    readonly Validator: new () => OpenApiValidator;
  };
  return new loaded.Validator();
}
