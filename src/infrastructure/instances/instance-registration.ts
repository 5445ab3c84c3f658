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

/** An instance as it was written down, and what can be seen of its process from here. */
export interface KnownInstance extends InstanceRecord {
  readonly process: Sighting;
}

/** One that cannot be seen, and was not heard of for so long, is forgotten; if it lives, it announces itself anew. */
const forgottenAfterMs = 86_400_000;
/** A MAOS that cannot be seen holds its agents' slots as long as it was heard of so lately. */
const heardMs = 15_000;

/** Whether an agent's slot is in use: its MAOS or its own process lives, as far as that can be told from here. */
export async function isSlotHeld({ instance, process: agent }: AgentSlot): Promise<boolean> {
  const seen = [instance, agent].flatMap((identity) => (identity === null ? [] : sight(identity)));
  const sightings = await Promise.all(seen);
  if (sightings.includes('alive')) return true;
  return sightings.includes('unseen') && instance !== null && sinceHeard(instance) < heardMs;
}

function sinceHeard({ heartbeatAt }: InstanceRecord): number {
  return Date.parse(systemClock.now()) - Date.parse(heartbeatAt);
}

/** How long one that announces itself waits for others that write: there may be no settings yet. */
const patienceMs = 5_000;

/** Where looking at a process means to run `ps`, a process once found alive is not looked at again for so long. */
const trustMs = 10_000;

/** The running MAOS among those of this machine. Opens `instances.db` when first needed. */
export class InstanceRegistration implements Pick<Instances, 'beat' | 'isAlive' | 'heardAt'> {
  readonly #file: string;
  readonly #onTightened: OnTightened | undefined;
  readonly instance: InstanceId;
  readonly #facts: { readonly version: string; readonly startedAt: string };
  readonly #seenAlive = new Map<InstanceId, number>();
  /** Where this process listens; set before it is announced. */
  port: number | null = null;
  #registry: InstanceRegistry | null = null;
  #announced: Promise<void> | null = null;
  /** As it is written down. */
  #record: InstanceInfo | null = null;

  /**
   * @param home absolute, made already when {@link announce} is called
   * @param onTightened is told of a file that others might read, once it is closed to them
   */
  constructor(home: string, version: string, onTightened?: OnTightened) {
    this.#onTightened = onTightened;
    this.#file = join(home, 'instances.db');
    this.instance = makeInstanceId(makeIdSource().ulid());
    this.#facts = { version, startedAt: systemClock.now() };
  }

  get registry(): InstanceRegistry {
    // Whoever does not find this process in the file that is there now takes it for gone, and its sessions over.
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
   * Writes this process down, once, and forgets those that are gone.
   * @param workspace the folder it works for, for people
   */
  announce(workspace: string): Promise<void> {
    this.#announced ??= this.#announce(workspace).catch((error: unknown) => {
      this.#announced = null;
      throw error;
    });
    return this.#announced;
  }

  beat(at: string): void {
    // Where it cannot be seen, others may have forgotten it: it owns sessions, and must be known.
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

  /** Crosses out instances that are gone: nothing is asked of them any more, and an unknown one counts as gone. */
  async forget(ids: readonly InstanceId[]): Promise<void> {
    for (const id of ids) await whenFree(() => this.registry.remove(id));
  }

  /**
   * Crosses this process out; it announces itself anew if it is used again. One that is about to end has no time for a
   * registry that another holds: whoever comes next finds it gone and crosses it out.
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
