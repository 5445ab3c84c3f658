import type { SessionId } from '../../domain/ids.ts';
import type { AgentHost, LaunchKey, LimitReached, OrderedLaunch } from './agent-host.ts';
import type { AttemptKey, BlobName, LackedCode } from './fleet.ts';
import type { MaintenanceFiles } from './maintenance.ts';
import type { CallBox } from './team-calls.ts';
import type { Checkout } from './workspaces.ts';

/** What a home orders from a host, whose own settings decide which program runs, and with which permissions. */
export interface LaunchOrder extends OrderedLaunch {
  /** Shared context and results for the agent; null: there are none yet. */
  readonly files: BlobName | null;
  /** What its worktree is made from; null: it has none. */
  readonly code: OrderedCode | null;
}

/** The code that an agent works on, as its home sends it. */
export interface OrderedCode {
  /** To be fetched in this order, except those whose commits the host has. */
  readonly bundles: readonly CodeBundle[];
  /** An archive of files for its worktree that its commit does not have; null: none. */
  readonly brought: BlobName | null;
}

/** Commits with their history, as a git bundle with a ref `refs/maos/sent/<commit>` for each. */
export interface CodeBundle {
  readonly commits: readonly string[];
  /** Null: the host asks for one, if no remote has the commits. */
  readonly blob: BlobName | null;
  /** Addresses of repositories that have them. */
  readonly remotes?: readonly string[];
}

/** Where a host gets what its home has sent, or sends on request. */
export interface CodeSource {
  get(blob: BlobName): Promise<Uint8Array>;
  getFile(blob: BlobName, path: string): Promise<void>;
  /** @throws MaosError with the reason if the home cannot send it */
  ask(lacks: LackedCode): Promise<BlobName>;
}

/** A placeholder for the session's folder, which the host that takes the order replaces with its own. */
export function orderedFolder(id: SessionId): string {
  return `/maos/${id}`;
}

/** An attempt that this host may have started, kept until its home has its end. */
export interface HostedRecord {
  readonly key: AttemptKey;
  readonly order: LaunchOrder;
  /** When this host took it. */
  readonly since: string;
  /** How long it was suspended. */
  readonly suspended: { readonly ms: number; readonly since: string | null };
  /** The limit for which this host has ended it; null: it has not. */
  readonly limited: LimitReached | null;
}

/** The host's own records of its attempts. A record is stored before the agent may be started. */
export interface HostedRecords {
  save(record: HostedRecord): Promise<void>;
  all(): Promise<readonly HostedRecord[]>;
  /** Stores the archive of files that an attempt was given. */
  keepGiven(key: AttemptKey, archive: Uint8Array): Promise<void>;
  /** Null: none is stored. */
  given(key: AttemptKey): Promise<Uint8Array | null>;
  /** Removes its archive as well. */
  remove(key: AttemptKey): Promise<void>;
}

/** Until when each provider refuses this host, as reported to its agents. */
export interface HostQuotas {
  read(): Promise<Readonly<Record<string, string>>>;
  write(heldUntil: Readonly<Record<string, string>>): Promise<void>;
}

/** The folders of sessions that a host has for one project. */
export interface HostedSessions {
  readonly project: string;
  readonly maintenance: Pick<MaintenanceFiles, 'folders' | 'sizeOf' | 'discard' | 'sweep'>;
  /** When something of its agents last changed there. */
  lastUse(id: SessionId): Promise<string>;
}

/** The files that agents of a session share, as archives. */
export interface SharedFiles {
  /**
   * Shared context and results.
   * @param resultsOf name of the agent whose results to pack; null: of all
   * @param known an archive whose files are left out where they are unchanged; null: none
   * @returns null if there is nothing to pack
   * @throws MaosError RESOURCE_LIMIT_EXCEEDED
   */
  pack(id: SessionId, resultsOf: string | null, known: Uint8Array | null): Promise<Uint8Array | null>;
  /**
   * Writes the files of an archive, and nothing outside shared context and results, whatever the archive says.
   * @param resultsOf as for `pack`: files of others are refused
   * @throws MaosError INVALID_INPUT, FORBIDDEN
   */
  unpack(id: SessionId, resultsOf: string | null, archive: Uint8Array): Promise<void>;
}

/** All of an agent's work, and a bundle of what its home lacks of it; bundle null: it lacks nothing. */
export interface TakenWork {
  readonly commit: string;
  readonly history: string | null;
  readonly bundle: BlobName | null;
  readonly unkept: readonly string[];
}

/** The code of a project's agents on a host. Every method is safe to repeat after it was interrupted at any instant. */
export interface HostedCode {
  /**
   * Makes the worktree of an agent that has not been started.
   * @returns null if it is to have none
   * @throws MaosError FORBIDDEN, INVALID_INPUT
   */
  open(order: LaunchOrder, source: CodeSource, signal: AbortSignal): Promise<Checkout | null>;
  /**
   * Call it only when no process of the agent is left.
   * @param put sends a file
   * @returns null if it has no worktree
   * @throws MaosError
   */
  take(order: LaunchOrder, put: (path: string) => Promise<BlobName>): Promise<TakenWork | null>;
  /** Removes the worktree, unless it contains what no commit can hold. What it has committed stays for some weeks. */
  remove(order: LaunchOrder): Promise<void>;
}

/** Where a host keeps and runs the agents of one project. */
export interface HostedPlace {
  readonly host: AgentHost;
  readonly files: SharedFiles;
  readonly code: HostedCode;
  calls(key: LaunchKey): CallBox;
}
