import type {
  AgentHost,
  LaunchKey,
  OrderedLaunch,
  OutputSink,
  RunningAgent,
} from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { AttemptKey, BlobName, Fleet, Wish } from '../../application/ports/fleet.ts';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import type { Log } from '../../application/ports/log.ts';
import type { TeamCall, TeamOutcome } from '../../application/ports/team-calls.ts';
import type { Agent } from '../../domain/agent.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { HomeCode } from './home-code.ts';
import { encodeOrder } from './launch-order.ts';
import type { Mirror } from './mirror.ts';
import { OfferLedger, type OfferStore } from './offer-ledger.ts';
import { type FleetView, Offering } from './offering.ts';
import { pause } from './pause.ts';
import { RemoteAttempt } from './remote-attempt.ts';
import type { SharedFleet } from './shared-fleet.ts';

export interface RemoteHostDeps {
  readonly fleet: SharedFleet;
  /** The project's hash. */
  readonly project: string;
  /** Absolute path of an agent's folder at home. */
  folderOf(key: LaunchKey): string;
  /** @param sink receives the stored stdout and all later stdout, from the first byte of the attempt */
  openMirror(
    folder: string,
    attempt: number,
    sink: OutputSink,
    onProblem: (problem: string, cause?: unknown) => void,
  ): Promise<Mirror>;
  offerStore(folder: string, attempt: number): OfferStore;
  readonly files: SharedFiles;
  readonly code: HomeCode;
  /** Carries out what a program of an agent asks of its team. Never rejects. */
  carryOut(key: LaunchKey, call: TeamCall, signal: AbortSignal): Promise<TeamOutcome>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lostAfterMs: number;
}

export type RemoteHost = Pick<AgentHost, 'attach'> & Required<Pick<AgentHost, 'order' | 'forget'>>;

/** How often to look for a host that can take an unclaimed attempt. */
const placeMs = 1_000;
/** How long to wait for the first report about an adopted agent. */
const firstReportMs = 2_000;
/** Maximum number of tries while the NATS server answers. */
const mostTries = 60;

