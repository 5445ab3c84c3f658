import type { AgentId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { type CourseProject, makeLandingCourse } from '../landing/course.ts';
import type { Lease } from '../ports/ownership.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { RequestsProject } from '../requests/input-requests.ts';
import { AgentLauncher, type LauncherProject } from './agent-launcher.ts';
import { AgentRequests } from './agent-requests.ts';
import { AgentRuns, type RunsProject } from './agent-runs.ts';
import { AgentScheduler, type SchedulerProject } from './agent-scheduler.ts';
import { AgentStopper } from './agent-stopper.ts';
import { AgentWorktrees, type WorktreesProject } from './agent-worktrees.ts';
import { ArtifactRecorder } from './artifact-recorder.ts';
import { CheckPreparation, type CheckProject } from './check-preparation.ts';
import { DecisionQueue } from './decision-queue.ts';
import { type CollectorProject, EndCollector } from './end-collector.ts';
import { EndSettler } from './end-settler.ts';
import { LandingMoves } from './landing-moves.ts';
import { LaunchPreparation, type PreparationProject } from './launch-preparation.ts';
import { LimitsWatch } from './limits-watch.ts';
import { type DeliveryProject, LiveDelivery } from './live-delivery.ts';
import { LiveRequests } from './live-requests.ts';
import { PendingRequests } from './pending-requests.ts';
import { ProgressWatch } from './progress-watch.ts';
import { PromptMessages } from './prompt-messages.ts';
import { RequestWatch } from './request-watch.ts';
import { SessionCanceller } from './session-canceller.ts';
import { SessionHistory } from './session-history.ts';
import { SessionPauser } from './session-pauser.ts';
import { type RecordProject, SessionRecord } from './session-record.ts';
import { SessionSuspender, type SuspenderProject } from './session-suspender.ts';
import { SessionTime } from './session-time.ts';
import { SessionTroubles } from './session-troubles.ts';
import { SlotManager } from './slot-manager.ts';
import { trackWorkspaces } from './tracked-workspaces.ts';
import { WakeSignal } from './wake-signal.ts';
import { WorkKeeper } from './work-keeper.ts';
import { WorkProver } from './work-prover.ts';

/** The parts of the project that running a session needs. */
export type SessionProject = RecordProject &
  LauncherProject &
  PreparationProject &
  RunsProject &
  CheckProject &
  WorktreesProject &
  CourseProject &
  SchedulerProject &
  SuspenderProject &
  CollectorProject &
  RequestsProject &
  DeliveryProject & { readonly store: Pick<SessionStore, 'artifacts'> };

export type SessionParts = ReturnType<typeof makeSessionParts>;

/** Creates what the loop of one session works with. */
export function makeSessionParts(project: SessionProject, lease: Lease, workflow: Workflow) {
  const { clock, log, settings, files, host, store } = project;
  const { quota, limits } = settings;
  const wakeSignal = new WakeSignal(clock);
  const troubles = new SessionTroubles(lease.sessionId, clock, () => wakeSignal.notify());
  const history = new SessionHistory();
  const requests = new PendingRequests();
  const record = new SessionRecord(project, lease, workflow, troubles);
  const time = new SessionTime(project, record, history);
  const machineLimit = settings.maxConcurrentAgents.machine;
  const slots = new SlotManager({ slots: host.capacity.slots, machineLimit, log, wakeSignal, troubles });
  const artifacts = new ArtifactRecorder(host, store.artifacts(lease.sessionId));
  const prompts = new PromptMessages(project, record);
  const decisions = new DecisionQueue(wakeSignal);
  const { landing: landingOf } = workflow.session;
  const { workspaces, idle } = trackWorkspaces(project.workspaces);
  const working = { ...project, workspaces };
  const course = landingOf === null ? null : makeLandingCourse(working, workflow.session, landingOf);
  const worktrees = new AgentWorktrees(working, record, decisions);
  const withdraw = (id: AgentId): void => void launcher.withdraw(id);
  const agentRuns = new AgentRuns({ project, record, history, wakeSignal, withdraw });
  const preparation = new LaunchPreparation({
    ...{ project, record, artifacts, prompts, decisions, worktrees, course },
  });
  const checks = new CheckPreparation({ project, record, decisions, worktrees, course });
  const launcher: AgentLauncher = new AgentLauncher({
    ...{ project, record, slots, preparation, checks, wakeSignal },
    runs: agentRuns,
  });
  const prover = new WorkProver({
    ...{ project, record, runs: agentRuns, launcher, wakeSignal },
    landing: new LandingMoves(course, wakeSignal),
  });
  const keeper = new WorkKeeper({ project, record, worktrees, wakeSignal });
  const scheduler = new AgentScheduler({ project, record, slots, wakeSignal, launcher });
  const limitsWatch = new LimitsWatch({ limits, clock, log }, launcher.runs);
  const suspender = new SessionSuspender(record, launcher.runs, project);
  const collector = new EndCollector(project, artifacts, wakeSignal);
  const stopper = new AgentStopper(record, agentRuns, keeper, collector);
  const canceller = new SessionCanceller(record, time, stopper);
  const { runs } = launcher;
  const liveRequests = new LiveRequests({ project, record, runs });
  return {
    ...{ wakeSignal, troubles, history, requests, record, time, stopper, canceller },
    ...{ launcher, scheduler, limitsWatch, suspender, collector, decisions, keeper, prover },
    workspacesIdle: idle,
    ends: new EndSettler({
      ...{ clock, quota, record, launcher, scheduler, suspender, collector, prover, keeper, worktrees },
      runs: agentRuns,
    }),
    pauser: new SessionPauser({
      ...{ files, quota, record, time, requests, launcher, suspender, stopper, canceller, wakeSignal },
    }),
    live: new LiveDelivery({ project, record, runs, requests: liveRequests, prompts, wakeSignal }),
    agentRequests: new AgentRequests(record, time, stopper),
    requestWatch: new RequestWatch(project, lease.sessionId, wakeSignal),
    progress: new ProgressWatch({ record, time, history, runs, stopper, canceller, wakeSignal }),
  };
}
