import type {
  AgentHost,
  LaunchKey,
  OrderedLaunch,
  OutputSink,
  RunningAgent,
} from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import { type AttemptKey, type Fleet, type HostReport, orderFormat } from '../../application/ports/fleet.ts';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import type { Log } from '../../application/ports/log.ts';
import type { TeamCall, TeamOutcome } from '../../application/ports/team-calls.ts';
import type { Agent } from '../../domain/agent.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import { placementIn } from '../../domain/placement.ts';
import type { HomeCode } from './home-code.ts';
import { encodeOrder } from './launch-order.ts';
import type { Mirror } from './mirror.ts';
import { RemoteAttempt } from './remote-attempt.ts';
import type { SharedFleet } from './shared-fleet.ts';

export interface RemoteHostDeps {
  readonly fleet: SharedFleet;
  /** The project's hash. */
  readonly project: string;
  /** Absolute path of an agent's folder at home. */
  folderOf(key: LaunchKey): string;
  /** @param sink receives the stdout that is in the folder and that comes, from the first byte of the attempt */
  openMirror(
    folder: string,
    attempt: number,
    sink: OutputSink,
    onProblem: (problem: string, cause?: unknown) => void,
  ): Promise<Mirror>;
  readonly files: SharedFiles;
  readonly code: HomeCode;
  /** What a program of an agent asks of its team. Never rejects. */
  carryOut(key: LaunchKey, call: TeamCall, signal: AbortSignal): Promise<TeamOutcome>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lostAfterMs: number;
}

export type RemoteHost = Pick<AgentHost, 'attach'> & Required<Pick<AgentHost, 'order' | 'forget'>>;

/** How often to offer an attempt again that nobody has claimed: a stuck queue costs time, never work. */
const offerMs = 15_000;
/** How often to look whether a host can take an attempt that nobody has claimed. */
const placeMs = 1_000;
/** How long to wait for the first news of an agent that is adopted. */
const newsMs = 2_000;

/** Orders agents from the hosts of their pools. */
export function makeRemoteHost(deps: RemoteHostDeps): RemoteHost {
  const { project, clock, log } = deps;
  const keyOf = ({ sessionId, agentId, attempt }: LaunchKey): AttemptKey => ({
    ...{ project, sessionId, agentId, attempt },
  });

  function attemptOf(fleet: Fleet, key: LaunchKey, agent: Agent, sink: OutputSink): RemoteAttempt {
    const folder = deps.folderOf(key);
    return new RemoteAttempt({
      ...{ fleet, sink, clock, log, agent, key: keyOf(key) },
      folder,
      openMirror: (onProblem) => deps.openMirror(folder, key.attempt, sink, onProblem),
      ...{ files: deps.files, code: deps.code },
      carryOut: (call, signal) => deps.carryOut(key, call, signal),
      lostAfterMs: deps.lostAfterMs,
      released: () => deps.fleet.release(),
    });
  }

  async function order(key: LaunchKey, ordered: OrderedLaunch, sink: OutputSink): Promise<RunningAgent> {
    const { agent, session } = ordered;
    const pool = agent.pool ?? '';
    const fleet = await connected(agent);
    const attempt = attemptOf(fleet, key, agent, sink);
    try {
      const { sessionId, agentId } = key;
      const name = `${project}.${sessionId}.${agentId}.${key.attempt}`;
      const archive = await deps.files.pack(session.id, null, null);
      const files = archive === null ? null : await fleet.put(`${name}.given`, archive);
      const code = await deps.code.send(fleet, name, ordered);
      const blob = await fleet.put(`${name}.order`, encodeOrder({ ...ordered, files, code }));
      await attempt.follow();
      let isBegun = false;
      void attempt.begun.then(() => {
        isBegun = true;
      });
      const asHome = { home: fleet.home, format: orderFormat };
      const need = { backend: agent.backend, memoryMb: agent.maxMemoryMb, ...asHome };
      let offered = Number.NEGATIVE_INFINITY;
      let said: string | null = null;
      while (!isBegun && sink.isOwned()) {
        if (!attempt.isClaimed) {
          try {
            const { fits, why } = placementIn(pool, await hostsOf(fleet), need, clock.now());
            if (why !== null && why !== said) sink.news?.({ type: 'waiting', reason: why });
            said = why;
            if (fits !== 'no' && clock.elapsedMs() - offered >= offerMs) {
              await fleet.offer({ key: keyOf(key), pool, format: orderFormat, order: blob });
              offered = clock.elapsedMs();
            }
          } catch (error) {
            log.log('warn', 'an offer is repeated', { error: String(error) });
          }
        }
        await Promise.race([attempt.begun, pause(placeMs)]);
      }
    } catch (error) {
      attempt.abandon();
      throw error;
    }
    if (attempt.refusal !== null) {
      throw new MaosError('SPAWN_FAILED', `The host refused agent ${agent.name}: ${attempt.refusal}`, {
        details: { pool },
      });
    }
    return attempt.running();
  }

  let seen: { readonly at: number; readonly hosts: Promise<readonly HostReport[]> } | null = null;
  /** Agents that wait for a host at the same time look together. */
  function hostsOf(fleet: Fleet): Promise<readonly HostReport[]> {
    const at = clock.elapsedMs();
    if (seen === null || at - seen.at >= placeMs) seen = { at, hosts: fleet.hosts() };
    return seen.hosts;
  }

  async function connected(agent: Agent): Promise<Fleet> {
    try {
      return await deps.fleet.use();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MaosError(
        'SPAWN_FAILED',
        `Agent ${agent.name} is for the pool ${quote(agent.pool ?? '')}, and its hosts cannot be reached: ${why}`,
        { cause },
      );
    }
  }

  async function attach(key: LaunchKey, agent: Agent, sink: OutputSink): Promise<RunningAgent> {
    const fleet = await deps.fleet.use();
    const attempt = attemptOf(fleet, key, agent, sink);
    try {
      // Nobody can claim it after this.
      const fence = { host: null, incarnation: '', epoch: 0, phase: 'ended', obeyed: 0 } as const;
      await fleet.claim(keyOf(key), fence);
      await attempt.follow();
      await Promise.race([attempt.begun, pause(newsMs)]);
      return attempt.running();
    } catch (error) {
      attempt.abandon();
      throw error;
    }
  }

  async function forget(sessionId: SessionId): Promise<void> {
    const fleet = await deps.fleet.use();
    try {
      await fleet.forgetSession({ project, sessionId });
    } finally {
      deps.fleet.release();
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      clock.after(ms, resolve);
    });
  }

  return { order, attach, forget };
}
