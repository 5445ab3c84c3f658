import type { Kind } from './kinds.ts';

/** One setting: a leaf of the table. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly fallback: T;
  /** One sentence for people. */
  readonly description: string;
  /** The environment variable that sets it. */
  readonly variable: string | null;
  /**
   * Whether it decides which programs run or which keys they get. Then only the user's own file, variables and flags
   * may set it, because a project's file must not make MAOS run something.
   */
  readonly userOnly: boolean;
}

/** In place of a default, for a setting without one. */
export const required = undefined as never;

export function setting<T>(
  kind: Kind<T>,
  fallback: T,
  description: string,
  more: { readonly variable?: string; readonly userOnly?: boolean } = {},
): Setting<T> {
  return { kind, fallback, description, variable: more.variable ?? null, userOnly: more.userOnly ?? false };
}

/** The values of a branch of the table, in the shape of `config.json`. */
export type Values<Table> = {
  readonly [K in keyof Table]: Table[K] extends Setting<infer T> ? T : Values<Table[K]>;
};

/** A branch of the table: settings, and further branches. */
export interface SettingGroup {
  readonly [key: string]: Setting<unknown> | SettingGroup;
}

export function isSetting(node: Setting<unknown> | SettingGroup): node is Setting<unknown> {
  return Object.hasOwn(node, 'kind') && Object.hasOwn(node, 'fallback');
}