/** Orders agents from the hosts of their pools. */
export function makeRemoteHost(deps: RemoteHostDeps): RemoteHost {
  const { project, clock, log } = deps;
  const keyOf = ({ sessionId, agentId, attempt }: LaunchKey): AttemptKey => ({
    ...{ project, sessionId, agentId, attempt },
  });

  function attemptOf(
    fleet: Fleet,
    key: LaunchKey,
    agent: Agent,
    offers: OfferLedger,
    sink: OutputSink,
    isOffered: boolean,
  ): RemoteAttempt {
    const folder = deps.folderOf(key);
    return new RemoteAttempt({
      ...{ fleet, sink, clock, log, agent, offers, isOffered, key: keyOf(key) },
      folder,
      openMirror: (onProblem) => deps.openMirror(folder, key.attempt, sink, onProblem),
      ...{ files: deps.files, code: deps.code },
      carryOut: (call, signal) => deps.carryOut(key, call, signal),
      lostAfterMs: deps.lostAfterMs,
      endEarlier: () => endEarlier(fleet, key),
      released: () => deps.fleet.release(),
    });
  }

  async function order(key: LaunchKey, ordered: OrderedLaunch, sink: OutputSink): Promise<RunningAgent> {
    const { agent } = ordered;
    const tell = teller(sink);
    const fleet = await connected(agent, sink, tell);
    const offers = new OfferLedger(deps.offerStore(deps.folderOf(key), key.attempt));
    const attempt = attemptOf(fleet, key, agent, offers, sink, true);
    const offering = new Offering({
      ...{ fleet, ordered, offers, clock, key: keyOf(key), look: () => look(fleet), waiting: tell },
      send: () => send(fleet, key, ordered),
      isOwned: () => sink.isOwned(),
    });
    try {
      let isBegun = false;
      void attempt.begun.then(() => {
        isBegun = true;
      });
      const isNeeded = (): boolean => !isBegun && sink.isOwned();
      await persist(fleet, isNeeded, tell, () => attempt.follow());
      let endedIn = '';
      const proceed = async (): Promise<void> => {
        const { era } = await look(fleet);
        if (era !== endedIn) await endEarlier(fleet, key);
        endedIn = era;
        await offering.proceed((of) => attempt.claim.mayBeOffered(of));
      };
      while (isNeeded()) {
        await persist(fleet, isNeeded, tell, proceed);
        await Promise.race([attempt.begun, pause(clock, placeMs)]);
      }
    } catch (error) {
      attempt.abandon();
      throw error;
    }
    if (attempt.refusal !== null) {
      throw new MaosError('SPAWN_FAILED', `The host refused agent ${agent.name}: ${attempt.refusal}`, {
        details: { pool: agent.pool },
      });
    }
    return attempt.running();
  }

  /** The host of an attempt that was given up may come back after the NATS server has lost the wish to stop. */
  async function endEarlier(fleet: Fleet, key: LaunchKey): Promise<void> {
    for (let attempt = key.attempt - 1; attempt > 0; attempt--) {
      const earlier = { ...key, attempt };
      if ((await deps.offerStore(deps.folderOf(earlier), attempt).read()) === null) continue;
      const stored = await fleet.claimOf(keyOf(earlier));
      if (stored?.claim.host !== null) await fleet.desire(keyOf(earlier), endAtOnce(clock.now()));
    }
  }

  async function send(fleet: Fleet, key: LaunchKey, ordered: OrderedLaunch): Promise<BlobName> {
    const { sessionId, agentId, attempt } = key;
    const name = `${project}.${sessionId}.${agentId}.${attempt}`;
    const archive = await deps.files.pack(ordered.session.id, null, null);
    const files = archive === null ? null : await fleet.put(`${name}.given`, archive);
    const code = await deps.code.send(fleet, name, ordered);
    return fleet.put(`${name}.order`, encodeOrder({ ...ordered, files, code }));
  }

  let seen: { readonly at: number; readonly view: Promise<FleetView> } | null = null;
  /** Agents that wait for a host at the same time share one look. */
  function look(fleet: Fleet): Promise<FleetView> {
    const at = clock.elapsedMs();
    if (seen === null || at - seen.at >= placeMs) {
      const view = (async () => ({ era: await fleet.era(), hosts: await fleet.hosts() }))();
      seen = { at, view };
    }
    return seen.view;
  }

  /** Waits for the NATS server, like for a host. @throws MaosError if waiting would not help */
  async function connected(agent: Agent, sink: OutputSink, tell: Tell): Promise<Fleet> {
    for (;;) {
      try {
        return await deps.fleet.use();
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        if (!isMaosError(cause, 'BACKEND_UNAVAILABLE') || !sink.isOwned()) {
          throw new MaosError(
            'SPAWN_FAILED',
            `Agent ${agent.name} is for the pool ${quote(agent.pool ?? '')}, and its hosts cannot be reached: ${why}`,
            { cause },
          );
        }
        tell(why);
        await pause(clock, placeMs);
      }
    }
  }

  /**
   * Retries while the NATS server is away, and at most {@link mostTries} times while it answers.
   * @throws MaosError without a retry
   */
  async function persist(
    fleet: Fleet,
    isNeeded: () => boolean,
    tell: Tell,
    act: () => Promise<void>,
  ): Promise<void> {
    for (let tries = 1; isNeeded(); tries++) {
      try {
        return await act();
      } catch (error) {
        const isAnswering = await fleet.era().then(
          () => true,
          () => false,
        );
        if (!isNeeded()) return;
        if (isMaosError(error) || (isAnswering && tries >= mostTries)) throw error;
        log.log('warn', 'an offer is repeated', { error: String(error) });
        if (!isAnswering) {
          tries = 0;
          tell('the NATS server does not answer');
        }
        await pause(clock, placeMs);
      }
    }
  }

  async function attach(key: LaunchKey, agent: Agent, sink: OutputSink): Promise<RunningAgent> {
    const store = deps.offerStore(deps.folderOf(key), key.attempt);
    if (await store.bar()) return neverOffered(clock.now());
    const fleet = await deps.fleet.use();
    const offers = new OfferLedger(store);
    const attempt = attemptOf(fleet, key, agent, offers, sink, false);
    try {
      await offers.load();
      await endEarlier(fleet, key);
      await attempt.claim.callBack();
      await attempt.follow();
      await Promise.race([attempt.begun, pause(clock, firstReportMs)]);
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

  return { order, attach, forget };
}

/** Called when the reason why an agent waits changes; null: it does not wait. */
type Tell = (why: string | null) => void;

function teller(sink: OutputSink): Tell {
  let said: string | null = null;
  return (why) => {
    if (why !== null && why !== said) sink.news?.({ type: 'waiting', reason: why });
    said = why;
  };
}

function endAtOnce(now: string): Wish {
  const nothing = { isPaused: false, input: [], isInputOver: false, answers: [] };
  return { ...nothing, number: Date.parse(now), stop: { graceMs: 0 } };
}

/** An agent that was never offered. */
function neverOffered(at: string): RunningAgent {
  return {
    location: { kind: 'remote', label: 'no host', data: {} },
    ended: Promise.resolve({ how: 'never_started', at }),
    takesInput: false,
    isCaughtUp: () => true,
    stop: async () => ({ signals: [], survivors: 0, tookMs: 0 }),
    suspend: async () => {},
    resume: async () => {},
    send: async () => {
      throw new MaosError('INVALID_TRANSITION', 'Nothing can be sent to an agent that was never started.');
    },
    closeInput: async () => {},
    sample: async () => null,
    memory: async () => null,
  };
}
