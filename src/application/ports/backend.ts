import type { Agent, FailureKind, PermissionDenials } from '../../domain/agent.ts';
import type { Session } from '../../domain/session.ts';
import type { AgentOutcome } from '../../domain/settle-agent.ts';
import type { ReportedUsage } from '../../domain/usage.ts';
import type { AgentLocations } from './agent-disk.ts';
import type { AgentEnd, LaunchSpec, ProgramLookup } from './agent-host.ts';

/** A tool use that a CLI requests permission for. */
export interface PermissionAsked {
  /** The CLI's id of the request, unique within the attempt. */
  readonly key: string;
  readonly tool: string;
  /** The action, for people. */
  readonly action: string;
  /** The CLI's own reason; null: none. */
  readonly reason: string | null;
  /** The tool's input, for CLIs whose answers must repeat it; null: too long. */
  readonly input: Readonly<Record<string, unknown>> | null;
  /** Present if the tool use is a question to the user: the answers that it suggests. */
  readonly choices?: readonly string[];
}

/** The answer to a permission request, with text if it is a question. The message of a denial is for the CLI's model. */
export type PermissionAnswer =
  | { readonly allow: true; readonly text?: string }
  | { readonly allow: false; readonly message: string };

export type AgentActivity =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly tool: string; readonly detail: string }
  | { readonly type: 'tool_result'; readonly ok: boolean; readonly text: string }
  | { readonly type: 'notice'; readonly text: string }
  /** `ok` according to this record alone, because logs are shown record by record. */
  | { readonly type: 'result'; readonly ok: boolean; readonly text: string }
  /**
   * Shows that an entry of the input is in the conversation; `text`: of a message, as far as the CLI repeats it. With
   * `via`: a message that is there because it came with a result of the team's server.
   */
  | { readonly type: 'received'; readonly entry: string; readonly text?: string; readonly via?: 'tool' }
  | ({ readonly type: 'permission' } & PermissionAsked)
  /** The CLI no longer waits for the answer. */
  | { readonly type: 'permission_withdrawn'; readonly key: string }
  /** The CLI waits for something that MAOS does not support; `bytes` tells it to continue without. */
  | { readonly type: 'refusal'; readonly key: string; readonly bytes: Uint8Array };

/** What the CLI itself reported about the outcome. */
export interface Verdict {
  readonly ok: boolean;
  /** The kind of failure, if the CLI reported it reliably. */
  readonly kind: FailureKind | null;
  readonly message: string;
  /** When the provider will accept again, if it said so. */
  readonly retryAt: string | null;
  /** The conversation to resume does not exist. */
  readonly isConversationGone?: true;
}

/** A result after which the CLI has not continued. */
export interface Answer {
  readonly text: string;
  /** What the CLI still runs in the background, in its own words. While there is anything, it may continue. */
  readonly background: readonly string[];
}

/** What is known about a run from its output so far. */
export interface ParsedRun {
  /**
   * `auth_required` and `rate_limited` also while the CLI retries by itself. Null while it has reported nothing, and
   * while an answer was given with work left in the background: then the end of its process says more.
   */
  readonly verdict: Verdict | null;
  /** The agent's final answer, if it gave one. */
  readonly result: string | null;
  readonly answer: Answer | null;
  /** It has given a result, good or bad, and will not continue by itself: it ends when its input is closed. */
  readonly isAtRest?: true;
  readonly usage: ReportedUsage | null;
  readonly conversation: string | null;
  /** Its CLI has declared that it cannot resume conversations, although others of its backend can. */
  readonly cannotResume?: true;
  readonly turns: number;
  /** Number of sub-agents that it has started itself, as far as its output shows. */
  readonly subagents: number;
  /** What it was not permitted to do; null if nothing was denied. */
  readonly denials: PermissionDenials | null;
}

/** The run that an output belongs to. */
export type RunIdentity = Pick<Agent, 'id' | 'attempt' | 'resumed'>;

/** Converts a CLI's output to activities. Uses bounded memory for any output. */
export interface OutputParser {
  push(chunk: Uint8Array): readonly AgentActivity[];
  /** Call at the end of the output; processes an unfinished last line. */
  end(): readonly AgentActivity[];
  parsed(): ParsedRun;
}

export interface BackendProbe {
  readonly name: string;
  /** Its product name for people: 'Claude Code'. */
  readonly title: string;
  /** The npm package of its CLI; null if MAOS knows none. */
  readonly packageName: string | null;
  /** The version of its CLI that MAOS was tested with; null: any. */
  readonly testedVersion: string | null;
  readonly available: boolean;
  /** Not available because it is not installed or not configured. */
  readonly missing?: true;
  readonly path: string | null;
  readonly version: string | null;
  readonly signedIn: 'yes' | 'no' | 'unknown';
  /** A note although nothing is wrong, such as a version that MAOS was not tested with; null if there is none. */
  readonly remark: string | null;
  /** What is wrong and what to do; null if nothing is. */
  readonly problem: string | null;
}

