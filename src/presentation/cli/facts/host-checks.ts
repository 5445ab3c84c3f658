import type { HostReport } from '../../../application/ports/fleet.ts';
import type { Runtime } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError } from '../../../domain/errors.ts';
import type { Check } from './check.ts';

/** A host describes itself at least every 5 s, and is forgotten after 30 s. */
const oldestMs = 35_000;
const newestMs = 3_000;

/** Checks the NATS server of the settings, and the hosts there: versions, and clocks that are apart. */
export async function checkHosts(
  runtime: Pick<Runtime, 'fleetHosts' | 'version'>,
): Promise<readonly Check[]> {
  const name = 'hosts';
  try {
    const hosts = await runtime.fleetHosts(null);
    const detail = `the NATS server answers, with JetStream; ${plural(hosts.length, 'host')}`;
    const now = Date.now();
    return [
      { name, state: 'ok', detail, fix: null },
      ...hosts.flatMap((host) => checkHost(host, runtime.version, now)),
    ];
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return [{ name, state: 'problem', detail: 'no agent can run on another machine', fix: error.message }];
  }
}

function checkHost({ name: host, version, at }: HostReport, own: string, now: number): readonly Check[] {
  const name = `host ${host}`;
  const aheadMs = Date.parse(at) - now;
  const apart = aheadMs > newestMs || aheadMs < -oldestMs;
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  const where = aheadMs > 0 ? 'ahead of' : 'behind';
  const state = 'warning';
  return [
    ...(version === own
      ? []
      : [
          {
            ...({ name, state, detail: `MAOS ${version}, and here ${own}` } as const),
            fix: 'Use one version on both: orders of another version may be refused.',
          },
        ]),
    ...(apart
      ? [
          {
            ...({ name, state, detail: `its clock is some ${seconds} s ${where} the one here` } as const),
            fix: 'Set both by NTP: times of its agents are those of its clock.',
          },
        ]
      : []),
  ];
}
