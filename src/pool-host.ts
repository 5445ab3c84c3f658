import type { Clock } from './application/ports/clock.ts';
import type { Fleet } from './application/ports/fleet.ts';
import type { Log } from './application/ports/log.ts';
import { MaosError } from './domain/errors.ts';
import type { Config } from './infrastructure/config/settings-table.ts';
import { sessionLayout } from './infrastructure/files/home/layout.ts';
import { makeHomeCode } from './infrastructure/fleet/home-code.ts';
import { FileMirror } from './infrastructure/fleet/mirror.ts';
import { openNatsFleet } from './infrastructure/fleet/nats-fleet.ts';
import { makeOfferStore } from './infrastructure/fleet/offer-ledger.ts';
import {
  makeRemoteHost,
  type RemoteHost,
  type RemoteHostDeps,
} from './infrastructure/fleet/remote-agent-host.ts';
import { makeSharedFiles } from './infrastructure/fleet/shared-files.ts';
import { SharedFleet } from './infrastructure/fleet/shared-fleet.ts';

/** The hosts of pools, for one project; loaded when an agent of a pool is. */
export function makePoolHost(
  from: Pick<RemoteHostDeps, 'project' | 'folderOf' | 'carryOut'> & {
    readonly config: Config;
    readonly projectFolder: string;
    readonly projectRoot: string;
    readonly clock: Clock;
    readonly log: Log;
  },
): RemoteHost {
  const { config, projectFolder, projectRoot, ...deps } = from;
  const layout = sessionLayout(projectFolder);
  return makeRemoteHost({
    ...deps,
    openMirror: FileMirror.open,
    offerStore: makeOfferStore,
    fleet: new SharedFleet(() => openFleet(config, null, 'maos', deps.log)),
    files: makeSharedFiles(layout),
    code: makeHomeCode({ layout, project: deps.project, root: projectRoot, environment: process.env }),
    lostAfterMs: config.remote.lostAfterMinutes * 60_000,
  });
}

/** @throws MaosError INVALID_INPUT without an address, BACKEND_UNAVAILABLE */
export async function openFleet(
  config: Config,
  url: string | null,
  name: string,
  log: Log | null = null,
): Promise<Fleet> {
  const { remote } = config;
  const address = url ?? remote.url;
  if (address === null) {
    throw new MaosError(
      'INVALID_INPUT',
      'There is no NATS server to connect to: set remote.url (or MAOS_NATS_URL), or give --nats nats://HOST:4222 to maos host.',
      { details: { setting: 'remote.url' } },
    );
  }
  const access = { url: address, credentials: remote.credentials, tls: remote.tls };
  return openNatsFleet(access, name, (what, error) =>
    log?.log('warn', 'ignored what another machine has sent', { what, error: String(error) }),
  );
}
