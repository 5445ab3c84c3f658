import type {
  AgentHost,
  InputEntry,
  LaunchKey,
  LaunchSpec,
  OutputSink,
  PlacedLaunch,
  RunningAgent,
} from '../../../application/ports/agent-host.ts';
import type { Clock } from '../../../application/ports/clock.ts';
import type { HostCapacity } from '../../../application/ports/host-capacity.ts';
import type { Log } from '../../../application/ports/log.ts';
import type { Agent } from '../../../domain/agent.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { ensureFolderSync } from '../../files/disk/folders.ts';
import { inheritedEnvironment } from '../launch/environment.ts';
import { resolveProgram } from '../launch/program.ts';
import { findPlace, identify, mayRunUnseen, type ProcessIdentity, placeName } from '../tree/identity.ts';
import { makeProcessTable, type ProcessTable } from '../tree/process-table.ts';
import { makeResourceSampler } from '../tree/resource-sampler.ts';
import { processEnd } from './adopted-process.ts';
import type { LocalAgentDisk } from './agent-disk.ts';
import { atNextBeat } from './beat.ts';
import { type Bell, firstOf, makeBell } from './first-of.ts';
import { handling } from './handling.ts';
import { beginInput, findInput, readPrompt } from './input-file.ts';
import { makeLaunchFiles } from './launch-files.ts';
import { fenceLaunch, type LaunchClaim, protocolVersion, readClaim, readExit } from './launch-record.ts';
import { localLocation } from './local-capacity.ts';
import { SpareShell } from './spare-shell.ts';
import { superviseAgent } from './supervised-agent.ts';
import { type FolderWatch, watchFolder } from './watch-folder.ts';
import { spawnWrapper, type Wrapper, type WrapperLaunch } from './wrapper.ts';

export interface LocalAgentHostDeps {
  readonly disk: LocalAgentDisk;
  readonly capacity: HostCapacity;
  readonly clock: Clock;
  readonly log: Log;
  /** The environment that agents inherit from; see `inheritedEnvironment`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Providers' keys that every agent inherits anyway; see `inheritedEnvironment`. */
  readonly passedVariables?: readonly string[];
  readonly table?: ProcessTable;
  /** Maximum output of an agent in bytes; its log files are bounded slightly above it. Null (the default): no limit. */
  readonly maxOutputBytes?: number | null;
  /** Process table for measurements, which do not need the guarantees of `table`. */
  readonly samplingTable?: ProcessTable;
}

/** How often to look for the record of an end, for file systems without change events. */
const recordPollMs = 2_000;
/** How long a claim may stay incomplete while its wrapper lives. */
const halfClaimMs = 250;

