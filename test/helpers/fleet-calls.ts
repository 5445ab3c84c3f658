import type { Fleet } from '../../src/application/ports/fleet.ts';

/** At each of them a process of a test may die. */
export const fleetCalls = [
  ...(['offer', 'take', 'claim', 'renew', 'claimOf', 'desire', 'desired', 'wishes'] as const),
  ...(['append', 'appended', 'tell', 'follow', 'put', 'get', 'forget', 'era', 'unclaim'] as const),
] satisfies (keyof Fleet)[];
