import type { FailureKind } from '../../../domain/agent.ts';

/** Of the HTTP status that a model's provider answered; null: it says nothing of what to do. */
export function kindOfStatus(status: number): FailureKind | null {
  return statuses[status] ?? null;
}

const statuses: Readonly<Record<number, FailureKind>> = {
  401: 'auth_required',
  // Payment: for the user to solve, as a missing sign-in is.
  402: 'auth_required',
  403: 'auth_required',
  404: 'model_unavailable',
  429: 'rate_limited',
  503: 'rate_limited',
  529: 'rate_limited',
};
