import { ruleFor, ruleText } from '../../domain/approval-rule.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import { type AgentId, type InputRequestId, makeInputRequestId, type SessionId } from '../../domain/ids.ts';
import {
  type Answer,
  type Answerer,
  answerRequest,
  expireRequest,
  type InputRequest,
  type InputRequestDraft,
  maxOpenRequests,
  openRequest,
  withdrawRequest,
} from '../../domain/input-request.ts';
import type { InputRequestQuery, InputRequestStore } from '../ports/input-requests.ts';
import type { Project } from '../project.ts';
import { untilFound } from '../until-found.ts';

/** The parts of a project that requests need. */
export type RequestsProject = Pick<Project, 'settings' | 'watcher' | 'clock' | 'ids' | 'parent'> & {
  readonly store: Pick<Project['store'], 'inputRequests' | 'load'>;
};

/** Number of requests that one transaction expires. */
const expiryBatch = 200;
/** Open requests that a wait looks at, or recent ones that a limit counts. */
const maxCompared = 1_000;
const maxQuestionsPerMinute = 60;
const minuteMs = 60_000;

/**
 * Permissions and answers that a project's agents request from people. Methods that open or change a request throw
 * STORE_BUSY immediately while another process writes; call them through `whenFree`.
 */
export class InputRequests {
  readonly #project: RequestsProject;

  constructor(project: RequestsProject) {
    this.#project = project;
  }

  /**
   * Stores a request, once per key and attempt. A rule may answer a permission immediately; the limit of open requests
   * denies it.
   * @param draft.action the full text, because rules match it; it is cut only for storing
   * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when the attempt is not running, INVALID_INPUT when nothing
   *   is asked, RESOURCE_LIMIT_EXCEEDED for a question above the limit
   */
  open(draft: Omit<InputRequestDraft, 'id' | 'expiresAt'>): InputRequest {
    this.#expire();
    const { clock, ids, settings } = this.#project;
    const at = clock.now();
    const expiresAt = new Date(Date.parse(at) + settings.approvals.expireMs).toISOString();
    const opened = openRequest({ ...draft, id: makeInputRequestId(ids.ulid()), expiresAt }, at);
    const answer = this.#answerByRule(draft) ?? this.#answerByLimit(draft);
    const request =
      answer === null
        ? opened
        : answerRequest(opened, answer.answer, { type: 'rule', rule: answer.rule }, at);
    const stored = this.#store.open(request, at);
    this.#project.watcher.notify();
    return stored;
  }

  /**
   * Records the first answer; repeating it changes nothing.
   * @throws MaosError FORBIDDEN inside an agent, except for requests of a team that the agent started; INVALID_INPUT
   *   when there is no such request, or the answer is of the other kind; INVALID_TRANSITION when it is no longer open
   */
  answer(id: InputRequestId, answer: Answer, by: Answerer): InputRequest {
    this.#assertMayAnswer(this.find(id));
    return this.#change(id, (request, at) => answerRequest(request, answer, by, at));
  }

  /** Withdraws the attempt's open requests. Storing the attempt's end does the same. */
  withdrawAll(agentId: AgentId, attempt: number): void {
    const open = this.#store.list({ agentId, attempt, state: 'open', limit: maxOpenRequests });
    for (const { id } of open) this.withdraw(id);
  }

  /** Withdraws a request that no one waits for any longer. A closed one stays as it is. */
  withdraw(id: InputRequestId): InputRequest {
    return this.#change(id, withdrawRequest);
  }

  /** @throws MaosError INVALID_INPUT when the project has no such request */
  find(id: InputRequestId): InputRequest {
    this.expireDue();
    const request = this.#store.find(id);
    if (request === null) throw requestNotFound(id);
    return request;
  }

  /** Newest first. */
  list(query: InputRequestQuery): readonly InputRequest[] {
    this.expireDue();
    return this.#store.list(query);
  }

  /** When the next open request of the session expires; null when none is open. */
  nextDue(sessionId: SessionId): string | null {
    return this.#store.nextDue(sessionId);
  }

