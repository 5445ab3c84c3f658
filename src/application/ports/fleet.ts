import type { AgentLocation } from '../../domain/agent-location.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { HostState } from '../../domain/placement.ts';
import type { OutputStream } from './agent-disk.ts';
import type { AgentEnd, LimitReached, ResourceSample, StopReport } from './agent-host.ts';
import type { TeamAnswer, TeamCall } from './team-calls.ts';

/** One attempt of one agent. Unique over all homes. */
export interface AttemptKey {
  /** The project's hash: 64 hex digits. */
  readonly project: string;
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
}

/** What a home offers to the hosts of a pool. */
export interface Offer {
  readonly key: AttemptKey;
  readonly pool: string;
  /** The `orderFormat` of its order. */
  readonly format: number;
  /** The blob with the order. */
  readonly order: BlobName;
}

/** A blob with the SHA-256 of its content, in hexadecimal. */
export interface BlobName {
  readonly name: string;
  readonly sha256: string;
}

/** Which hosts may take an offer. */
export interface OfferTerms {
  /** The era in which it is made. */
  readonly era: string;
  /** Names of the hosts that the home knows: no other host takes it. */
  readonly hosts: readonly string[];
}

export interface TakenOffer extends Offer {
  /** The public key of the home that has signed it; null: it is not signed. */
  readonly home: string | null;
  /** Null: its home runs an earlier version of MAOS. */
  readonly terms: OfferTerms | null;
  /** Takes it off the queue; settles when the NATS server has confirmed that. */
  accept(): Promise<void>;
  /** Returns it to the queue, for any host, after a delay. */
  giveBack(delayMs: number): Promise<void>;
}

/**
 * The right to start an attempt, which belongs to whoever has created the claim. It is never removed while the attempt
 * may still be offered, so an attempt is claimed once.
 */
export interface AttemptClaim {
  /** The host's name; null: the home has called the offer back, and nobody may start it. */
  readonly host: string | null;
  /** Identifies the host's process that supervises the attempt; empty if the home has called it back. */
  readonly incarnation: string;
  /** Counts the host's processes that have supervised it. */
  readonly epoch: number;
  /** Before `spawning`, nothing can have been started. */
  readonly phase: 'claimed' | 'spawning' | 'running' | 'ended';
  /** Number of the wish that the host has fulfilled; 0: none yet. */
  readonly obeyed: number;
  /** The only era in which it counts. Absent: it counts in each. */
  readonly era?: string | undefined;
}

export interface StoredClaim {
  readonly claim: AttemptClaim;
  readonly revision: number;
}

/** What the home wants of an attempt. A new wish replaces the one before. */
export interface Wish {
  /** Grows with every change. */
  readonly number: number;
  readonly isPaused: boolean;
  /** How long its processes may take to end; null: it must not end. */
  readonly stop: { readonly graceMs: number } | null;
  /** Entries of its input so far, with their bytes in base64. */
  readonly input: readonly { readonly id: string; readonly base64: string }[];
  readonly isInputOver: boolean;
  /** Answers to calls of its programs that the host may not have yet. */
  readonly answers: readonly TeamAnswer[];
  /** What the host lacks of its code, once it has asked. */
  readonly code?: SentCode;
}

/** Commits that an agent builds on, and commits that its host has already. */
export interface LackedCode {
  readonly commits: readonly string[];
  readonly has: readonly string[];
}

/** A git bundle of commits that a host lacks, or why there is none. */
export type SentCode =
  | { readonly how: 'sent'; readonly blob: BlobName }
  | { readonly how: 'failed'; readonly reason: string };

/** What an agent has left in its worktree on a host. */
export type HostedWork =
  | {
      readonly how: 'taken';
      readonly commit: string;
      /** The commit that keeps what else the worktree has pointed to; null: nothing else. */
      readonly history: string | null;
      /** A git bundle with both; null: the home has the commit. */
      readonly bundle: BlobName | null;
      /** Paths that no commit can hold, which stay on the host. */
      readonly unkept: readonly string[];
    }
  | { readonly how: 'failed'; readonly reason: string };

/** What a host tells about an attempt, in this order. */
export type HostFact =
  /** Sent before its start. The answer is the wish's `code`. */
  | { readonly type: 'lacks'; readonly code: LackedCode }
  | {
      readonly type: 'spawned';
      readonly location: AgentLocation;
      readonly takesInput: boolean;
      readonly resumed: boolean;
    }
  /** What its processes use, every few seconds while they run. */
  | { readonly type: 'used'; readonly number: number; readonly sample: ResourceSample }
  /** One of its programs asks something of its team; repeated until it is answered. */
  | { readonly type: 'called'; readonly call: TeamCall }
  /** The program no longer waits. */
  | { readonly type: 'withdrawn'; readonly call: string }
  /** The host itself has ended it. */
  | { readonly type: 'limited'; readonly limit: LimitReached }
  | {
      readonly type: 'ended';
      readonly end: AgentEnd;
      readonly stop: StopReport | null;
      /** Why it could not be started; null if it was, or is not known to have failed. */
      readonly refusal: string | null;
      /** Bytes that it printed into each stream. */
      readonly printed: Readonly<Record<OutputStream, number>>;
      /** An archive of its results and the shared context; null: it left no file. */
      readonly files: BlobName | null;
      /** Null: it has no worktree. */
      readonly work: HostedWork | null;
    };