/** Runs agents as processes of this machine that outlive MAOS; `wrapper-script.ts` says how. */
export function makeLocalAgentHost(deps: LocalAgentHostDeps): AgentHost {
  const { clock, log, environment = process.env, table = makeProcessTable(), maxOutputBytes = null } = deps;
  const { disk, capacity } = deps;
  const sampler = makeResourceSampler(deps.samplingTable);
  const spare = new SpareShell();

  async function start(
    key: LaunchKey,
    agent: Agent,
    spec: PlacedLaunch,
    sink: OutputSink,
  ): Promise<RunningAgent> {
    const folder = folderFor(key);
    const { agentId, attempt } = key;
    if ((await readClaim(folder, attempt)) !== null) return attach(key, agent, sink);

    const { cwd } = spec;
    const place = placeName(await findPlace());
    const inherited = inheritedEnvironment(spec.inherits ?? environment, deps.passedVariables);
    const mark = { MAOS_AGENT_ID: agentId, MAOS_AGENT_ATTEMPT: String(attempt) };
    const made = makeLaunchFiles(folder, attempt, spec.files ?? {});
    const env = composeEnvironment(inherited, { ...spec.env, ...made }, { ...mark, PWD: cwd });
    const program = resolveProgram(spec.program, cwd, env.PATH);
    const notBefore = Math.floor(Date.now() / 1000) * 1000;
    const { args, stdin } = spec;
    const launch = { agentId, attempt, place, folder, program, args, cwd, env, stdin, maxOutputBytes };
    const first = async (): Promise<InputEntry> =>
      spec.firstInput === undefined ? readPrompt(folder) : { id: 'prompt', bytes: spec.firstInput };
    const input =
      stdin === 'stream' ? await beginInput(folder, attempt, await first(), () => sink.isOwned()) : null;
    const wrapper = await startWrapper(launch);
    if (!(await wrapper.claimed)) {
      const claim = await readWholeClaim(folder, attempt);
      if (claim === null || !isWhole(claim)) throw unclaimed(spec.program, folder);
      // Another start of the same attempt was faster; this wrapper ran nothing.
      return attach(key, agent, sink);
    }
    // The program may run from here on, so an error of this MAOS must not count as a failed start.
    const watch = watchAgent(key, folder);
    try {
      const identity = await identify(wrapper.pid);
      return await superviseAgent({
        key,
        folder,
        // On Linux the identity is read before the child can be collected; `ps` may be too late for a short program.
        mark: {
          agentId,
          attempt,
          wrapper: {
            pid: wrapper.pid,
            start: Number(identity?.startTime ?? notBefore),
            forks: wrapper.forks,
          },
        },
        location: localLocation(wrapper.pid, identity),
        programGone: wrapper.status,
        wrapperGone: wrapper.exit,
        handsOff: null,
        input,
        watch,
        stdoutFrom: wrapper.stdoutFrom,
        stderrFrom: wrapper.stderrFrom,
        sink,
        table,
        sampler,
        clock,
        log,
      });
    } catch (error) {
      watch.close();
      log.log('error', 'The agent was started but cannot be followed, so it is stopped.', {
        agentId,
        attempt,
        error,
      });
      // If another MAOS owns the session now, it supervises the agent.
      if (sink.isOwned()) {
        wrapper.kill();
        await wrapper.exit;
      }
      return attach(key, agent, sink);
    }
  }

  async function startWrapper(launch: WrapperLaunch): Promise<Wrapper> {
    const wrapper = await spawnWrapper(launch, spare);
    const isUsable = !wrapper.wasSpare || (await wrapper.claimed);
    return isUsable || (await readClaim(launch.folder, launch.attempt)) !== null
      ? wrapper
      : spawnWrapper(launch, null);
  }

  async function attach(key: LaunchKey, _agent: Agent, sink: OutputSink): Promise<RunningAgent> {
    const folder = folderFor(key);
    const { agentId, attempt } = key;
    const claim = (await readWholeClaim(folder, attempt)) ?? (await barOrRead(folder, attempt));
    if (claim.fenced) return neverStarted(clock.now());

    const here = await findPlace();
    const isFromElsewhere = claim.place !== null && claim.place !== placeName(here);
    // Processes of a child namespace are visible here, but under other pids.
    const wrapper = await findWrapper(key, isFromElsewhere ? { ...claim, pid: null } : claim);
    const isUnseen = wrapper === null && mayRunUnseen(claim.place, here);
    const watch = watchAgent(key, folder);
    const exitHint = makeBell();
    watch.on('exit.json', exitHint.ring);
    const wrapperGone = isUnseen
      ? recordedEnd(key, folder, sink, exitHint)
      : wrapper === null
        ? Promise.resolve()
        : processEnd(wrapper, exitHint);
    const { protocol, place } = claim;
    const { handsOff, note } = handling(protocol, isUnseen, wrapperGone);
    const said = handsOff?.reason ?? note;
    if (said !== undefined) log.log('warn', said, { agentId, attempt, place, protocol });
    const running = await superviseAgent({
      key,
      folder,
      mark: {
        agentId,
        attempt,
        wrapper: wrapper === null ? null : { pid: wrapper.pid, start: Number(wrapper.startTime) },
      },
      location: localLocation(wrapper?.pid ?? claim.pid, wrapper),
      programGone: exitRecorded(folder, attempt, exitHint, wrapperGone),
      wrapperGone: wrapperGone.then(() => null),
      handsOff,
      input: findInput(folder, attempt, () => sink.isOwned()),
      watch,
      stdoutFrom: claim.stdoutFrom,
      stderrFrom: claim.stderrFrom,
      sink,
      table,
      sampler,
      clock,
      log,
    });
    return note === undefined ? running : { ...running, note };
  }

  /** The folder of an agent is there before its launch; that of a check begins with it. */
  function folderFor(key: LaunchKey): string {
    const folder = disk.folderOf(key);
    if (key.check !== undefined) ensureFolderSync(folder);
    return folder;
  }

  function watchAgent({ agentId, attempt }: LaunchKey, folder: string): FolderWatch {
    return watchFolder(folder, (cause) => {
      const message = "The agent's folder cannot be watched; its output is polled instead.";
      log.log('warn', message, { agentId, attempt, error: String(cause) });
    });
  }

  /** The running wrapper. A process that has only reused its pid lacks the agent's mark and is never touched. */
  async function findWrapper(
    { agentId, attempt }: LaunchKey,
    { pid }: LaunchClaim,
  ): Promise<ProcessIdentity | null> {
    const snapshot = await table.snapshot();
    const candidates = pid === null ? snapshot.processes.values() : [snapshot.processes.get(pid)];
    for (const entry of candidates) {
      const isLeader = entry !== undefined && entry.pid === entry.sid;
      if (!isLeader) continue;
      const mark = snapshot.markOf(entry);
      if (mark?.agentId === agentId && (mark.attempt ?? attempt) === attempt) return identify(entry.pid);
    }
    return null;
  }

  const findProgram: AgentHost['findProgram'] = async (name, inherits = environment) =>
    resolveProgram(name, process.cwd(), inherits.PATH);

  async function makeRoom(agent: Agent): Promise<void> {
    await disk.makeRoom(agent);
    spare.prepare();
  }

  return { ...disk, makeRoom, capacity, findProgram, start, attach };
}

