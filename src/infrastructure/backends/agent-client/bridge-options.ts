/** What the bridge may grant in the user's name: nothing, edits inside files, everything. */
export const permissionModes = ['reject', 'acceptEdits', 'allow'] as const;
export type PermissionMode = (typeof permissionModes)[number];

/** What the bridge is told by the backend that composes its command line. */
export interface BridgeOptions {
  /** How people call the agent's program: its name in the settings. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The role's working instructions. */
  readonly briefing: string;
  /** Beside the current one, for the program to work in. */
  readonly folders: readonly string[];
  /** The conversation to go on with; null to begin one. */
  readonly resume: string | null;
  readonly model: string | null;
  readonly mode: string | null;
  /** Used where the program demands that one signs in. */
  readonly authMethod: string | null;
  readonly permissionMode: PermissionMode;
  /** How long the program may say nothing before the prompt is with it, and afterwards. */
  readonly startMs: number;
  readonly silenceMs: number;
}

/** The first argument of a maos that is to be the bridge. */
export const bridgeCommand = 'agent-client-bridge';

/** The program stands as it is, so that a list of processes shows it. */
export function bridgeArguments({ program, args, ...rest }: BridgeOptions): readonly string[] {
  return [bridgeCommand, JSON.stringify(rest), program, ...args];
}

/** @param argv what follows the name of the command */
export function readBridgeArguments(argv: readonly string[]): BridgeOptions {
  const [options = '{}', program = '', ...args] = argv;
  return { ...(JSON.parse(options) as Omit<BridgeOptions, 'program' | 'args'>), program, args };
}
