import type { RequestPermissionOutcome, ToolKind } from '@agentclientprotocol/sdk';
import { type Json, listOf, textOf } from '../shared/json-values.ts';
import type { PermissionMode } from './bridge-options.ts';

/** The kinds of tools that a program may use when it may only edit files. */
const edits: ReadonlySet<string> = new Set<ToolKind>(['read', 'edit', 'move', 'search', 'think']);

/**
 * Whether the settings grant it.
 * @param kind the protocol's kind of the tool; empty if unknown
 */
export function isGrantedBy(mode: PermissionMode, kind: string): boolean {
  return mode === 'allow' || (mode === 'acceptEdits' && edits.has(kind));
}

export interface PermissionAnswer {
  readonly isGranted: boolean;
  readonly outcome: RequestPermissionOutcome;
}

/** Without a suitable option, the program asks something other than a permission. */
export const cancelled: PermissionAnswer = { isGranted: false, outcome: { outcome: 'cancelled' } };

/** The response to `session/request_permission`, for this time only if the program offers that. */
export function answerPermission(isAllowed: boolean, options: unknown): PermissionAnswer {
  const option = optionFor(isAllowed, options);
  if (option === undefined) return cancelled;
  return { isGranted: isAllowed, outcome: { outcome: 'selected', optionId: textOf(option.optionId) } };
}

/** Whether the program lets its client allow it. */
export function canBeAllowed(options: unknown): boolean {
  return optionFor(true, options) !== undefined;
}

function optionFor(isAllowed: boolean, options: unknown): Json | undefined {
  const wanted = isAllowed ? ['allow_once', 'allow_always'] : ['reject_once', 'reject_always'];
  const offered = listOf(options);
  return wanted.map((word) => offered.find((one) => one.kind === word)).find(Boolean);
}
