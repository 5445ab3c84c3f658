import { join } from 'node:path';
import type { Instances } from '../../application/ports/instances.ts';
import { untilFree } from '../../application/when-free.ts';
import { isMaosError } from '../../domain/errors.ts';
import { type InstanceId, makeInstanceId } from '../../domain/ids.ts';
import { systemClock } from '../clock.ts';
import { makeIdSource } from '../ids.ts';
import {
  identify,
  isFromHere,
  mayBeAlive,
  type ProcessIdentity,
  type Sighting,
  sight,
} from '../process/tree/identity.ts';
import {
  type AgentSlot,
  type InstanceInfo,
  type InstanceRecord,
  type InstanceRegistry,
  openInstanceRegistry,
} from '../sqlite/instance-registry.ts';
import type { OnTightened } from '../sqlite/open-database.ts';

/** A registered instance, and the state of its process as seen from here. */
export interface KnownInstance extends InstanceRecord {
  readonly process: Sighting;
}

/** An invisible instance without a heartbeat for this long is removed; if it lives, it registers again. */
const forgottenAfterMs = 86_400_000;
/** An invisible MAOS holds its agents' slots while its heartbeat is at most this old. */
const heardMs = 15_000;

/** Whether an agent's slot is in use: its MAOS or its own process lives, as far as can be told from here. */
export async function isSlotHeld({ instance, process: agent }: AgentSlot): Promise<boolean> {
  const seen = [instance, agent].flatMap((identity) => (identity === null ? [] : sight(identity)));
  const sightings = await Promise.all(seen);
  if (sightings.includes('alive')) return true;
  return sightings.includes('unseen') && instance !== null && sinceHeard(instance) < heardMs;
}

function sinceHeard({ heartbeatAt }: InstanceRecord): number {
  return Date.parse(systemClock.now()) - Date.parse(heartbeatAt);
}

/** How long registering waits for other writers. Fixed, because the settings may not be loaded yet. */
const patienceMs = 5_000;

/** Where checking a process means running `ps`, one found alive is not checked again for this long. */
const trustMs = 10_000;

/** This instance in the registry of this machine. Opens `instances.db` when first needed. */
export class InstanceRegistration implements Pick<Instances, 'beat' | 'isAlive' | 'heardAt'> {
  readonly #file: string;
  readonly #onTightened: OnTightened | undefined;
  readonly instance: InstanceId;
  readonly #facts: { readonly version: string; readonly startedAt: string };
  readonly #seenAlive = new Map<InstanceId, number>();
  /** Port of the HTTP server; set before the instance is announced. */
  port: number | null = null;
  #registry: InstanceRegistry | null = null;
  #announced: Promise<void> | null = null;
  /** The registered record. */
  #record: InstanceInfo | null = null;

  /**
   * @param home absolute; must exist when {@link announce} is called
   * @param onTightened called with each file whose mode was restricted because others could read it
   */
  constructor(home: string, version: string, onTightened?: OnTightened) {
    this.#onTightened = onTightened;
    this.#file = join(home, 'instances.db');
    this.instance = makeInstanceId(makeIdSource().ulid());
    this.#facts = { version, startedAt: systemClock.now() };
  }

  get registry(): InstanceRegistry {
    // Reopen and register again: processes that do not find this one in the current file take over its sessions.
    if (this.#registry?.isLost === true) this.close();
    if (this.#registry !== null) return this.#registry;
    const registry = openInstanceRegistry({ file: this.#file, onTightened: this.#onTightened });
    try {
      if (this.#record !== null) registry.register(this.#record);
    } catch (error) {
      registry.close();
      throw error;
    }
    this.#registry = registry;
    return registry;
  }

  /**
   * Registers this process, once, and removes instances that have ended.
   * @param workspace the folder that it works for, for people
   */
  announce(workspace: string): Promise<void> {
    this.#announced ??= this.#announce(workspace).catch((error: unknown) => {
      this.#announced = null;
      throw error;
    });
    return this.#announced;
  }

  beat(at: string): void {
    // Others may have removed this instance if they cannot see it; it owns sessions, so it must be registered.
    const isKnown = this.registry.heartbeat(this.instance, at);
    if (!isKnown && this.#record !== null) this.registry.register({ ...this.#record, heartbeatAt: at });
  }

  async isAlive(id: InstanceId): Promise<boolean> {
    const found = this.registry.list().find((candidate) => candidate.id === id);
    return found !== undefined && this.#runs(found);
  }

  heardAt(id: InstanceId): string | null {
    return this.registry.list().find((candidate) => candidate.id === id)?.heartbeatAt ?? null;
  }

  /** Oldest first. */
  async list(): Promise<readonly KnownInstance[]> {
    const records = this.registry.list();
    return Promise.all(records.map(async (record) => ({ ...record, process: await sight(record) })));
  }

  /** Removes instances that have ended. An unregistered instance counts as ended. */
  async forget(ids: readonly InstanceId[]): Promise<void> {
    for (const id of ids) await whenFree(() => this.registry.remove(id));
  }

  /**
   * Unregisters this process; if it is used again, it registers again. Does not wait for a locked registry, because the
   * process may be about to end: the next process finds it gone and removes it.
   */
  withdraw(): void {
    if (this.#announced === null) return;
    this.#announced = null;
    this.#record = null;
    try {
      this.registry.remove(this.instance);
    } catch (error) {
      if (!isMaosError(error, 'STORE_BUSY')) throw error;
    }
  }

  close(): void {
    this.#registry?.close();
    this.#registry = null;
  }

  async #announce(workspace: string): Promise<void> {
    const self = (await identify(process.pid)) as ProcessIdentity;
    const record = { id: this.instance, ...this.#facts, port: this.port, workspace, ...self };
    await whenFree(() => this.registry.register(record));
    this.#record = record;
    const isOver = (known: KnownInstance): boolean =>
      known.process === 'gone' || (known.process === 'unseen' && sinceHeard(known) > forgottenAfterMs);
    await this.forget((await this.list()).filter(isOver).map(({ id }) => id));
  }

  async #runs(record: InstanceRecord): Promise<boolean> {
    if (process.platform === 'linux') return (await sight(record)) !== 'gone';
    if ((await isFromHere(record)) && !mayBeAlive(record.pid)) return false;
    const seen = this.#seenAlive.get(record.id) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - seen < trustMs) return true;
    const alive = (await sight(record)) !== 'gone';
    if (alive) this.#seenAlive.set(record.id, performance.now());
    else this.#seenAlive.delete(record.id);
    return alive;
  }
}

function whenFree<T>(work: () => T): Promise<T> {
  return untilFree(systemClock, () => patienceMs, work);
}
