import type {
  ClientCapabilities,
  InitializeRequest,
  NewSessionRequest,
  PromptRequest,
  RequestPermissionResponse,
} from '@agentclientprotocol/sdk';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import { teamServerName } from '../shared/team-server.ts';
import { AgentMessage } from './agent-message.ts';
import type { TextEntry } from './bridge-input.ts';
import type { BridgeOptions } from './bridge-options.ts';
import { chooseSetting } from './choices.ts';
import { Connection, RequestFailed } from './connection.ts';
import { endOfError, endOfTurn, failedEnd, Refusal, signInNeeded } from './endings.ts';
import type { BridgeEnd, Journal } from './journal.ts';
import type { OpenPermissions } from './open-permissions.ts';
import { OpenTools } from './open-tools.ts';
import {
  answerPermission,
  canBeAllowed,
  cancelled,
  isGrantedBy,
  type PermissionAnswer,
} from './permissions.ts';
import { describeTool, isTeamTool, subjectOf } from './tools.ts';

const protocolVersion = 1;
/** The agent uses its own tools on its own files. */
const capabilities: ClientCapabilities = {
  fs: { readTextFile: false, writeTextFile: false },
  terminal: false,
};

function serversFor(server: BridgeOptions['teamServer']): NewSessionRequest['mcpServers'] {
  if (server === null) return [];
  const { command, args, env, passes } = server;
  const secrets = passes.map((name) => [name, process.env[name] ?? ''] as const);
  const variables = [...Object.entries(env), ...secrets].map(([name, value]) => ({ name, value }));
  return [{ name: teamServerName, command, args: [...args], env: variables }];
}

interface ConversationDeps {
  readonly options: BridgeOptions;
  readonly version: string;
  readonly cwd: string;
  readonly journal: Journal;
  readonly permissions: OpenPermissions;
  readonly write: (line: string) => void;
}

/** One conversation with an agent's program: from `initialize` to the end of its last turn. */
export class Conversation {
  readonly connection: Connection;
  readonly #deps: ConversationDeps;
  readonly #tools = new OpenTools();
  readonly #message = new AgentMessage();
  #session = '';
  #phase: 'starting' | 'working' | 'resting' = 'starting';
  #isOpen = false;
  /** Whether the program has its working instructions. */
  #isBriefed = false;
  #isCancelled = false;
  #hasWorked = false;
  #refused: string | null = null;

