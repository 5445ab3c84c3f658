import type { ApprovalRule } from '../../domain/approval-rule.ts';
import type { Budget } from '../../domain/budget.ts';
import type { NotificationKind, NotificationWay } from '../../domain/notification.ts';
import type { QuotaPolicy } from '../../domain/quota.ts';
import type { RetentionPolicy } from './maintenance.ts';

/** Null: the general default. */
export interface RoleDefaults {
  readonly backend: string | null;
  readonly model: string | null;
  readonly fallback: readonly string[];
}

/** The settings that the application uses, validated. */
export interface Settings {
  readonly defaultBackend: string;
  /** Defaults of agents by role, if the plan specifies nothing. */
  readonly roles: ReadonlyMap<string, RoleDefaults>;
  readonly maxConcurrentAgents: {
    readonly machine: number;
    readonly session: number | null;
    readonly role: number | null;
  };
  readonly maxDepth: number;
  /** Limits of agents and sessions without their own. */
  readonly budgets: { readonly agent: Budget; readonly session: Budget };
  readonly quota: QuotaPolicy & {
    /** Whether MAOS resumes a session that paused for quota when its time has come. */
    readonly autoResume: boolean;
    /** How long a CLI may retry by itself while its provider refuses it. Null: no limit. */
    readonly refusedMs: number | null;
  };
  readonly limits: {
    /** How long an agent may be without output and CPU use before it counts as stalled. Null: no limit. */
    readonly stallMs: number | null;
    /** Output of one agent, both streams together. */
    readonly maxOutputBytes: number | null;
    /** How long processes of an agent may remain after its result. Null: no limit of its own. */
    readonly afterResultMs: number | null;
    /** Maximum number of sub-agents that an agent's CLI may start. Null: no limit. */
    readonly maxSubagents: number | null;
  };
  readonly approvals: {
    readonly rules: readonly ApprovalRule[];
    /** How long a request of an agent waits for an answer. */
    readonly expireMs: number;
  };
  readonly notifications: {
    /** The ways of each kind of notification; commands and webhooks only if they are configured. */
    readonly ways: Readonly<Record<NotificationKind, readonly NotificationWay[]>>;
    readonly terminal: 'auto' | 'always' | 'never';
    readonly desktop: 'auto' | 'osc9' | 'osc777';
  };
  /** Maximum number of messages that one agent may send per minute; a broadcast counts once. Null: no limit. */
  readonly messagesPerMinute: number | null;
  readonly retention: RetentionPolicy;
  readonly stopGraceMs: number;
  /** How long a change waits for other processes that write to the same database. */
  readonly storePatienceMs: number;
  /** Commands that a client may run over MCP or HTTP: exact lines, or patterns with `*`. */
  readonly allowCommands: readonly string[];
}
