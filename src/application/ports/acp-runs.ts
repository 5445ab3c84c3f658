import type { SessionId } from '../../domain/ids.ts';

/** Additional data of a session that is a run of the Agent Communication Protocol. */
export interface AcpRunRecord {
  /** The ACP session, a UUID in lower case; shared by the runs of one conversation. */
  readonly acpSession: string;
  /** The messages of the request, as JSON; only the HTTP layer knows their form. */
  readonly input: unknown;
}

/** Statistics on a role's runs that completed or failed. */
export interface RoleRecord {
  readonly role: string;
  /** From 0 to 100. */
  readonly successPercent: number;
  /** From start to end, including pauses. */
  readonly averageSeconds: number;
  /** Including cached tokens; null if no backend reported any. */
  readonly averageTokens: number | null;
}

/** Throws like the methods of SessionStore. `SessionStore.create` writes the records together with the sessions. */
export interface AcpRunStore {
  /** Null for a session that is not such a run, or does not exist. */
  find(id: SessionId): AcpRunRecord | null;
  /** The runs of an ACP session, oldest first. */
  ofSession(acpSession: string): readonly SessionId[];
  /** One record for each role with such runs. */
  roleRecords(): readonly RoleRecord[];
}