  constructor(deps: ConversationDeps) {
    this.#deps = deps;
    const { journal, write } = deps;
    this.connection = new Connection({
      ...{ journal, write },
      answer: (method, params, id) =>
        method === 'session/request_permission' ? this.#permit(params, id) : null,
      notified: (method, params) => {
        if (method === '$/cancel_request') deps.permissions.cancel(params.requestId);
        if (method === 'session/update' && this.#phase === 'working') this.#update(asJson(params.update));
      },
    });
  }

  /** How long the program may be silent now, in milliseconds; null: without limit. */
  get patienceMs(): number | null {
    const { startMs, silenceMs } = this.#deps.options;
    if (this.#phase === 'starting') return startMs;
    const isWaiting = this.#tools.isAnyRunning || this.#deps.permissions.isAnyOpen;
    return this.#phase === 'resting' || isWaiting ? null : silenceMs;
  }

  /** The failure when that time has passed. */
  silent(forMs: number): BridgeEnd {
    const { name } = this.#deps.options;
    const seconds = Math.round(forMs / 1_000);
    const [what, setting] =
      this.#phase === 'starting'
        ? [`${name} did not answer within ${seconds} s of its start`, 'startSeconds']
        : [`${name} said nothing for ${seconds} s while no tool of it was running`, 'silenceSeconds'];
    return failedEnd(
      'stalled',
      `${what}, and was stopped. Its provider may be refusing requests; its stderr may say more. The limit is backends.agentClient.${name}.${setting}.`,
    );
  }

  /** Asks the program to end the turn. Safe to repeat. */
  cancel(): void {
    if (this.#phase !== 'working' || this.#isCancelled) return;
    this.#isCancelled = true;
    this.connection.notify('session/cancel', { sessionId: this.#session });
    this.#deps.permissions.cancelAll();
  }

  /** Runs one turn that begins with these texts. Settles when it has ended or cannot begin. One call at a time. */
  async run(texts: readonly TextEntry[]): Promise<BridgeEnd> {
    try {
      if (!this.#isOpen) await this.#begin();
      this.#isOpen = true;
      return await this.#turn(texts);
    } catch (error) {
      if (error instanceof Refusal) return error.end;
      if (error instanceof RequestFailed) return endOfError(this.#deps.options.name, error);
      throw error;
    } finally {
      this.#phase = 'resting';
      this.#deps.permissions.cancelAll();
    }
  }

  async #begin(): Promise<void> {
    const told = await this.#initialize();
    await this.#open(told);
    const { resume, briefing } = this.#deps.options;
    this.#isBriefed = sessionCan(told, 'systemPrompt') || resume !== null || briefing === '';
  }

  async #initialize(): Promise<Json> {
    const { options, version, journal } = this.#deps;
    const request: InitializeRequest = {
      protocolVersion,
      clientCapabilities: capabilities,
      clientInfo: { name: 'maos', title: 'MAOS', version },
    };
    const told = await this.connection.request('initialize', request);
    if (told.protocolVersion !== protocolVersion) {
      const spoken = JSON.stringify(told.protocolVersion) ?? 'none';
      throw new Refusal(
        'spawn_failed',
        `${options.name} speaks version ${spoken} of the Agent Client Protocol; MAOS speaks version ${protocolVersion}. Use another version of the program.`,
      );
    }
    const { name, version: itsVersion } = asJson(told.agentInfo);
    const resumes = resumeMethod(told) !== null;
    journal.agent({ type: 'agent', name: textOf(name), version: textOf(itsVersion), resumes });
    return told;
  }

  async #open(told: Json): Promise<void> {
    const { options, cwd, journal } = this.#deps;
    const { resume, briefing, folders } = options;
    const setup: NewSessionRequest = {
      cwd,
      mcpServers: serversFor(options.teamServer),
      ...(sessionCan(told, 'additionalDirectories') ? { additionalDirectories: [...folders] } : {}),
      ...(sessionCan(told, 'systemPrompt')
        ? { systemPrompt: { mode: 'append', content: [{ type: 'text', text: briefing }] } }
        : {}),
    };
    let session: Json;
    if (resume === null) {
      session = await this.#signedIn(told, 'session/new', setup);
      this.#session = textOf(session.sessionId);
    } else {
      const method = resumeMethod(told);
      if (method === null) throw new Refusal(null, `${options.name} cannot resume conversations.`, 'gone');
      this.#session = resume;
      journal.replaying(true);
      session = await this.#signedIn(told, method, { ...setup, sessionId: resume }).catch(notFound);
      journal.replaying(false);
    }
    const choose = (what: 'mode' | 'model', wanted: string | null) =>
      chooseSetting(this.connection, { options, session, sessionId: this.#session, what, wanted });
    await choose('mode', options.mode);
    await choose('model', options.model);
  }

  /** Signs in with the configured method if the program requires it. */
  async #signedIn(told: Json, method: string, params: object): Promise<Json> {
    const { name, authMethod } = this.#deps.options;
    const isDemand = (error: unknown) => error instanceof RequestFailed && error.code === signInNeeded;
    try {
      return await this.connection.request(method, params);
    } catch (error) {
      if (!isDemand(error)) throw error;
      if (authMethod !== null) {
        await this.connection.request('authenticate', { methodId: authMethod });
        return this.connection.request(method, params);
      }
      const methods = listOf(told.authMethods).map(({ id }) => textOf(id));
      const said = (error as Error).message.replace(/\.$/, '');
      const offer =
        methods.length === 0
          ? ''
          : ` For backends.agentClient.${name}.authMethod it offers ${methods.join(', ')}.`;
      throw new Refusal('auth_required', `${name} is not signed in (${said}).${offer}`);
    }
  }

  async #turn(texts: readonly TextEntry[]): Promise<BridgeEnd> {
    const { options, journal } = this.#deps;
    const briefing = this.#isBriefed ? [] : [marked(options.briefing)];
    const text = [...briefing, ...texts.map((entry) => entry.text)].join('\n\n');
    const request: PromptRequest = { sessionId: this.#session, prompt: [{ type: 'text', text }] };
    this.#isBriefed = true;
    this.#phase = 'working';
    this.#refused = null;
    for (const { entry } of texts) journal.took(entry);
    const answer = await this.connection.request('session/prompt', request);
    journal.said(this.#message.finish());
    const refused = this.#isCancelled ? null : this.#refused;
    const end = endOfTurn(options.name, textOf(answer.stopReason), { hasWorked: this.#hasWorked, refused });
    return end.ok ? { ...end, result: this.#message.last } : end;
  }

  #permit(
    { toolCall, options: offered }: Json,
    id: unknown,
  ): RequestPermissionResponse | Promise<RequestPermissionResponse> {
    const { options, journal, permissions } = this.#deps;
    if (this.#isCancelled) return { outcome: cancelled.outcome };
    const tool = this.#tools.complete(asJson(toolCall));
    const isTeams = options.teamServer !== null && isTeamTool(tool);
    const isGranted = isTeams || isGrantedBy(options.permissionMode, textOf(tool.kind));
    journal.said(this.#message.finish());
    const use = this.#tools.asked(tool);
    if (use !== null) journal.tool(use.tool, use.detail);
    if (isGranted || !canBeAllowed(offered)) return this.#respond(tool, answerPermission(isGranted, offered));
    return permissions.ask(id, subjectOf(tool)).then((isAllowed) => {
      if (isAllowed === null) return { outcome: cancelled.outcome };
      return this.#respond(tool, answerPermission(isAllowed, offered));
    });
  }

  #respond(tool: Json, { isGranted, outcome }: PermissionAnswer): RequestPermissionResponse {
    const option = outcome.outcome === 'selected' ? outcome.optionId : '';
    const what = describeTool(tool);
    this.#refused = isGranted ? null : what;
    this.#deps.journal.permission({ granted: isGranted, tool: what, option });
    return { outcome };
  }

  #update(update: Json): void {
    const { journal } = this.#deps;
    const { sessionUpdate } = update;
    if (sessionUpdate === 'agent_message_chunk') journal.said(this.#message.chunk(update));
    else if (sessionUpdate === 'tool_call') journal.said(this.#message.finish());
    const use = this.#tools.update(update);
    if (use !== null) journal.tool(use.tool, use.detail);
    if (typeof sessionUpdate === 'string' && workUpdates.has(sessionUpdate)) this.#hasWorked = true;
    if (sessionUpdate === 'agent_message_chunk' || sessionUpdate === 'tool_call') this.#refused = null;
  }
}

/** Updates that prove that the model has responded. */
const workUpdates: ReadonlySet<string> = new Set([
  ...['agent_message_chunk', 'agent_thought_chunk', 'tool_call', 'tool_call_update', 'plan'],
]);

function marked(briefing: string): string {
  return `<instructions>\nThese are your working instructions for the whole conversation.\n\n${briefing.trim()}\n</instructions>`;
}

/** Whether the program declares an optional session capability. */
function sessionCan({ agentCapabilities }: Json, what: string): boolean {
  const declared = asJson(asJson(agentCapabilities).sessionCapabilities)[what];
  return declared !== undefined && declared !== null;
}

/** `session/resume` does not replay the past. Null if the program cannot resume a conversation. */
function resumeMethod(told: Json): string | null {
  if (sessionCan(told, 'resume')) return 'session/resume';
  return asJson(told.agentCapabilities).loadSession === true ? 'session/load' : null;
}

function notFound(error: unknown): never {
  if (!(error instanceof RequestFailed)) throw error;
  throw new Refusal(null, error.message, 'gone');
}