/** A host that takes offers, as it describes itself. */
export interface HostReport extends HostState {
  readonly incarnation: string;
  /** Set by the host's owner. */
  readonly labels: Readonly<Record<string, string>>;
  readonly at: string;
}

/** Identifies a fact of an attempt, so that a repeated one counts once. */
export function factName(fact: HostFact): string {
  switch (fact.type) {
    case 'used':
      return `used.${fact.number}`;
    case 'called':
      return `called.${fact.call.id}`;
    case 'withdrawn':
      return `withdrawn.${fact.call}`;
    default:
      return fact.type;
  }
}

export interface AttemptListener {
  claim(stored: StoredClaim): void;
  /**
   * Output from the first byte of the attempt, in order. After a reconnection, bytes may come again.
   * @param offset of the first byte
   */
  output(stream: OutputStream, offset: number, bytes: Uint8Array): void;
  fact(fact: HostFact): void;
}

/**
 * What homes and hosts exchange. It decides nothing: an offer only invites hosts, and whoever creates the claim has the
 * attempt. Every method may be repeated with the same arguments, and fails if the NATS server is not reachable.
 */
export interface Fleet {
  /** The public key that offers are signed with; null: they are not. */
  readonly home: string | null;
  /** Identifies the data of the NATS server: when the era has changed, everything of the one before is lost. */
  era(): Promise<string>;
  /** No effect while the same offer is in the queue. */
  offer(offer: Offer, terms?: OfferTerms): Promise<void>;
  /** The next offer to a pool; null if none came in time, or the signal aborted. */
  take(pool: string, waitMs: number, signal: AbortSignal): Promise<TakenOffer | null>;
  /** @returns the revision; null: it is claimed already */
  claim(key: AttemptKey, claim: AttemptClaim): Promise<number | null>;
  /** @returns the new revision; null: the claim has another revision by now */
  renew(key: AttemptKey, claim: AttemptClaim, revision: number): Promise<number | null>;
  /** Removes a claim that has this revision: it was made in another era than it was meant for. */
  unclaim(key: AttemptKey, revision: number): Promise<void>;
  claimOf(key: AttemptKey): Promise<StoredClaim | null>;
  /** No effect if a wish with this number, or a higher one, is stored. */
  desire(key: AttemptKey, wish: Wish): Promise<void>;
  /** The current wish; null: none yet. */
  desired(key: AttemptKey): Promise<Wish | null>;
  /** Tells the current wish, and every later one. */
  wishes(key: AttemptKey, listener: (wish: Wish) => void): Promise<() => void>;
  announce(host: HostReport): Promise<void>;
  hosts(): Promise<readonly HostReport[]>;
  /**
   * Shows for some 15 s that the host's process lives.
   * @param era in which the claims of all attempts are stored that it may have started; '': not known
   */
  beat(host: string, incarnation: string, era: string): Promise<void>;
  /** The era of the last beat; null: there was none lately. */
  lastBeat(host: string, incarnation: string): Promise<string | null>;
  /** Fails if earlier bytes are missing. @param bytes at most {@link maxAppendBytes} */
  append(key: AttemptKey, stream: OutputStream, offset: number, bytes: Uint8Array): Promise<void>;
  /** Bytes of a stream that the NATS server has. */
  appended(key: AttemptKey, stream: OutputStream): Promise<number>;
  tell(key: AttemptKey, fact: HostFact): Promise<void>;
  /** Everything about an attempt: first what the NATS server has, then what comes later. */
  follow(key: AttemptKey, listener: AttemptListener): Promise<() => void>;
  /** It is kept for at most a week. @param content at most {@link maxBlobBytes} */
  put(name: string, content: Uint8Array): Promise<BlobName>;
  /** As `put`, with the content of a file, which is not held in memory. */
  putFile(name: string, path: string): Promise<BlobName>;
  /** Whether a blob of this name is there. */
  has(name: string): Promise<boolean>;
  /** @throws MaosError INVALID_INPUT if the blob is missing, too large or has another content */
  get(blob: BlobName): Promise<Uint8Array>;
  /** As `get`, into a file, which is not there unless it is whole. */
  getFile(blob: BlobName, path: string): Promise<void>;
  /** Removes everything of an ended attempt but its claim. */
  forget(key: AttemptKey): Promise<void>;
  /**
   * Removes everything of an ended session except claims and wishes, because a host that was given up must still find
   * the wish to stop.
   */
  forgetSession(session: Pick<AttemptKey, 'project' | 'sessionId'>): Promise<void>;
  close(): Promise<void>;
}

/** Maximum size of a blob, with room for a header. */
export const maxBlobBytes = 257 * 1024 * 1024;

/** Maximum size of one piece of output. */
export const maxAppendBytes = 256 * 1024;
