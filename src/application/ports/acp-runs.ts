import type { SessionId } from '../../domain/ids.ts';

/** What makes a session a run of the Agent Communication Protocol. */
export interface AcpRunRecord {
  /** The ACP session, a UUID in lower case: runs of one conversation have the same. */
  readonly acpSession: string;
  /** The messages it was asked with: JSON, of which only the edge knows the shape. */
  readonly input: unknown;
}

/** How the runs of a role went that completed or failed. */
export interface RoleRecord {
  /** Its name. */
  readonly role: string;
  /** Of 0 to 100. */
  readonly successPercent: number;
  /** From its start to its end, pauses included. */
  readonly averageSeconds: number;
  /** Those from the cache included; null where no backend reported any. */
  readonly averageTokens: number | null;
}

/** Throws as the methods of SessionStore do. Written by `SessionStore.create`, together with the session. */
export interface AcpRunStore {
  /** Null for a session that is no such run, and for one there is not. */
  find(id: SessionId): AcpRunRecord | null;
  /** The runs of an ACP session, oldest first. */
  ofSession(acpSession: string): readonly SessionId[];
  /** Of every role that has such runs. */
  roleRecords(): readonly RoleRecord[];
}
