import type { OrderedLaunch } from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { AttemptKey, BlobName, Fleet, HostReport } from '../../application/ports/fleet.ts';
import { orderFormat } from '../../domain/agent.ts';
import { hostsOfPool, placementIn } from '../../domain/placement.ts';
import type { OfferLedger } from './offer-ledger.ts';

/** The hosts as a home sees them at one time. */
export interface FleetView {
  readonly era: string;
  readonly hosts: readonly HostReport[];
}

export interface OfferingDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly ordered: OrderedLaunch;
  readonly offers: OfferLedger;
  readonly clock: Clock;
  look(): Promise<FleetView>;
  /** Sends everything that the order names, and the order. */
  send(): Promise<BlobName>;
  /** Tells why no host can take it; null: one can. */
  waiting(why: string | null): void;
  isOwned(): boolean;
}

/** How often to offer an unclaimed attempt again, in case an offer was lost. */
const offerMs = 15_000;

/** Offers an attempt to the hosts of its pool. */
export class Offering {
  readonly #deps: OfferingDeps;
  #order: { readonly blob: BlobName; readonly era: string } | null = null;
  #last = { at: Number.NEGATIVE_INFINITY, to: '' };

  constructor(deps: OfferingDeps) {
    this.#deps = deps;
  }

  /** Offers it if an offer is due and a host fits. @param mayBe whether it may be offered in an era */
  async proceed(mayBe: (era: string) => boolean): Promise<void> {
    const { fleet, key, ordered, offers, clock } = this.#deps;
    const { era, hosts } = await this.#deps.look();
    if (!mayBe(era)) return;
    const { pool, backend, maxMemoryMb: memoryMb } = ordered.agent;
    const need = { backend, memoryMb, home: fleet.home, format: orderFormat };
    const { fits, why } = placementIn(pool ?? '', hosts, need, clock.now());
    this.#deps.waiting(why);
    if (fits === 'no') return;
    const names = hostsOfPool(pool ?? '', hosts).map(({ name }) => name);
    if (this.#order?.era !== era) this.#order = { blob: await this.#deps.send(), era };
    const to = JSON.stringify([era, names]);
    if (to === this.#last.to && clock.elapsedMs() - this.#last.at < offerMs) return;
    if (!(await offers.offering(era, names)) || !this.#deps.isOwned()) return;
    const offer = { key, pool: pool ?? '', format: orderFormat, order: this.#order.blob };
    await fleet.offer(offer, { era, hosts: names });
    this.#last = { at: clock.elapsedMs(), to };
  }
}
