type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Traces of the client and of the package manager that started MAOS. An agent CLI that finds them believes that it
 * runs inside that client: Claude Code refuses to start under `CLAUDECODE`. (`CODEX_HOME` is a setting, not a trace.)
 */
const launcherMarkers =
  /^(CLAUDECODE$|CLAUDE_CODE_|CLAUDE_PROJECT_DIR$|CLAUDE_PLUGIN_|CLAUDE_ENV_FILE$|AI_AGENT$|CODEX_(?!HOME$)|GEMINI_CLI|npm_|INIT_CWD$|NODE_CHANNEL_)/;

/**
 * Keys and addresses of model providers: a backend takes back its own with {@link environmentOf}. Credentials that
 * serve other purposes too (`AWS_PROFILE`, `GOOGLE_APPLICATION_CREDENTIALS`) stay.
 */
const providerVariables =
  /^(ANTHROPIC_|OPENAI_|AZURE_OPENAI_|GEMINI_|GOOGLE_(API_KEY$|GEMINI_|GENAI_)|AWS_BEARER_TOKEN_BEDROCK$|(XAI|GROQ|MISTRAL|DEEPSEEK|OPENROUTER|CURSOR|COHERE|TOGETHER|FIREWORKS|PERPLEXITY)_API_KEY$)/;

/** `MAOS_HOME` and other settings go on, so that a `maos` inside an agent finds the same home; these speak of one agent. */
const agentVariables =
  /^MAOS_(AGENT_|SESSION_|LOG|WORKSPACE$|SHARED_CONTEXT$|MESSAGE_DIR$|PROJECT_ROOT$|TIMEOUT_MINUTES$|MAX_MEMORY_MB$)/;

/** What an agent inherits of MAOS's environment: everything but marks of the launching client and provider keys. */
export function inheritedEnvironment(source: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (launcherMarkers.test(name) || providerVariables.test(name) || agentVariables.test(name)) continue;
    kept[name] = value;
  }
  return kept;
}

/**
 * The variables a backend puts back for its own CLI through `LaunchSpec.env`.
 * @param wanted whole names, or beginnings that end in `_` or `*`: `['ANTHROPIC_', 'CLAUDE_CONFIG_DIR']`
 */
export function environmentOf(source: Environment, wanted: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (wanted.some((want) => matches(name, want))) kept[name] = value;
  }
  return kept;
}

function matches(name: string, want: string): boolean {
  if (want.endsWith('*')) return name.startsWith(want.slice(0, -1));
  return want.endsWith('_') ? name.startsWith(want) : name === want;
}
