import type { AgentRole, Lingering, PermissionDenials } from '../domain/agent.ts';
import type { BackendChoice } from '../domain/backend-choice.ts';
import type { Budget } from '../domain/budget.ts';
import type { Usage } from '../domain/usage.ts';

/** What a stored value looks like: declared with the table that holds it, and asked of every file that is to become rows. */
export type Shape = (
  | ({ readonly type: 'text' } & TextForm)
  | { readonly type: 'time' }
  | { readonly type: 'choice'; readonly values: readonly string[] }
  | { readonly type: 'integer'; readonly min: number }
  | { readonly type: 'number' }
  | { readonly type: 'document'; readonly kind: keyof Documents }
  | { readonly type: 'json' }
  | RecordShape
) & {
  readonly nullable?: boolean;
  /** What it is where an earlier version wrote the file, which did not have it. */
  readonly missing?: unknown;
};

export interface RecordShape {
  readonly type: 'record';
  readonly members: Readonly<Record<string, Shape>>;
}

export interface TextForm {
  readonly allows?: (text: string) => boolean;
  /** Said of a text that is not allowed: 'is not a session id'. */
  readonly rule?: string;
}

/** What is stored as JSON within a column, by name. */
export interface Documents {
  readonly backendChoices: readonly BackendChoice[];
  readonly budget: Budget;
  readonly command: readonly string[] | string;
  readonly customRole: NonNullable<AgentRole['custom']>;
  readonly denials: PermissionDenials;
  readonly lingering: Lingering;
  readonly usage: Usage;
}
