import { isMaosError } from '../../domain/errors.ts';
import type { AgentId, InputRequestId } from '../../domain/ids.ts';
import { answererText, type InputRequest } from '../../domain/input-request.ts';
import { changeStage } from '../../domain/running-agents.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { PermissionAnswer, PermissionAsked } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { InputRequests, type RequestsProject } from '../requests/input-requests.ts';
import type { AgentRun } from './agent-run.ts';
import type { SessionRecord } from './session-record.ts';

interface LiveRequestsDeps {
  readonly project: RequestsProject & Pick<Project, 'log' | 'backends'>;
  readonly record: SessionRecord;
  readonly runs: ReadonlyMap<AgentId, AgentRun>;
}

/** Maximum number of open requests of a session that are checked at a time; the others follow when these are closed. */
const maxLooked = 1_000;

/**
 * Stores what the CLIs of running agents request, and sends the answers back. An adopted run reports all of its
 * requests again, but each is stored only once, and the input accepts each answer only once.
 */
export class LiveRequests {
  readonly #deps: LiveRequestsDeps;
  readonly #requests: InputRequests;
  /** Requests on a run's channel that have not been answered there. */
  readonly #asked = new Map<AgentRun, Map<InputRequestId, PermissionAsked>>();
  /** Whether agents may be in the stage `awaiting`. */
  #isAwaited = true;

  constructor(deps: LiveRequestsDeps) {
    this.#deps = deps;
    this.#requests = new InputRequests(deps.project);
  }

  async opened(run: AgentRun, asked: PermissionAsked): Promise<void> {
    const { agentId, sessionId, attempt } = run.key;
    const { key, action, reason, choices } = asked;
    const what =
      choices === undefined
        ? ({ kind: 'permission', tool: asked.tool, choices: [] } as const)
        : ({ kind: 'question', tool: null, choices } as const);
    const draft = { sessionId, agentId, attempt, key, action, reason, ...what };
    try {
      const id = await this.#deps.record.whenStoreIsFree(() => this.#open(draft));
      if (id === null) {
        const message = 'Too many of your questions are open. Wait for the answer to one of them.';
        return this.#send(run, key, asked, { allow: false, message });
      }
      const ofRun = this.#asked.get(run) ?? new Map<InputRequestId, PermissionAsked>();
      this.#asked.set(run, ofRun.set(id, asked));
    } catch (error) {
      if (this.#deps.record.left) throw error;
      // Without an answer, its CLI would wait forever.
      this.#log(`a request of ${agentId} could not be stored, so it is denied`, error);
      this.#send(run, key, asked, { allow: false, message: 'MAOS could not store this request.' });
    }
  }

  /**
   * Null for a question beyond the limit of open ones. The loop must not wait then, as it does when the store has no
   * room.
   */
  #open(draft: Parameters<InputRequests['open']>[0]): InputRequestId | null {
    try {
      return this.#requests.open(draft).id;
    } catch (error) {
      const isLimit = isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED') && error.details.limit !== undefined;
      if (isLimit && draft.kind === 'question') return null;
      throw error;
    }
  }

  async withdrawn(run: AgentRun, key: string): Promise<void> {
    for (const [id, asked] of this.#asked.get(run) ?? []) {
      if (asked.key !== key) continue;
      this.#asked.get(run)?.delete(id);
      await this.#deps.record.whenStoreIsFree(() => this.#requests.withdraw(id));
    }
  }

  /**
   * Sends new answers, and moves agents to the stage `awaiting` and back.
   * @param hasOpen whether any request of the session is open
   */
  follow(hasOpen: boolean): void {
    const { record, runs } = this.#deps;
    for (const run of this.#asked.keys()) if (runs.get(run.agent.id) !== run) this.#asked.delete(run);
    const hasAsked = [...this.#asked.values()].some(({ size }) => size > 0);
    if (!hasOpen && !hasAsked && !this.#isAwaited) return;
    this.#isAwaited = hasOpen;
    const { id: sessionId } = record.workflow.session;
    const open = this.#requests.list({ sessionId, state: 'open', limit: maxLooked });
    this.#answer(new Set(open.map(({ id }) => id)));
    this.#moveStages(open);
  }

  #answer(open: ReadonlySet<InputRequestId>): void {
    for (const [run, ofRun] of this.#asked) {
      for (const [id, asked] of ofRun) {
        if (open.has(id)) continue;
        const answer = answerTo(this.#requests.find(id));
        if (answer === null) continue;
        ofRun.delete(id);
        if (answer !== 'none') this.#send(run, id, asked, answer);
      }
    }
  }

  #send(run: AgentRun, id: string, asked: PermissionAsked, answer: PermissionAnswer): void {
    const bytes = this.#deps.project.backends.get(run.agent.backend).live?.permission?.(asked, answer);
    if (bytes !== undefined) run.channel?.sendAnswer(id, bytes);
  }

  #moveStages(open: readonly InputRequest[]): void {
    const { record, runs, project } = this.#deps;
    const waiting = new Set(open.map(({ agentId, attempt }) => `${agentId} ${attempt}`));
    for (const run of runs.values()) {
      const { id, attempt, stage } = agentOf(record.workflow, run.agent.id);
      const isWaiting = waiting.has(`${id} ${attempt}`);
      run.isAwaiting = isWaiting;
      const next = isWaiting ? 'awaiting' : 'executing';
      if (stage === (isWaiting ? 'executing' : 'awaiting')) {
        record.enterStage((workflow) => changeStage(workflow, id, next, project.clock.now()));
      }
    }
  }

  #log(message: string, error: unknown): void {
    const session = this.#deps.record.workflow.session.id;
    this.#deps.project.log.log('error', message, { session, error });
  }
}

/** Null while the request is open. `none`: the CLI no longer waits for an answer. */
function answerTo({ state, kind, answer, answeredBy }: InputRequest): PermissionAnswer | 'none' | null {
  if (state === 'open') return null;
  if (state === 'withdrawn') return 'none';
  if (state === 'expired') {
    const what =
      kind === 'question'
        ? 'Decide yourself, and say in your result what you assumed.'
        : 'So this is denied; go on without it.';
    return { allow: false, message: `Nobody answered in time. ${what}` };
  }
  if (answer?.kind === 'question') return { allow: true, text: answer.text };
  if (answer?.kind !== 'permission') return 'none';
  if (answer.decision === 'allow') return { allow: true };
  const by = answeredBy === null ? '' : ` by ${answererText(answeredBy)}`;
  return { allow: false, message: `Denied${by}${answer.message === null ? '.' : `: ${answer.message}`}` };
}
