import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { collectHosted, type HostCollection } from './application/hosting/collect-hosted.ts';
import { HostService } from './application/hosting/host-service.ts';
import type { Backends } from './application/ports/backend.ts';
import type { HostedPlace } from './application/ports/hosting.ts';
import type { Log } from './application/ports/log.ts';
import type { HostOptions, StartedHost } from './application/runtime.ts';
import { compilePattern } from './domain/command-permission.ts';
import { MaosError, quote } from './domain/errors.ts';
import type { InstanceId } from './domain/ids.ts';
import type { HostBackend } from './domain/placement.ts';
import { poolPattern } from './domain/pool.ts';
import { systemClock } from './infrastructure/clock.ts';
import { toSettings } from './infrastructure/config/config.ts';
import type { Config } from './infrastructure/config/settings-table.ts';
import { ensureFolderSync } from './infrastructure/files/disk/folders.ts';
import { sessionLayout } from './infrastructure/files/home/layout.ts';
import { makeCallBox } from './infrastructure/fleet/call-box.ts';
import { holdHostLock, refuseSecondHost } from './infrastructure/fleet/host-lock.ts';
import { makeHostQuotas } from './infrastructure/fleet/host-quotas.ts';
import { makeHostedCode } from './infrastructure/fleet/hosted-code.ts';
import { makeHostedRecords } from './infrastructure/fleet/hosted-records.ts';
import { hostedSessions } from './infrastructure/fleet/hosted-sessions.ts';
import { decodeOrder } from './infrastructure/fleet/launch-order.ts';
import { makeSharedFiles } from './infrastructure/fleet/shared-files.ts';
import { makeIdSource } from './infrastructure/ids.ts';
import { openLog } from './infrastructure/logging/log.ts';
import { makeAgentDisk } from './infrastructure/process/host/agent-disk.ts';
import { makeLocalAgentHost } from './infrastructure/process/host/local-agent-host.ts';
import { makeLocalCapacity } from './infrastructure/process/host/local-capacity.ts';
import { startDetachedService } from './infrastructure/process/launch/detached-service.ts';
import { makeMachine } from './infrastructure/process/tree/machine.ts';
import { openFleet } from './pool-host.ts';
import { backendsOf, environmentFor, teamServerOf } from './project-adapters.ts';

const firstCollectionMs = 60_000;
const collectionMs = 6 * 3_600_000;

