import type { TeamServer } from '../../../application/ports/backend.ts';

/** Which permissions the bridge grants without asking the user: none, those to edit files, all. */
export const permissionModes = ['reject', 'acceptEdits', 'allow'] as const;
export type PermissionMode = (typeof permissionModes)[number];

/** The options that the backend passes to the bridge. */
export interface BridgeOptions {
  /** The name of the agent's program in the settings. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The role's working instructions. */
  readonly briefing: string;
  /** Folders for the program to work in, in addition to the current one. */
  readonly folders: readonly string[];
  /** An MCP server for the program; null: none. The bridge finds the server's secrets in its own environment. */
  readonly teamServer: TeamServer | null;
  /** The conversation to continue; null to begin one. */
  readonly resume: string | null;
  readonly model: string | null;
  readonly mode: string | null;
  /** Used if the program requires signing in. */
  readonly authMethod: string | null;
  readonly permissionMode: PermissionMode;
  /** How long the program may be silent: before it has received the prompt, and afterwards. */
  readonly startMs: number;
  readonly silenceMs: number;
}

/** The first argument that starts a maos as the bridge. */
export const bridgeCommand = 'agent-client-bridge';

/** The program is a separate argument, so that process lists show it. */
export function bridgeArguments({ program, args, ...rest }: BridgeOptions): readonly string[] {
  return [bridgeCommand, JSON.stringify(rest), program, ...args];
}

/** @param argv the arguments after the command's name */
export function readBridgeArguments(argv: readonly string[]): BridgeOptions {
  const [options = '{}', program = '', ...args] = argv;
  return { ...(JSON.parse(options) as Omit<BridgeOptions, 'program' | 'args'>), program, args };
}
