import { plural } from './amounts.ts';

/** A backend that a host runs for homes. */
export interface HostBackend {
  readonly name: string;
  readonly isInstalled: boolean;
  /** Of its CLI; null: not known. */
  readonly version: string | null;
  readonly signedIn: 'yes' | 'no' | 'unknown';
  /** Its provider refuses this host until then; null: nothing is known of that. */
  readonly heldUntil: string | null;
}

/** A host as placement sees it. */
export interface HostState {
  readonly name: string;
  readonly pools: readonly string[];
  readonly slots: number;
  readonly running: number;
  readonly freeMemoryMb: number;
  /** It takes no more agents. */
  readonly isDraining: boolean;
  /** Of MAOS. */
  readonly version: string;
  /** The newest form of orders that it understands. */
  readonly format: number;
  /** Public keys of the homes that it works for; null: of all homes. */
  readonly homes: readonly string[] | null;
  readonly backends: readonly HostBackend[];
}

/** A home, as hosts see it. */
export interface HomeIdentity {
  /** The public key of its offers; null: it signs none. */
  readonly home: string | null;
  /** The form of its orders. */
  readonly format: number;
}

/** What an agent needs of a host. */
export interface PlaceNeed extends HomeIdentity {
  readonly backend: string;
  /** Null: nothing is asked for. */
  readonly memoryMb: number | null;
}

/** Whether a host can take an agent, and the reason for people if none can now. */
export interface Placement {
  /** `later`: all that is missing is a free slot, for which an offer may wait. */
  readonly fits: 'now' | 'later' | 'no';
  readonly why: string | null;
}

/** The hosts of a pool, and the host of that name. */
export function hostsOfPool<T extends HostState>(pool: string, hosts: readonly T[]): readonly T[] {
  return hosts.filter(({ name, pools }) => name === pool || pools.includes(pool));
}

/** Where an agent of a pool, or for a host of that name, can be run. */
export function placementIn(
  pool: string,
  hosts: readonly HostState[],
  need: PlaceNeed,
  now: string,
): Placement {
  const ofPool = hostsOfPool(pool, hosts);
  if (ofPool.length === 0) return { fits: 'no', why: `no host of pool ${pool} is known` };
  const misfits = ofPool.map((host) => misfitOf(host, need, now));
  const isFree = ofPool.map(({ running, slots }) => running < slots);
  if (misfits.some((misfit, index) => misfit === null && isFree[index])) return { fits: 'now', why: null };
  const said = ofPool.map(({ name, running, slots }, index) => {
    return `${name} ${misfits[index] ?? `is full (${running} of ${slots})`}`;
  });
  const shown = said.slice(0, mostShown).join('; ');
  const more = said.length > mostShown ? `; and ${plural(said.length - mostShown, 'more host')}` : '';
  return { fits: misfits.includes(null) ? 'later' : 'no', why: `no host of pool ${pool}: ${shown}${more}` };
}

const mostShown = 10;

/** @param home its public key; null: it has none */
export function worksFor({ homes }: Pick<HostState, 'homes'>, home: string | null): boolean {
  return homes === null || (home !== null && homes.includes(home));
}

/** Why a host takes no agent of a home, to follow its name; null: it does. */
export function refusalOfHome(
  { format, homes, version }: Pick<HostState, 'format' | 'homes' | 'version'>,
  home: HomeIdentity,
): string | null {
  if (!worksFor({ homes }, home.home)) return 'does not work for this home';
  if (format < home.format) return `runs MAOS ${version}, which is too old for orders of this home`;
  return null;
}

/** Why a host cannot take an agent even with a free slot, to follow its name; null: it can. */
export function misfitOf(host: HostState, need: PlaceNeed, now: string): string | null {
  const { isDraining, freeMemoryMb, backends } = host;
  const { backend, memoryMb } = need;
  const refusal = refusalOfHome(host, need);
  if (refusal !== null) return refusal;
  if (isDraining) return 'is draining';
  const found = backends.find(({ name }) => name === backend);
  if (found === undefined) return `does not run ${backend} for others`;
  if (!found.isInstalled) return `has no ${backend}`;
  if (found.signedIn === 'no') return `is not signed in to ${backend}`;
  if (found.heldUntil !== null && found.heldUntil > now)
    return `has used up its quota of ${backend} until ${found.heldUntil}`;
  if (memoryMb !== null && freeMemoryMb < memoryMb)
    return `has ${freeMemoryMb} MiB of free memory, and ${memoryMb} MiB are needed`;
  return null;
}
