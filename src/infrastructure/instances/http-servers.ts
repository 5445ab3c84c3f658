import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { HttpServer, StoppedServer } from '../../application/ports/http-servers.ts';
import type { InstanceId } from '../../domain/ids.ts';
import { fileError, isMissing } from '../files/disk/file-error.ts';
import { ensureFolder, fileMode } from '../files/disk/folders.ts';
import { startDetachedService } from '../process/launch/detached-service.ts';
import { sight } from '../process/tree/identity.ts';
import type { InstanceRegistration, KnownInstance } from './instance-registration.ts';

/** How long a server may take to end after SIGTERM: it detaches its sessions first. */
const patienceMs = 10_000;
const lookMs = 50;

/**
 * Processes of one home that serve HTTP. Those that {@link HttpServers.start} started have a file named by their
 * instance in a folder of the home, so that they can be stopped, and others are left alone.
 */
export class HttpServers {
  readonly #home: string;
  readonly #version: string;
  readonly #registration: InstanceRegistration;

  constructor(home: string, version: string, registration: InstanceRegistration) {
    this.#home = home;
    this.#version = version;
    this.#registration = registration;
  }

  /** Those of this version, newest first. */
  async running(): Promise<readonly HttpServer[]> {
    const living = (await this.#living()).filter(({ version }) => version === this.#version);
    return living.flatMap(({ pid, port }) => (port === null ? [] : [{ pid, port }])).reverse();
  }

  /** @throws MaosError SPAWN_FAILED, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED */
  async start(project: string): Promise<HttpServer> {
    await ensureFolder(this.#folder);
    const { pid, said } = await startDetachedService({
      home: this.#home,
      args: ['serve', '--http', '127.0.0.1:0', '--no-stdio', '--project', project],
      sign: /^MAOS is listening on http:\/\/127\.0\.0\.1:([0-9]+) /m,
      what: 'server',
    });
    const server = { pid, port: Number(said[1]) };
    const instance = (await this.#living()).find(({ pid }) => pid === server.pid);
    if (instance !== undefined) {
      const path = join(this.#folder, instance.id);
      try {
        writeFileSync(path, '', { mode: fileMode });
      } catch (error) {
        throw fileError(error, 'write', path);
      }
    }
    return server;
  }

  /** Ends all that {@link start} started, of any version. */
  async stop(): Promise<readonly StoppedServer[]> {
    const living = new Map((await this.#living()).map((instance) => [instance.id, instance]));
    const ended = this.#started().map(async (id): Promise<readonly StoppedServer[]> => {
      const instance = living.get(id);
      const stopped = instance === undefined ? [] : [await end(instance)];
      if (stopped.every(({ isGone }) => isGone)) rmSync(join(this.#folder, id), { force: true });
      return stopped;
    });
    return (await Promise.all(ended)).flat();
  }

  get #folder(): string {
    return join(this.#home, 'servers');
  }

  #started(): readonly InstanceId[] {
    try {
      return readdirSync(this.#folder) as InstanceId[];
    } catch (error) {
      if (isMissing(error)) return [];
      throw fileError(error, 'read', this.#folder);
    }
  }

  /** Oldest first. */
  async #living(): Promise<readonly KnownInstance[]> {
    return (await this.#registration.list()).filter(({ process }) => process === 'alive');
  }
}

async function end(instance: KnownInstance): Promise<StoppedServer> {
  const { pid } = instance;
  process.kill(pid, 'SIGTERM');
  const isLiving = async (): Promise<boolean> => (await sight(instance)) === 'alive';
  for (let waitedMs = 0; waitedMs < patienceMs && (await isLiving()); waitedMs += lookMs) await pause(lookMs);
  return { pid, isGone: !(await isLiving()) };
}
