import type { AgentSlots } from '../../application/ports/host-capacity.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { ParentAgent } from '../../domain/session.ts';
import type { ProcessIdentity } from '../process/tree/identity.ts';
import { instancesMigrations } from './migrations.ts';
import { type Database, type OnTightened, openDatabase } from './open-database.ts';
import { type Fields, group, integer, nullable, type Row, table, text, time } from './table.ts';

export interface InstanceInfo extends ProcessIdentity {
  readonly id: InstanceId;
  readonly version: string;
  /** Port of the HTTP server; null without HTTP. */
  readonly port: number | null;
  readonly workspace: string;
  readonly startedAt: string;
}

export interface InstanceRecord extends InstanceInfo {
  readonly heartbeatAt: string;
}

/** A slot of this machine that an agent occupies. */
export interface AgentSlot {
  readonly agentId: AgentId;
  readonly sessionId: SessionId;
  readonly instanceId: InstanceId;
  /** The instance that took it; null when it is no longer registered. */
  readonly instance: InstanceRecord | null;
  readonly takenAt: string;
  /** The agent's process; null before `bind`. */
  readonly process: ProcessIdentity | null;
}

/** The slots of the machine, as one instance uses them. */
interface MachineSlots extends Pick<AgentSlots, 'give'> {
  /**
   * As the port says. At the limit this also starts a search for slots whose holders have ended, so that a later call
   * can succeed. An error of the search is thrown by the next call.
   */
  tryTake(agentId: AgentId, sessionId: SessionId, limit: number): boolean;
  /** Ties the slot to the agent's process, so that it lasts as long as the process even if its MAOS ends. */
  bind(agentId: AgentId, process: ProcessIdentity): void;
  /** Frees slots whose holders have ended. @returns how many */
  reclaim(): Promise<number>;
}

interface AgentSlotsOptions {
  readonly instance: InstanceId;
  /**
   * Whether the slot is in use: its MAOS or its agent's process lives. Called only when the limit is reached, outside
   * any transaction, and never for the instance's own slots.
   */
  readonly isHolderAlive: (slot: AgentSlot) => boolean | Promise<boolean>;
  /** Minimum time between two searches, in milliseconds, because agents waiting at the limit try often. Default 1000. */
  readonly reclaimEveryMs?: number;
}

/**
 * The MAOS instances of this machine and the agents they run, across all projects. All methods throw MaosError
 * STORE_BUSY, STORE_CORRUPT, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED.
 */
export interface InstanceRegistry {
  /** Inserts or replaces the instance. The heartbeat defaults to `startedAt`. */
  register(instance: InstanceInfo & { readonly heartbeatAt?: string }): void;
  /** @returns false when the instance is not registered */
  heartbeat(id: InstanceId, at: string): boolean;
  /** Its slots stay until its agents have ended. */
  remove(id: InstanceId): void;
  /** Oldest first. */
  list(): readonly InstanceRecord[];
  slots(options: AgentSlotsOptions): MachineSlots;
  /** Records that an agent starts teams in the project with this path. */
  addNested(parent: ParentAgent, project: string): void;
  /** Paths of the projects in which an agent has started teams. */
  nestedProjects(parent: ParentAgent): readonly string[];
  forgetNested(parent: ParentAgent, project: string): void;
  /**
   * True when its file was moved, replaced or deleted: other processes use another file, and writes here would be lost.
   */
  readonly isLost: boolean;
  close(): void;
}

export interface InstanceRegistryOptions {
  /** Absolute path of `instances.db`; created with its folder when missing. */
  readonly file: string;
  readonly busyTimeoutMs?: number;
  /** As in DatabaseOptions. */
  readonly onTightened?: OnTightened | undefined;
}

/** @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN, CONFIG_INVALID, RESOURCE_LIMIT_EXCEEDED */
export function openInstanceRegistry({
  file,
  busyTimeoutMs,
  onTightened,
}: InstanceRegistryOptions): InstanceRegistry {
  const db = openDatabase({
    file,
    migrations: instancesMigrations,
    table: 'instances',
    onTightened,
    // Its content is about running processes, which a power failure ends anyway.
    synchronous: 'NORMAL',
    ...(busyTimeoutMs === undefined ? {} : { busyTimeoutMs }),
  });
  return new SqliteInstanceRegistry(db);
}

