import type { HostReport } from '../../../application/ports/fleet.ts';
import type { Runtime } from '../../../application/runtime.ts';
import { orderFormat } from '../../../domain/agent.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError } from '../../../domain/errors.ts';
import { worksFor } from '../../../domain/placement.ts';
import type { Check } from './check.ts';

/** A host describes itself at least every 5 s, and is forgotten after 30 s. */
const oldestMs = 35_000;
const newestMs = 3_000;

/** What hosts are compared with. */
interface Own {
  readonly version: string;
  /** The public key of this home; null: it has none. */
  readonly home: string | null;
  readonly now: number;
}

/** Checks the NATS server of the settings, and the hosts there: versions, and clocks that are apart. */
export async function checkHosts(
  runtime: Pick<Runtime, 'fleetHosts' | 'version'>,
): Promise<readonly Check[]> {
  const name = 'hosts';
  try {
    const { hosts, home } = await runtime.fleetHosts(null);
    const detail = `the NATS server answers, with JetStream; ${plural(hosts.length, 'host')}`;
    const own = { version: runtime.version, home, now: Date.now() };
    return [{ name, state: 'ok', detail, fix: null }, ...hosts.flatMap((host) => checkHost(host, own))];
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return [{ name, state: 'problem', detail: 'no agent can run on another machine', fix: error.message }];
  }
}

function checkHost(host: HostReport, own: Own): readonly Check[] {
  const { name, version, at, format } = host;
  const found: Check[] = [];
  const warn = (detail: string, fix: string): void => {
    found.push({ name: `host ${name}`, state: 'warning', detail, fix });
  };
  if (!worksFor(host, own.home)) {
    warn(
      'does not work for this home',
      own.home === null
        ? `Give this home a key of its own (remote.credentials), and add its public key to remote.homes on ${name}.`
        : `Add the public key of this home to remote.homes on ${name}: ${own.home}`,
    );
  }
  if (format < orderFormat) {
    warn(
      `MAOS ${version} is too old for orders of this home (MAOS ${own.version})`,
      `Update MAOS on ${name}, and start 'maos host' there again: its agents keep running.`,
    );
  } else if (version !== own.version) {
    warn(
      `MAOS ${version}; this home has ${own.version}`,
      'Both work together. Update hosts before homes: orders of a newer home wait for a host that understands them.',
    );
  }
  const aheadMs = Date.parse(at) - own.now;
  if (aheadMs > newestMs || aheadMs < -oldestMs) {
    const seconds = Math.round(Math.abs(aheadMs) / 1_000);
    const where = aheadMs > 0 ? 'ahead of' : 'behind';
    warn(
      `its clock is about ${seconds} s ${where} the one here`,
      'Synchronize both clocks with NTP: the times of its agents come from its clock.',
    );
  }
  return found;
}
