import type { FailureKind } from '../../../domain/agent.ts';

/** The failure kind of a model provider's HTTP status; null if the status implies none. */
export function kindOfStatus(status: number): FailureKind | null {
  return statuses[status] ?? null;
}

const statuses: Readonly<Record<number, FailureKind>> = {
  401: 'auth_required',
  // A payment problem, which the user must solve like a missing sign-in.
  402: 'auth_required',
  403: 'auth_required',
  404: 'model_unavailable',
  429: 'rate_limited',
  503: 'rate_limited',
  529: 'rate_limited',
};