const identity: Fields<ProcessIdentity> = {
  pid: integer('pid'),
  startTime: text('start_time'),
  bootId: text('boot_id'),
  place: nullable(text('place')),
};

const instanceTable = table<InstanceRecord>(
  {
    ...identity,
    id: text('id'),
    version: text('version'),
    port: nullable(integer('port')),
    workspace: text('workspace'),
    startedAt: time('started_at'),
    heartbeatAt: time('heartbeat_at'),
  },
  (row) => `Instance ${row.id}`,
);

const slotTable = table<Omit<AgentSlot, 'instance'>>(
  {
    agentId: text('agent_id'),
    instanceId: text('instance_id'),
    sessionId: text('session_id'),
    takenAt: time('taken_at'),
    process: nullable(group(identity)),
  },
  (row) => `The slot of agent ${row.agent_id}`,
);

const putInstance = `INSERT OR REPLACE INTO instances (${instanceTable.columns})
  VALUES (${instanceTable.placeholders})`;
const beat = 'UPDATE instances SET heartbeat_at = ? WHERE id = ?';
const deleteInstance = 'DELETE FROM instances WHERE id = ?';
const selectInstances = `SELECT ${instanceTable.columns} FROM instances ORDER BY id`;

const lookAtSlots =
  'SELECT count(*) AS taken, count(CASE WHEN agent_id = ? THEN 1 END) AS held FROM agent_slots';
const countSlots = 'SELECT count(*) AS taken FROM agent_slots';
const insertSlot = `INSERT INTO agent_slots (${slotTable.columns}) VALUES (${slotTable.placeholders})`;
/** When a MAOS adopts an agent, it takes over the slot together with the bound process. */
const adoptSlot = 'UPDATE agent_slots SET instance_id = ?, session_id = ? WHERE agent_id = ?';
const deleteSlot = 'DELETE FROM agent_slots WHERE agent_id = ? AND instance_id = ?';
const bindSlot =
  'UPDATE agent_slots SET pid = ?, start_time = ?, boot_id = ?, place = ? WHERE agent_id = ? AND instance_id = ?';
const selectStrangers = `SELECT ${slotTable.columns} FROM agent_slots WHERE instance_id <> ?`;
const insertNested =
  'INSERT INTO nested_projects (session_id, agent_id, project) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
const selectNested = 'SELECT project FROM nested_projects WHERE session_id = ? AND agent_id = ?';
const deleteNested = 'DELETE FROM nested_projects WHERE session_id = ? AND agent_id = ? AND project = ?';
/** Only if the slot has not changed since its holder was found dead. */
const reclaimSlot = `DELETE FROM agent_slots
  WHERE agent_id = ? AND instance_id = ? AND taken_at = ? AND pid IS ? AND start_time IS ? AND boot_id IS ?`;

class SqliteInstanceRegistry implements InstanceRegistry {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  register(instance: InstanceInfo & { readonly heartbeatAt?: string }): void {
    const record = { ...instance, heartbeatAt: instance.heartbeatAt ?? instance.startedAt };
    this.#db.write(() => this.#db.sql(putInstance).run(...instanceTable.toSql(record)));
  }

  heartbeat(id: InstanceId, at: string): boolean {
    return this.#db.write(() => this.#db.sql(beat).run(at, id)).changes === 1;
  }

  remove(id: InstanceId): void {
    this.#db.write(() => this.#db.sql(deleteInstance).run(id));
  }

  list(): readonly InstanceRecord[] {
    return this.#db.run(() => this.#db.sql(selectInstances).all().map(instanceTable.fromSql));
  }