function composeEnvironment(
  inherited: Readonly<Record<string, string>>,
  changes: LaunchSpec['env'],
  fixed: Readonly<Record<string, string>>,
): Record<string, string> {
  const env = { ...inherited };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete env[name];
    else env[name] = value;
  }
  return { ...env, ...fixed };
}

/** Settles when the program's end is recorded, or nothing is left that could record it. */
async function exitRecorded(
  folder: string,
  attempt: number,
  hint: Bell,
  wrapperGone: Promise<unknown>,
): Promise<null> {
  let isGone = false;
  void wrapperGone.then(() => {
    isGone = true;
  });
  for (;;) {
    const hinted = hint.next();
    if (isGone || (await readExit(folder, attempt)) !== null) return null;
    let cancel = (): void => {};
    const beat = new Promise<void>((resolve) => {
      cancel = atNextBeat(recordPollMs, resolve);
    });
    await Promise.race([wrapperGone, hinted, beat]);
    cancel();
  }
}

/** The claim once it is complete, or its incomplete content when its writer seems to have died. */
async function readWholeClaim(folder: string, attempt: number): Promise<LaunchClaim | null> {
  const until = performance.now() + halfClaimMs;
  for (;;) {
    const claim = await readClaim(folder, attempt);
    if (claim === null || isWhole(claim) || performance.now() > until) return claim;
    await firstOf(10, []);
  }
}

async function barOrRead(folder: string, attempt: number): Promise<LaunchClaim> {
  if (await fenceLaunch(folder, attempt)) {
    return { protocol: protocolVersion, pid: null, place: null, fenced: true, stdoutFrom: 0, stderrFrom: 0 };
  }
  const claim = await readWholeClaim(folder, attempt);
  if (claim !== null) return claim;
  throw new MaosError(
    'INTERNAL',
    `The launch record of attempt ${attempt} in ${quote(folder)} appeared and disappeared.`,
  );
}

/** Settles when the agent's end is recorded, or another MAOS owns the session. */
async function recordedEnd(
  { attempt }: LaunchKey,
  folder: string,
  sink: OutputSink,
  hint: Bell,
): Promise<void> {
  while ((await readExit(folder, attempt)) === null && sink.isOwned()) {
    await firstOf(recordPollMs, [hint.next()]);
  }
}

function isWhole(claim: LaunchClaim | null): boolean {
  return claim !== null && (claim.fenced || claim.pid !== null);
}

function unclaimed(program: string, folder: string): MaosError {
  return new MaosError(
    'SPAWN_FAILED',
    `Cannot start ${quote(program)}: the launch could not be recorded in ${quote(folder)}. Check stderr.log there, and whether the disk is full.`,
    { details: { program, folder } },
  );
}

function noInput(): Promise<never> {
  return Promise.reject(
    new MaosError('INVALID_TRANSITION', 'Nothing can be sent to an agent that was never started.'),
  );
}

function neverStarted(at: string): RunningAgent {
  return {
    location: localLocation(null, null),
    ended: Promise.resolve({ how: 'never_started', at }),
    stop: () => Promise.resolve({ signals: [], survivors: 0, tookMs: 0 }),
    suspend: () => Promise.resolve(),
    resume: () => Promise.resolve(),
    takesInput: false,
    isCaughtUp: () => true,
    send: noInput,
    closeInput: noInput,
    sample: () => Promise.resolve(null),
    memory: () => Promise.resolve(null),
  };
}