/** The MCP server that connects an agent to its team, and how its CLI starts it. */
export interface TeamServer {
  readonly command: string;
  readonly args: readonly string[];
  /** Variables to set explicitly, because a CLI may pass on little of its own environment. None of them is secret. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Names of further variables to pass on from the agent's environment. Never write their values to a file or a command
   * line.
   */
  readonly passes: readonly string[];
}

export interface LaunchContext {
  readonly session: Session;
  readonly agent: Agent;
  /** The role's working instructions, for the CLI's system prompt. */
  readonly briefing: string;
  readonly locations: AgentLocations;
  /** Finds the CLI where the agent will run. */
  readonly findProgram: ProgramLookup;
  /** The conversation to resume; null to begin one. */
  readonly resume: string | null;
  /** Maximum number of sub-agents, for a CLI that supports a limit; null or missing: no limit. */
  readonly maxSubagents?: number | null;
  /** For a backend that supports MCP servers; null or absent: none. A CLI that cannot start it works without it. */
  readonly teamServer?: TeamServer | null;
  /** What the agent inherits from; default: the environment of this process. */
  readonly inherits?: Readonly<Record<string, string>>;
}

/**
 * Escapes text of others in a prompt, so that the CLI does not act on it: attaches no file, runs no command, calls no
 * agent.
 */
export interface PromptEscape {
  /** Changes the text as little as possible; the CLI's model sees the escaped form. */
  apply(text: string): string;
  /** Tells the model how to read the escaped form. */
  readonly legend: string;
}

/** Writes entries for a CLI that reads its input while it works. */
export interface LiveInput {
  /** While it works; or between its turns, where a text begins another one. */
  readonly takesTexts: 'at_once' | 'between_turns';
  /** Adds the prompt (entry `prompt`) or a message (entry = its id) to the conversation. */
  text(entry: string, text: string): Uint8Array;
  /** Answers a permission request; null: the CLI makes none. */
  readonly permission: ((asked: PermissionAsked, answer: PermissionAnswer) => Uint8Array) | null;
}

/** What a backend can do, as declared by itself, so that no other code checks for names. */
export interface BackendCapabilities {
  /** `structured`: each line is a record for its parser. `lines`: text for people, as any program prints it. */
  readonly output: 'structured' | 'lines';
  /** Can resume the conversation of an interrupted run. */
  readonly resumes: boolean;
  /** Takes input after its prompt; see {@link LiveInput.takesTexts}. */
  readonly receives: boolean;
  /** Requests permissions, and waits for the answers. */
  readonly asksPermission: boolean;
  /** Runs a command given by the agent, instead of a model. */
  readonly takesCommand: boolean;
  /** Can be given MCP servers. */
  readonly servesMcp: boolean;
  /**
   * Its output shows what the tools of the team's server returned. Then a message in a result counts as delivered when
   * the output shows it, otherwise when the result was returned.
   */
  readonly showsTeamResults: boolean;
  readonly countsTokens: boolean;
  readonly countsCost: boolean;
  /** Its CLI supports a limit on sub-agents. */
  readonly boundsSubagents: boolean;
}

/** A kind of agent CLI. A new one is a file that implements this and an entry in `project-adapters.ts`. */
export interface Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  /** Null: its CLI reads only its prompt. Otherwise its launches use `stdin: 'stream'`. */
  readonly live: LiveInput | null;
  /** Null: its CLI takes a prompt as plain text, whatever it contains. */
  readonly promptEscape: PromptEscape | null;
  /** Its CLI takes no separate instructions: the briefing opens the prompt of a new conversation instead. */
  readonly briefingInPrompt?: true;
  /** The share of one processor that its idle CLI uses, if it is considerable. */
  readonly idleCpuShare?: number;
  probe(): Promise<BackendProbe>;
  /**
   * Path of the CLI; fast, starts no process.
   * @param findProgram searches where agents run
   * @throws MaosError BACKEND_UNAVAILABLE with the searched location and how to install it
   */
  locate(findProgram: ProgramLookup): Promise<string>;
  /** @throws MaosError BACKEND_UNAVAILABLE, INVALID_INPUT */
  prepare(context: LaunchContext): Promise<LaunchSpec>;
  /** @param run the run that the output belongs to: some CLIs print their conversation's id only at the end */
  makeParser(run?: RunIdentity): OutputParser;
  /**
   * For a CLI that reports this only on stderr.
   * @returns its message if the conversation to resume does not exist; otherwise null
   */
  goneConversation?(stderrTail: string): string | null;
  /** The outcome of the run. Exit status 0 alone is not success unless the backend says so. */
  explain(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome;
}

/** Backends by name. @throws MaosError INVALID_INPUT for an unknown name, listing the known ones */
export interface Backends {
  get(name: string): Backend;
  /** What the backend of an agent can do; null if it is no longer configured. */
  capabilitiesOf(name: string): BackendCapabilities | null;
  /** The backend that runs commands. */
  readonly ofCommands: Backend;
  readonly names: readonly string[];
}
