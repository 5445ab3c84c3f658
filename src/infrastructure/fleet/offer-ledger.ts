import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { AttemptKey, Fleet } from '../../application/ports/fleet.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { fileMode } from '../files/disk/folders.ts';
import { claimName } from '../process/host/launch-record.ts';

/** The offers that a home has made for an attempt. */
export interface OfferRecord {
  /** The era of the last offer. */
  readonly era: string;
  /** Hosts that may have taken an offer. */
  readonly hosts: readonly string[];
  /** Whether one of them has started it. */
  readonly isBegun: boolean;
}

/** Where a home stores the record before each offer. Whichever of `begin` and `bar` comes first wins. */
export interface OfferStore {
  /** Null: nothing was offered. */
  read(): Promise<OfferRecord | null>;
  /** @returns false if it is barred */
  begin(record: OfferRecord): Promise<boolean>;
  replace(record: OfferRecord): Promise<void>;
  /** Nothing is offered after this. @returns false if something may have been */
  bar(): Promise<boolean>;
}

const shape = z.object({ era: z.string(), hosts: z.array(z.string()), isBegun: z.boolean() });
const barred = 'barred';

/** A file in the agent's folder. */
export function makeOfferStore(folder: string, attempt: number): OfferStore {
  const path = join(folder, `offers.${attempt}`);
  async function create(text: string): Promise<boolean> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      await using file = await open(path, 'wx', fileMode);
      await file.writeFile(text);
      await file.sync();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
  const textIn = (name: string): Promise<string | null> =>
    readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
  return {
    async read() {
      const text = await textIn(`offers.${attempt}`);
      return text === null || text === barred ? null : readRecord(text);
    },
    async begin(record) {
      if (await create(JSON.stringify(record))) return true;
      if ((await textIn(`offers.${attempt}`)) === barred) return false;
      await this.replace(record);
      return true;
    },
    replace: (record) => writeFileAtomic(path, JSON.stringify(record)),
    async bar() {
      // Earlier versions of MAOS made offers without this record.
      const isUntouched = (await textIn(claimName(attempt))) === null;
      return isUntouched && ((await create(barred)) || (await textIn(`offers.${attempt}`)) === barred);
    },
  };
}

/** A record that cannot be read was being written for an offer, to unknown hosts. */
function readRecord(text: string): OfferRecord {
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return { era: '', hosts: [], isBegun: true };
  }
}

/**
 * Which hosts may have an attempt. The NATS server may lose all claims: before the attempt is offered or called back in
 * a new era, the heartbeats of all these hosts must show that everything they have is claimed again.
 */
export class OfferLedger {
  readonly #store: OfferStore;
  readonly #cleared = new Set<string>();
  #clearedIn = '';
  #record: OfferRecord | null = null;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(store: OfferStore) {
    this.#store = store;
  }

  async load(): Promise<void> {
    this.#record = await this.#store.read();
  }

  get hosts(): readonly string[] {
    return this.#record?.hosts ?? [];
  }

  get isBegun(): boolean {
    return this.#record?.isBegun === true;
  }

  /** Whether in this era the absence of a claim means that no host has it. */
  isCurrent(era: string): boolean {
    return this.#record === null || this.#record.era === era;
  }

  /** @returns false if it may no longer be offered */
  async offering(era: string, hosts: readonly string[]): Promise<boolean> {
    const before = this.#record;
    const all = [...new Set([...this.hosts, ...hosts])].toSorted();
    if (before?.era === era && all.length === before.hosts.length) return true;
    const record = { era, hosts: all, isBegun: before?.isBegun === true };
    if (before === null) {
      if (!(await this.#store.begin(record))) return false;
    } else await this.#save(record);
    this.#record = record;
    return true;
  }

  /** A host has claimed it, and may have started it. */
  async begun(host: string): Promise<void> {
    const { era } = this.#record ?? {};
    if (era === undefined || this.isBegun) return;
    this.#record = { era, hosts: [host], isBegun: true };
    await this.#save(this.#record);
  }

  /**
   * Whether no host has the attempt, which is known in a new era once all hosts of the record have claimed again what
   * they have. Then the record passes into that era.
   */
  async isFree(fleet: Fleet, key: AttemptKey, era: string): Promise<boolean> {
    const before = this.#record;
    if (before === null || before.isBegun) return false;
    if (this.#clearedIn !== era) this.#cleared.clear();
    this.#clearedIn = era;
    for (const { name, incarnation } of await fleet.hosts()) {
      if (!before.hosts.includes(name) || this.#cleared.has(name)) continue;
      if ((await fleet.lastBeat(name, incarnation)) === era) this.#cleared.add(name);
    }
    if (!before.hosts.every((host) => this.#cleared.has(host))) return false;
    // In this order: a claim of an earlier era does not count, and neither does the lack of one in a later era.
    if ((await fleet.claimOf(key)) !== null || (await fleet.era()) !== era) return false;
    const record = { ...before, era };
    await this.#save(record);
    this.#record = record;
    return true;
  }

  #save(record: OfferRecord): Promise<void> {
    const saved = this.#saving.then(() => this.#store.replace(record));
    this.#saving = saved.catch(() => 'whoever saves is told');
    return saved;
  }
}
