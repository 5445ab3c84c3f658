import { providerVariables } from './provider-variables.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Marks of the client and package manager that started MAOS, and their session tokens. An agent CLI that finds them
 * concludes that it runs inside that client: Claude Code refuses to start under `CLAUDECODE`. Settings of these
 * programs (`CODEX_HOME`, `CLAUDE_CODE_CLIENT_CERT`) are not in the list.
 */
const launcherMarks = [
  ...['AI_AGENT', 'CLAUDECODE', 'CLAUDE_AGENT', 'CLAUDE_BG_*', 'CLAUDE_BRIDGE_*', 'CLAUDE_EFFORT'],
  ...['CLAUDE_ENV_FILE', 'CLAUDE_JOB_DIR', 'CLAUDE_PID', 'CLAUDE_PLUGIN_*', 'CLAUDE_PROJECT_DIR'],
  ...['CLAUDE_RUNNER_*', 'CLAUDE_SESSION_*', 'CLAUDE_SKILL_DIR', 'CLAUDE_TRUSTED_DEVICE_TOKEN'],
  ...['CLAUDE_AGENT_SDK_CLIENT_APP', 'CLAUDE_AGENT_SDK_VERSION', 'CLAUDE_CODE_ACTION', 'CLAUDE_CODE_AGENT'],
  ...['CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR', 'CLAUDE_CODE_ARTIFACTS_API_TOKEN', 'CLAUDE_CODE_BRIDGE_*'],
  ...['CLAUDE_CODE_CHILD_SESSION', 'CLAUDE_CODE_CHROME_MCP_ORG_DENIED', 'CLAUDE_CODE_CLOUD_SESSION_ID'],
  ...['CLAUDE_CODE_CONTAINER_ID', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_EXECPATH'],
  ...['CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS', 'CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR'],
  ...[
    'CLAUDE_CODE_PARENT_SESSION_ID',
    'CLAUDE_CODE_RELAUNCH_*',
    'CLAUDE_CODE_REMOTE',
    'CLAUDE_CODE_REMOTE_*',
  ],
  ...['CLAUDE_CODE_RESUME_FROM_SESSION', 'CLAUDE_CODE_SDK_HAS_*', 'CLAUDE_CODE_SDK_READS_*'],
  ...['CLAUDE_CODE_SESSIONS_OAUTH_TOKEN', 'CLAUDE_CODE_SESSION_*', 'CLAUDE_CODE_SHELL_HANDOVER_*'],
  ...['CLAUDE_CODE_SLACK_TAG_TOKEN', 'CLAUDE_CODE_SPAWNED_BY_SERVER', 'CLAUDE_CODE_SPAWN_TIMESTAMP_MS'],
  ...['CLAUDE_CODE_SSE_PORT', 'CLAUDE_CODE_STARTER_MAY_HOLD_CONNECTOR_FILE', 'CLAUDE_CODE_SUPERVISED'],
  ...['CLAUDE_CODE_TASK_LIST_ID', 'CLAUDE_CODE_TEAMMATE_COMMAND', 'CLAUDE_CODE_TMUX_SESSION'],
  ...['CLAUDE_CODE_TOOL_USE_ID', 'CLAUDE_CODE_VERSION', 'CLAUDE_CODE_WORKER_EPOCH'],
  'CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR',
  ...[
    'CODEX_CI',
    'CODEX_INTERNAL_*',
    'CODEX_MANAGED_*',
    'CODEX_SANDBOX',
    'CODEX_SANDBOX_*',
    'CODEX_SESSION_*',
  ],
  ...['CODEX_SHELL', 'CODEX_THREAD_*', 'CURSOR_AGENT', 'CURSOR_TRACE_ID', 'OPENCODE', 'OPENCODE_PID'],
  ...['COPILOT_AGENT_SESSION_ID', 'COPILOT_CLI', 'COPILOT_CLI_BINARY_VERSION', 'COPILOT_LOADER_PID'],
  'COPILOT_CLI_RESOLVED_DIST_DIR',
  ...['GEMINI_CLI', 'GEMINI_CLI_IDE_*', 'GEMINI_CLI_NO_RELAUNCH', 'GEMINI_CLI_SESSION_*'],
  ...['npm_*', 'INIT_CWD', 'NODE_CHANNEL_*'],
];

/**
 * MAOS's own variables about one agent, and the credentials of its clients. `MAOS_HOME` and other settings are passed
 * on, so that a `maos` inside an agent finds the same home.
 */
const ownVariables = [
  ...['MAOS_AGENT_*', 'MAOS_SESSION_*', 'MAOS_LOG*', 'MAOS_WORKSPACE', 'MAOS_SHARED_CONTEXT', 'MAOS_RESULTS'],
  ...['MAOS_DETACHED', 'MAOS_MESSAGE_DIR', 'MAOS_PROJECT_ROOT', 'MAOS_TIMEOUT_MINUTES', 'MAOS_MAX_MEMORY_MB'],
  ...['MAOS_TOKEN*', 'MAOS_HTTP_TOKEN*', 'MAOS_BEARER_TOKEN*', 'MAOS_AUTH_TOKEN*', 'MAOS_API_KEY*'],
];

const never = matcher([...launcherMarks, ...ownVariables]);
const ofProviders = matcher(Object.values<readonly string[]>(providerVariables).flat());

/**
 * The part of MAOS's environment that an agent inherits: everything except marks of the launching client, clients'
 * tokens and providers' keys. A backend adds the keys of its own provider with {@link environmentOf}.
 * @param passed keys to pass on anyway, as for `environmentOf`
 */
export function inheritedEnvironment(
  source: Environment,
  passed: readonly string[] = [],
): Record<string, string> {
  const isPassed = matcher(passed);
  return filtered(source, (name) => !never(name) && (!ofProviders(name) || isPassed(name)));
}

/**
 * The variables that a backend adds for its CLI through `LaunchSpec.env`.
 * @param wanted full names, or prefixes that end in `*`: `['ANTHROPIC_*', 'CLAUDE_CONFIG_DIR']`
 */
export function environmentOf(source: Environment, wanted: readonly string[]): Record<string, string> {
  return filtered(source, matcher(wanted));
}

/** @param withheld as for {@link environmentOf} */
export function environmentWithout(source: Environment, withheld: readonly string[]): Record<string, string> {
  const isWithheld = matcher(withheld);
  return filtered(source, (name) => !isWithheld(name));
}

function filtered(source: Environment, isKept: (name: string) => boolean): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && isKept(name)) kept[name] = value;
  }
  return kept;
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const beginnings = patterns.flatMap((pattern) => (pattern.endsWith('*') ? [pattern.slice(0, -1)] : []));
  return (name) => names.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
}