/** Makes this machine work for other homes, until the signal aborts or it is drained. */
export async function runHost(from: {
  readonly home: string;
  readonly config: Config;
  readonly instance: InstanceId;
  readonly options: HostOptions;
  told(what: string): void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { home, config, options, signal } = from;
  const { url, pools, labels, slots } = options;
  const name = nameOf(options);
  const folder = hostFolder(home);
  ensureFolderSync(folder);
  const unlock = await holdHostLock(lockFile(home));
  const log = openLog({ file: startLog(home), level: config.log.level, instance: from.instance });
  const told = (what: string): void => {
    log.log('info', what);
    from.told(what);
  };
  try {
    rmSync(drainMark(home), { force: true });
    const fleet = await openFleet(config, url, `maos host ${name}`, log);
    try {
      const settings = toSettings(config);
      const machine = makeMachine();
      const backends = backendsOf(config);
      const records = makeHostedRecords(join(folder, 'attempts'));
      const service = new HostService({
        ...{ fleet, name, pools, labels, log, told, version: manifest.version, clock: systemClock },
        slots: slots ?? settings.maxConcurrentAgents.machine,
        incarnation: makeIdSource().ulid(),
        records,
        backends,
        quotas: makeHostQuotas(join(folder, 'quotas.json')),
        survey: () => survey(backends, config.remote.backends),
        rules: {
          commands: settings.allowCommands.map(compilePattern),
          backends: config.remote.backends,
          homes: config.remote.homes,
        },
        graceMs: settings.stopGraceMs,
        teamServer: teamServerOf(home),
        placeOf: placesIn(folder, config, log),
        decodeOrder,
        freeMemoryMb: () => machine.freeMemoryMb(),
        isDraining: () => existsSync(drainMark(home)),
      });
      told(`Host ${name} takes agents of ${pools.join(', ')}.`);
      const stopCollecting = collectRegularly({
        projects: () => hostedSessions(join(folder, 'projects')),
        isBusy: (project, id) => service.isBusy(project, id),
        ...{ records, log, policy: settings.retention },
      });
      try {
        await service.run(signal);
      } finally {
        stopCollecting();
      }
    } finally {
      await fleet.close();
    }
  } finally {
    log.close();
    unlock();
  }
}

/** As often as at home. @returns a function that stops it */
function collectRegularly(collection: HostCollection): () => void {
  let cancel = systemClock.after(firstCollectionMs, turn);
  function turn(): void {
    collectHosted(collection, systemClock.now()).catch((error: unknown) =>
      collection.log.log('warn', 'old sessions not removed, retrying later', { error: String(error) }),
    );
    cancel = systemClock.after(collectionMs, turn);
  }
  return () => cancel();
}

/** Starts `maos host` with these options, once everything that this process can see lets it. */
export async function startHost(home: string, config: Config, options: HostOptions): Promise<StartedHost> {
  const { url, pools, slots, labels } = options;
  const name = nameOf(options);
  await refuseSecondHost(lockFile(home));
  await (await openFleet(config, url, `maos host ${name}`)).close();
  const { pid } = await startDetachedService({
    home,
    args: [
      ...['host', '--name', name, '--pool', pools.join(',')],
      ...(url === null ? [] : ['--nats', url]),
      ...(slots === null ? [] : ['--slots', String(slots)]),
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ],
    sign: /^Host \S+ takes agents of /m,
    what: 'host',
  });
  return { pid, name, log: logFile(home) };
}

/** Asks the host of this home to take no more agents, and to end when its agents have ended. */
export function drainHost(home: string): void {
  ensureFolderSync(hostFolder(home));
  writeFileSync(drainMark(home), '');
}

/** @param allowed names of the backends that homes may use; null: all */
async function survey(backends: Backends, allowed: readonly string[] | null): Promise<HostBackend[]> {
  const names = backends.names.filter((name) => allowed?.includes(name) !== false);
  return Promise.all(
    names.map(async (name): Promise<HostBackend> => {
      const { available, version, signedIn } = await backends.get(name).probe();
      return { name, isInstalled: available, version, signedIn, heldUntil: null };
    }),
  );
}

function placesIn(folder: string, config: Config, log: Log): (project: string) => HostedPlace {
  const places = new Map<string, HostedPlace>();
  const settings = toSettings(config);
  const slots = { tryTake: () => true, give: () => {}, bind: () => {} };
  return (project) => {
    const known = places.get(project);
    if (known !== undefined) return known;
    const projectFolder = join(folder, 'projects', project);
    const disk = makeAgentDisk({ projectFolder, projectRoot: projectFolder, log });
    const host = makeLocalAgentHost({
      disk,
      capacity: makeLocalCapacity(makeMachine(), () => slots),
      environment: environmentFor(config),
      passedVariables: config.environment.pass,
      maxOutputBytes: settings.limits.maxOutputBytes,
      clock: systemClock,
      log,
    });
    const layout = sessionLayout(projectFolder);
    const place: HostedPlace = {
      host,
      code: makeHostedCode({
        ...{ layout, environment: environmentFor(config), log },
        fetchFrom: config.remote.fetchFrom,
      }),
      files: makeSharedFiles(layout),
      calls: (key) => makeCallBox(join(disk.folderOf(key), 'calls', String(key.attempt))),
    };
    places.set(project, place);
    return place;
  };
}

function hostFolder(home: string): string {
  return join(home, 'host');
}

function lockFile(home: string): string {
  return join(hostFolder(home), 'lock.json');
}

function logFile(home: string): string {
  return join(hostFolder(home), 'host.log');
}

/** Begins the log anew, and keeps the one of the process before. */
function startLog(home: string): string {
  const file = logFile(home);
  if (existsSync(file)) renameSync(file, `${file}.1`);
  return file;
}

function drainMark(home: string): string {
  return join(hostFolder(home), 'drain');
}

/** @throws MaosError INVALID_INPUT if a name cannot be one */
function nameOf({ name, pools }: HostOptions): string {
  for (const pool of pools) checkedName(pool, 'a pool');
  return checkedName(name ?? ownName(), 'a host');
}

function ownName(): string {
  const name = hostname().toLowerCase().split('.')[0] ?? '';
  return name.replaceAll(/[^a-z0-9_-]/g, '-').replaceAll(/^[-_]+|[-_]+$/g, '') || 'host';
}

function checkedName(name: string, what: string): string {
  if (poolPattern.test(name)) return name;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(name)} cannot be the name of ${what}: use 1 to 63 of a-z, 0-9, '-' and '_', beginning and ending with a letter or digit.`,
  );
}