  slots(options: AgentSlotsOptions): MachineSlots {
    return new SqliteAgentSlots(this.#db, options);
  }

  addNested({ sessionId, agentId }: ParentAgent, project: string): void {
    this.#db.write(() => this.#db.sql(insertNested).run(sessionId, agentId, project));
  }

  nestedProjects({ sessionId, agentId }: ParentAgent): readonly string[] {
    return this.#db.run(() =>
      this.#db
        .sql(selectNested)
        .all(sessionId, agentId)
        .map((row) => String(row.project)),
    );
  }

  forgetNested({ sessionId, agentId }: ParentAgent, project: string): void {
    this.#db.write(() => this.#db.sql(deleteNested).run(sessionId, agentId, project));
  }

  get isLost(): boolean {
    return this.#db.isLost;
  }

  close(): void {
    this.#db.close();
  }
}

class SqliteAgentSlots implements MachineSlots {
  readonly #db: Database;
  readonly #instance: InstanceId;
  readonly #isHolderAlive: AgentSlotsOptions['isHolderAlive'];
  readonly #reclaimEveryMs: number;
  #nextReclaim = Number.NEGATIVE_INFINITY;
  #failure: { readonly error: unknown } | null = null;

  constructor(db: Database, { instance, isHolderAlive, reclaimEveryMs = 1_000 }: AgentSlotsOptions) {
    this.#db = db;
    this.#instance = instance;
    this.#isHolderAlive = isHolderAlive;
    this.#reclaimEveryMs = reclaimEveryMs;
  }

  tryTake(agentId: AgentId, sessionId: SessionId, limit: number): boolean {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
    // Most attempts at the limit end here, without taking the exclusive write lock.
    const { held, taken } = this.#db.run(() => this.#db.sql(lookAtSlots).get(agentId)) as Row;
    if (Number(held) === 0 && Number(taken) >= limit) {
      this.#reclaimInBackground();
      return false;
    }
    return this.#db.write(() => this.#take(agentId, sessionId, limit));
  }

  async reclaim(): Promise<number> {
    this.#nextReclaim = performance.now() + this.#reclaimEveryMs;
    const slots = this.#strangers();
    const alive = await Promise.all(slots.map((slot) => this.#isHolderAlive(slot)));
    const dead = slots.filter((_, index) => !alive[index]);
    if (dead.length === 0) return 0;
    return this.#db.write(() => dead.filter((slot) => this.#free(slot)).length);
  }

  give(agentId: AgentId): void {
    this.#db.write(() => this.#db.sql(deleteSlot).run(agentId, this.#instance));
  }

  bind(agentId: AgentId, { pid, startTime, bootId, place }: ProcessIdentity): void {
    this.#db.write(() => this.#db.sql(bindSlot).run(pid, startTime, bootId, place, agentId, this.#instance));
  }

  #take(agentId: AgentId, sessionId: SessionId, limit: number): boolean {
    if (this.#db.sql(adoptSlot).run(this.#instance, sessionId, agentId).changes === 1) return true;
    if (Number(this.#db.sql(countSlots).get()?.taken) >= limit) return false;
    const slot = {
      agentId,
      sessionId,
      instanceId: this.#instance,
      takenAt: new Date().toISOString(),
      process: null,
    };
    this.#db.sql(insertSlot).run(...slotTable.toSql(slot));
    return true;
  }

  #strangers(): readonly AgentSlot[] {
    return this.#db.read(() => {
      const instances = new Map(
        this.#db
          .sql(selectInstances)
          .all()
          .map((row) => [row.id, instanceTable.fromSql(row)]),
      );
      return this.#db
        .sql(selectStrangers)
        .all(this.#instance)
        .map((row) => ({
          ...slotTable.fromSql(row),
          instance: instances.get(row.instance_id) ?? null,
        }));
    });
  }

  #reclaimInBackground(): void {
    if (performance.now() < this.#nextReclaim) return;
    this.reclaim().catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  #free({ agentId, instanceId, takenAt, process }: AgentSlot): boolean {
    const identity = [process?.pid ?? null, process?.startTime ?? null, process?.bootId ?? null];
    return this.#db.sql(reclaimSlot).run(agentId, instanceId, takenAt, ...identity).changes === 1;
  }
}
