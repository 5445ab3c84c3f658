import type { SessionId } from '../domain/ids.ts';

/** What makes a session a run of the Agent Communication Protocol. */
export interface AcpRunRecord {
  /** The ACP session, a UUID in lower case: runs of one conversation have the same. */
  readonly acpSession: string;
  /** The messages it was asked with, exactly as sent: JSON, of which only the edge knows the shape. */
  readonly input: unknown;
}

/** Throws as the methods of SessionStore do. Written by `SessionStore.create`, together with the session. */
export interface AcpRunStore {
  /** Null for a session that is no such run, and for one there is not. */
  find(id: SessionId): AcpRunRecord | null;
  /** The runs of an ACP session, oldest first. */
  ofSession(acpSession: string): readonly SessionId[];
}