  /**
   * Waits until the request is no longer open, whichever process closes it, or until the signal aborts; returns its
   * state at that time.
   * @throws MaosError INVALID_INPUT when the project has no such request
   */
  async waitForAnswer(id: InputRequestId, signal: AbortSignal): Promise<InputRequest> {
    const look = (): InputRequest | null => {
      const request = this.find(id);
      return request.state === 'open' ? null : request;
    };
    const nextDue = (): string | null => this.#store.find(id)?.expiresAt ?? null;
    return (await untilFound(this.#project, look, { nextDue }, signal)) ?? this.find(id);
  }

  /**
   * Settles once a request of the session, or of any, is open; or when the signal ends the wait.
   * @param isOther a request that is open and does not count
   */
  async waitForOpen(
    sessionId: SessionId | null,
    signal: AbortSignal,
    isOther: (request: InputRequest) => boolean = () => false,
  ): Promise<void> {
    const query = {
      ...(sessionId === null ? {} : { sessionId }),
      state: 'open',
      limit: maxCompared,
    } as const;
    const look = (): InputRequest | null => this.list(query).find((request) => !isOther(request)) ?? null;
    await untilFound(this.#project, look, {}, signal);
  }

  /**
   * Expires requests before they are read, so that nothing returns an outdated state. Reading does not wait for a
   * writer: while the store is locked, expiry is skipped.
   */
  expireDue(): void {
    try {
      this.#expire();
    } catch (error) {
      if (!isMaosError(error, 'STORE_BUSY')) throw error;
    }
  }

  get #store(): InputRequestStore {
    return this.#project.store.inputRequests;
  }

  #answerByRule(draft: Pick<InputRequest, 'sessionId' | 'kind' | 'tool' | 'action'>): RuleAnswer | null {
    if (draft.kind !== 'permission') return null;
    const { settings, store } = this.#project;
    const rule = ruleFor(settings.approvals.rules, { tool: draft.tool ?? '', action: draft.action });
    if (rule !== null) return byRule(rule.decision, ruleText(rule));
    const { approvals } = store.load(draft.sessionId).session;
    return approvals === 'all' ? byRule('allow', 'allow * (maos run --yes)') : null;
  }

  #answerByLimit({ agentId, attempt, kind }: Omit<InputRequestDraft, 'id' | 'expiresAt'>): RuleAnswer | null {
    const open = this.#store.list({ agentId, attempt, state: 'open', limit: maxOpenRequests });
    if (open.length < maxOpenRequests) {
      if (kind === 'question') this.#assertMayAsk(agentId, attempt);
      return null;
    }
    if (kind === 'question') {
      throw new MaosError(
        'RESOURCE_LIMIT_EXCEEDED',
        `${maxOpenRequests} requests of ${agentId} are open. Wait for the answer to one of them before asking more.`,
        { details: { agentId, limit: maxOpenRequests } },
      );
    }
    return byRule('deny', `at most ${maxOpenRequests} open requests of an agent`);
  }

  /** Questions that are withdrawn at once would otherwise flood people without end. */
  #assertMayAsk(agentId: AgentId, attempt: number): void {
    const now = Date.parse(this.#project.clock.now());
    const recent = this.#store
      .list({ agentId, attempt, limit: maxCompared })
      .filter(({ kind, askedAt }) => kind === 'question' && Date.parse(askedAt) > now - minuteMs);
    const earliest = recent[maxQuestionsPerMinute - 1];
    if (earliest === undefined) return;
    const again = new Date(Date.parse(earliest.askedAt) + minuteMs).toISOString();
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `Nothing was asked: an agent may ask ${maxQuestionsPerMinute} questions a minute. It may ask the next one at ${again}.`,
      { details: { agentId, limit: maxQuestionsPerMinute } },
    );
  }

  /** An agent must not approve its own actions or those of its team mates. */
  #assertMayAnswer({ id, sessionId }: InputRequest): void {
    const { parent, store } = this.#project;
    if (parent === null) return;
    const started = store.load(sessionId).session.parent;
    if (started?.agentId === parent.agentId && started.sessionId === parent.sessionId) return;
    throw new MaosError(
      'FORBIDDEN',
      `Request ${id} cannot be answered by an agent. A person answers it, or the client that started the session.`,
      { details: { id, agentId: parent.agentId } },
    );
  }

  #change(id: InputRequestId, move: (request: InputRequest, at: string) => InputRequest): InputRequest {
    this.#expire();
    const at = this.#project.clock.now();
    const request = this.#store.change(id, (found) => move(found, at), at);
    if (request === null) throw requestNotFound(id);
    this.#project.watcher.notify();
    return request;
  }

  #expire(): void {
    const at = this.#project.clock.now();
    for (;;) {
      const expired = this.#store.changeDue((request) => expireRequest(request, at), at, expiryBatch);
      if (expired.length > 0) this.#project.watcher.notify();
      if (expired.length < expiryBatch) return;
    }
  }
}

interface RuleAnswer {
  readonly answer: Answer;
  readonly rule: string;
}

function byRule(decision: 'allow' | 'deny', rule: string): RuleAnswer {
  return { answer: { kind: 'permission', decision, message: null }, rule };
}

function requestNotFound(id: string): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `There is no request ${quote(id)} in this project. 'maos requests --closed' lists the requests.`,
    { details: { problem: 'not_found', id } },
  );
}
