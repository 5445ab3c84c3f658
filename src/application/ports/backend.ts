import type { Agent, FailureKind, PermissionDenials } from '../../domain/agent.ts';
import type { Session } from '../../domain/session.ts';
import type { AgentOutcome } from '../../domain/settle-agent.ts';
import type { ReportedUsage } from '../../domain/usage.ts';
import type { AgentLocations } from './agent-disk.ts';
import type { AgentEnd, LaunchSpec, ProgramLookup } from './agent-host.ts';

export type AgentActivity =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly tool: string; readonly detail: string }
  | { readonly type: 'tool_result'; readonly ok: boolean; readonly text: string }
  | { readonly type: 'notice'; readonly text: string }
  /** `ok` as its record alone says: logs are shown record by record. */
  | { readonly type: 'result'; readonly ok: boolean; readonly text: string };

/** What the CLI itself said of the outcome. */
export interface Verdict {
  readonly ok: boolean;
  /** Why it failed, where the CLI told it in a way that can be relied on. */
  readonly kind: FailureKind | null;
  readonly message: string;
  /** When the provider will answer again, if it said so. */
  readonly retryAt: string | null;
  /** There is no such conversation (any more) as it was to go on with. */
  readonly isConversationGone?: true;
}

/** A result that a CLI gave and has not gone on after. */
export interface Answer {
  readonly text: string;
  /** What the CLI still runs in the background, in its own words. While there is any, it may go on with it. */
  readonly background: readonly string[];
}

/** What a backend knows of a run from its output so far. */
export interface ParsedRun {
  /**
   * `auth_required` and `rate_limited` also while its CLI tries again by itself. Null while it has said nothing, and while an answer was given with work left in the background: then how its
   * process ended tells more.
   */
  readonly verdict: Verdict | null;
  /** The agent's final answer, when it gave one. */
  readonly result: string | null;
  readonly answer: Answer | null;
  readonly usage: ReportedUsage | null;
  readonly conversation: string | null;
  /** Its CLI has said that it cannot go on with a conversation, though others of its backend can. */
  readonly cannotResume?: true;
  readonly turns: number;
  /** Sub-agents that it has started itself, as far as its output tells. */
  readonly subagents: number;
  /** What it was not allowed to do; null when nothing was refused. */
  readonly denials: PermissionDenials | null;
}

/** Which start of which agent an output is of. */
export type RunIdentity = Pick<Agent, 'id' | 'attempt' | 'resumed'>;

/** Folds a CLI's output into activities. Memory stays bounded whatever the output is. */
export interface OutputParser {
  push(chunk: Uint8Array): readonly AgentActivity[];
  /** The output has ended: what was held back of an unfinished last line. */
  end(): readonly AgentActivity[];
  parsed(): ParsedRun;
}

export interface BackendProbe {
  readonly name: string;
  /** What it runs, for people: 'Claude Code'. */
  readonly title: string;
  /** The npm package of its CLI; null: none that MAOS knows. */
  readonly packageName: string | null;
  /** The version of its CLI that MAOS was tested with; null: of any. */
  readonly testedVersion: string | null;
  readonly available: boolean;
  /** It is not available because nobody has installed it, or said where it is. */
  readonly missing?: true;
  readonly path: string | null;
  readonly version: string | null;
  readonly signedIn: 'yes' | 'no' | 'unknown';
  /** Worth knowing though nothing is wrong: that MAOS was tested with another version; null when there is nothing. */
  readonly remark: string | null;
  /** What is wrong and what to do; null when nothing is. */
  readonly problem: string | null;
}

/** The MCP server through which an agent reaches its team, as its CLI is to start it. */
export interface TeamServer {
  readonly command: string;
  readonly args: readonly string[];
  /** What it has to be told: a CLI may hand on little of its own environment. None of it is secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the agent's environment that it needs besides. Their values must stand in no file and no command line. */
  readonly passes: readonly string[];
}

export interface LaunchContext {
  readonly session: Session;
  readonly agent: Agent;
  /** The role's working instructions, for the CLI's system prompt. */
  readonly briefing: string;
  readonly locations: AgentLocations;
  /** Finds the CLI at the place where the agent will run. */
  readonly findProgram: ProgramLookup;
  /** The conversation to go on with; null to begin one. */
  readonly resume: string | null;
  /** How many sub-agents its CLI may start, for a CLI that can be told; null or absent: no limit. */
  readonly maxSubagents?: number | null;
  /** For a backend that serves MCP; null or absent: there is none. A CLI that cannot start it works without. */
  readonly teamServer?: TeamServer | null;
  /** What the agent inherits from; default: the environment of this process. */
  readonly inherits?: Readonly<Record<string, string>>;
}

/**
 * How text that others wrote stands in a prompt so that the CLI acts on nothing in it: it attaches no file, runs no
 * command, calls no agent.
 */
export interface PromptEscape {
  /** The text, changed as little as that takes; the CLI's model reads it as it is given. */
  apply(text: string): string;
  /** Tells the model how to read what was changed. */
  readonly legend: string;
}

/** What a backend can do, declared by itself: nothing else asks for its name. */
export interface BackendCapabilities {
  /** `structured`: each line is a record that its parser reads. `lines`: text for people, as any program prints it. */
  readonly output: 'structured' | 'lines';
  /** An interrupted run goes on in its conversation. */
  readonly resumes: boolean;
  /** Takes input while it works. */
  readonly receives: boolean;
  /** Asks for a permission, and waits for the answer. */
  readonly asksPermission: boolean;
  /** Runs the command that its agent brings, instead of a model. */
  readonly takesCommand: boolean;
  /** Can be given MCP servers. */
  readonly servesMcp: boolean;
  readonly countsTokens: boolean;
  readonly countsCost: boolean;
  /** Its CLI can be told how many sub-agents it may start. */
  readonly boundsSubagents: boolean;
}

/** One kind of agent CLI. A new one is a file that implements this and a line in `project-adapters.ts`. */
export interface Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  /** Null: its CLI takes a prompt as plain text, whatever it holds. */
  readonly promptEscape: PromptEscape | null;
  /** Its CLI takes no instructions beside its own: the briefing opens the prompt of a new conversation instead. */
  readonly briefingInPrompt?: true;
  /** The share of one processor that its CLI uses while it only waits, where that is more than next to nothing. */
  readonly idleCpuShare?: number;
  probe(): Promise<BackendProbe>;
  /**
   * Path of the CLI; fast, starts no process.
   * @param findProgram looks at the place where agents run
   * @throws MaosError BACKEND_UNAVAILABLE saying where it was looked for and how to get it
   */
  locate(findProgram: ProgramLookup): Promise<string>;
  /** @throws MaosError BACKEND_UNAVAILABLE, INVALID_INPUT */
  prepare(context: LaunchContext): Promise<LaunchSpec>;
  /** @param run whose output it is: some CLIs do not name their conversation before their end */
  makeParser(run?: RunIdentity): OutputParser;
  /**
   * For a CLI that tells so on stderr alone.
   * @returns its words, when it could not go on with the conversation because there is none such; else null
   */
  goneConversation?(stderrTail: string): string | null;
  /** Why the run ended. Exit status 0 alone is not success unless the backend says so. */
  explain(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome;
}

/** Backends by name. @throws MaosError INVALID_INPUT for an unknown name, naming those that exist */
export interface Backends {
  get(name: string): Backend;
  /** What the backend of an agent can do; null for one that is not there any more. */
  capabilitiesOf(name: string): BackendCapabilities | null;
  /** The one that runs commands. */
  readonly ofCommands: Backend;
  readonly names: readonly string[];
}
