import { availableParallelism } from 'node:os';
import type { LogLevel } from '../../application/ports/log.ts';
import { modelNamePattern, modelNameRule } from '../../domain/model-name.ts';
import { type NotificationKind, notificationWays } from '../../domain/notification.ts';
import { agentClientSettings } from '../backends/agent-client/settings.ts';
import { claudeSettings } from '../backends/claude/settings.ts';
import { codexSettings } from '../backends/codex/settings.ts';
import { copilotSettings } from '../backends/copilot/settings.ts';
import { customSettings } from '../backends/custom/settings.ts';
import { geminiSettings } from '../backends/gemini/settings.ts';
import { opencodeSettings } from '../backends/opencode/settings.ts';
import { qwenSettings } from '../backends/qwen/settings.ts';
import { approvalRules } from './approval-rules.ts';
import {
  absolutePath,
  listOf,
  listOfTexts,
  number,
  oneOf,
  orNone,
  textLike,
  trueOrFalse,
  wholeNumber,
} from './kinds.ts';
import { namedEntries } from './named-entries.ts';
import { commandLine, webhookAddress, webhookSecret } from './notification-kinds.ts';
import { isSetting, type Setting, type SettingGroup, setting, type Values } from './setting.ts';

const levels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug', 'trace'];
const agentCount = wholeNumber(1, 10_000);
const backendName = textLike(
  /^[a-z][a-z0-9_:-]{0,62}$/,
  "a backend's name: lower-case letters, digits, '-', '_' or ':'",
);
const roleName = textLike(
  /^[a-z][a-z0-9_]{0,62}$/,
  "a role's name: lower-case letters, digits or '_', beginning with a letter",
);
const natsAddress = textLike(
  /^(?:nats|tls):\/\/[A-Za-z0-9.[\]:-]{1,300}(?:,(?:nats|tls):\/\/[A-Za-z0-9.[\]:-]{1,300}){0,9}$/,
  'nats://HOST:PORT or tls://HOST:PORT, several separated by commas',
);
const natsPublicKey = textLike(/^U[A-Z2-7]{55}$/, "a NATS user's public key: 'U' and 55 letters and digits");
const remoteBeginning = textLike(
  /^(?:(?:https|ssh|git):\/\/[^\s/]+(?:\/\S*)?|[\w.-]+@[A-Za-z0-9.-]+:\S*)$/,
  'the beginning of an address with its host, such as https://HOST/PATH/, ssh://USER@HOST/ or USER@HOST:',
);
const modelName = textLike(modelNamePattern, modelNameRule);

function budgetSettings(scope: string) {
  return {
    maxTokens: setting(orNone(wholeNumber(1, 1e12)), null, `Tokens ${scope} may use; null: no cap.`),
    maxCostUsd: setting(orNone(number(0.001, 1e9)), null, `US dollars ${scope} may cost; null: no cap.`),
    maxTurns: setting(orNone(wholeNumber(1, 1e9)), null, `Model turns of ${scope}; null: no cap.`),
    maxMinutes: setting(orNone(number(0.001, 1e6)), null, `Minutes ${scope} may take; null: no cap.`),
  };
}

function notifySettings(what: string) {
  return setting(
    listOf(oneOf(notificationWays), 10),
    [...notificationWays],
    `Ways to notify you when ${what}.`,
  );
}

/** All settings, in the shape of `config.json`. */
export const settingsTable = {
  backend: setting(backendName, 'claude', 'Default backend of agents.', { variable: 'MAOS_BACKEND' }),
  roles: setting(
    namedEntries(roleName, 'role', {
      backend: setting(orNone(backendName), null, "Backend of the role's agents; null: as for others."),
      model: setting(orNone(modelName), null, 'Their model on that backend; null: as for others.'),
      fallback: setting(listOf(backendName, 10), [], 'Backends to continue on when the quota is used up.'),
    }),
    {},
    'Defaults for agents of a role.',
  ),
  maxConcurrentAgents: {
    machine: setting(
      agentCount,
      Math.max(4, 2 * availableParallelism()),
      'Maximum number of agents at once on this machine, over all maos processes (default: twice the cores, at least 4).',
      { variable: 'MAOS_MAX_CONCURRENT_AGENTS' },
    ),
    session: setting(
      orNone(agentCount),
      null,
      "Maximum number of agents of one session at once; null: only the machine's limit applies.",
      { variable: 'MAOS_MAX_AGENTS_PER_SESSION' },
    ),
    role: setting(
      orNone(agentCount),
      null,
      'Maximum number of agents of one role in a session at once; null: no limit.',
      {
        variable: 'MAOS_MAX_AGENTS_PER_ROLE',
      },
    ),
  },
  maxDepth: setting(wholeNumber(0, 10), 2, 'How deep teams can be nested; 0: agents cannot start teams.', {
    variable: 'MAOS_MAX_DEPTH',
  }),
  budgets: {
    agent: budgetSettings('one agent'),
    session: budgetSettings('all agents of a session together'),
  },
  quota: {
    maxRetries: setting(wholeNumber(0, 100), 4, 'Consecutive rate-limit refusals before the session pauses.'),
    baseDelaySeconds: setting(
      number(0, 3_600),
      15,
      'First wait after a refusal; it doubles with each further refusal.',
    ),
    maxDelaySeconds: setting(number(0, 86_400), 300, 'A longer wait pauses the session instead.'),
    refusedSeconds: setting(
      orNone(number(0.01, 86_400)),
      60,
      "Seconds an agent's CLI may try again by itself while its provider refuses it; then MAOS stops it and waits. null: as long as the CLI does.",
    ),
    autoResume: setting(trueOrFalse, false, 'Resume automatically when a quota pause is over.', {
      variable: 'MAOS_QUOTA_AUTO_RESUME',
    }),
  },
  limits: {
    stallMinutes: setting(
      orNone(number(0.01, 10_080)),
      20,
      'Minutes without output and CPU use after which an agent counts as stalled; null: never.',
      { variable: 'MAOS_STALL_MINUTES' },
    ),
    maxOutputMb: setting(
      orNone(wholeNumber(1, 1_000_000)),
      1_024,
      'MiB one agent may print before it is stopped; null: no limit.',
      { variable: 'MAOS_MAX_OUTPUT_MB' },
    ),
    maxSubagents: setting(
      orNone(wholeNumber(0, 10_000)),
      null,
      "Sub-agents that an agent's own CLI may start; null: no limit.",
      { variable: 'MAOS_MAX_SUBAGENTS' },
    ),
    messagesPerMinute: setting(
      orNone(wholeNumber(1, 100_000)),
      60,
      'Messages one agent may send within a minute, a broadcast counted once; null: no limit.',
      { variable: 'MAOS_MESSAGES_PER_MINUTE' },
    ),
    afterResultMinutes: setting(
      orNone(number(0.01, 10_080)),
      10,
      'Minutes that processes of an agent can run after its result, background work included, before MAOS ends them; null: until the time limit.',
      { variable: 'MAOS_AFTER_RESULT_MINUTES' },
    ),
  },
  approvals: {
    rules: setting(
      approvalRules,
      [],
      'Rules that answer permission requests of agents; those that deny come first.',
      { userOnly: true },
    ),
    expireMinutes: setting(
      number(0, 10_080),
      30,
      'Minutes after which an unanswered request expires: a permission is denied then; 0: at once.',
    ),
  },
  notifications: {
    ...({
      end: notifySettings('a session completes or is cancelled'),
      failed: notifySettings('a session fails'),
      pause: notifySettings('a session pauses'),
      request: notifySettings('an agent needs an answer'),
    } satisfies Record<NotificationKind, unknown>),
    terminal: setting(
      oneOf(['auto', 'always', 'never']),
      'auto',
      "When maos run and maos wait use the terminal's bell, title and desktop notifications: auto where stdout is one.",
    ),
    desktop: setting(
      oneOf(['auto', 'osc9', 'osc777']),
      'auto',
      'Escape sequence of desktop notifications; auto: what the terminal is known to take, or none.',
    ),
    command: setting(
      orNone(commandLine),
      null,
      'Program that is run for each notification, with its arguments; it gets the notification as JSON on stdin. null: none.',
      { userOnly: true },
    ),
    webhook: {
      url: setting(orNone(webhookAddress), null, 'Address that notifications are posted to; null: none.', {
        userOnly: true,
      }),
      secret: setting(
        orNone(webhookSecret),
        null,
        'Key that posted notifications are signed with (Standard Webhooks); null: they are not signed.',
        { userOnly: true },
      ),
    },
  },
  retention: {
    maxAgeDays: setting(
      orNone(number(0, 36_500)),
      30,
      'Days a session is kept after it ended; null: forever.',
    ),
    maxSessions: setting(
      orNone(wholeNumber(0, 1e9)),
      1_000,
      'Sessions kept of one project, live ones included; null: any number.',
    ),
    maxBytes: setting(
      orNone(wholeNumber(0, 1e15)),
      10_000_000_000,
      'Disk space in bytes for the session folders of one project; large sessions are removed first. null: unlimited.',
    ),
    refsDays: setting(
      orNone(number(0, 36_500)),
      90,
      'Days that branches and refs with the work of a removed session are kept; landed ones are removed with it. null: forever.',
    ),
  },
  stopGraceSeconds: setting(
    number(0, 3_600),
    10,
    'Seconds between asking an agent to stop (SIGTERM) and killing it (SIGKILL).',
    { variable: 'MAOS_STOP_GRACE_SECONDS' },
  ),
  allowCommands: setting(
    listOfTexts('command line'),
    [],
    'Commands that clients over MCP or HTTP can run: exact lines, or patterns whose * names no program.',
    { userOnly: true },
  ),
  remote: {
    url: setting(
      orNone(natsAddress),
      null,
      'NATS server that connects this machine with others, such as nats://10.0.0.1:4222; null: none.',
      { variable: 'MAOS_NATS_URL', userOnly: true },
    ),
    credentials: setting(
      orNone(absolutePath),
      null,
      'File with NATS credentials or an nkey seed, readable only by you; null: the server asks for none.',
      { userOnly: true },
    ),
    tls: {
      ca: setting(
        orNone(absolutePath),
        null,
        "PEM file of the NATS server's authority; null: the system's.",
        {
          userOnly: true,
        },
      ),
      cert: setting(orNone(absolutePath), null, 'PEM file of a client certificate; null: none.', {
        userOnly: true,
      }),
      key: setting(orNone(absolutePath), null, 'PEM file of its key, readable only by you; null: none.', {
        userOnly: true,
      }),
    },
    backends: setting(
      orNone(listOf(backendName, 100)),
      null,
      'Backends that maos host runs for homes; null: all. Commands also need allowCommands.',
      { userOnly: true },
    ),
    homes: setting(
      orNone(listOf(natsPublicKey, 1_000)),
      null,
      'Public keys (U…) of the homes that maos host works for; null: all that reach the NATS server.',
      { userOnly: true },
    ),
    fetchFrom: setting(
      listOf(remoteBeginning, 100),
      [],
      "Where maos host fetches homes' code from, with your credentials: beginnings of addresses, such as https://github.com/acme/.",
      { userOnly: true },
    ),
    lostAfterMinutes: setting(
      number(0.05, 100_000),
      10,
      'Minutes without a heartbeat from a host after which its agents count as lost.',
    ),
  },
  environment: {
    pass: setting(
      listOfTexts('name of a variable, or a beginning of names with * after it,'),
      [],
      "Providers' keys that every agent gets: names of variables, or beginnings such as OPENAI_*.",
      { userOnly: true },
    ),
    withhold: setting(
      listOfTexts('name of a variable, or a beginning of names with * after it,'),
      [],
      'Further variables that no agent gets: names, or beginnings such as CORP_*.',
      { userOnly: true },
    ),
  },
  backends: {
    claude: claudeSettings,
    codex: codexSettings,
    gemini: geminiSettings,
    qwen: qwenSettings,
    opencode: opencodeSettings,
    copilot: copilotSettings,
    command: {},
    agentClient: agentClientSettings,
    custom: customSettings,
  },
  log: {
    level: setting(oneOf(levels), 'info', 'Lowest level of records that are logged.', {
      variable: 'MAOS_LOG',
    }),
    maxFiles: setting(wholeNumber(1, 10_000), 50, 'Log files kept, the newest first.'),
    maxBytes: setting(
      wholeNumber(1_000_000, 100_000_000_000),
      100_000_000,
      'Bytes of log files kept in all.',
    ),
  },
  busyTimeoutMs: setting(
    wholeNumber(0, 600_000),
    5_000,
    'Milliseconds that a write waits for a database locked by another process.',
    { variable: 'MAOS_BUSY_TIMEOUT_MS' },
  ),
};

/** All settings with their values, in the shape of `config.json`. */
export type Config = Values<typeof settingsTable>;

type Part<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Part<T[K]> | undefined }
    : T;

/** Some of the settings, in the same shape. */
export type PartialConfig = Part<Config>;

/** Every setting by its key path, such as `maxConcurrentAgents.machine`, in table order. */
export const settingsByKey: ReadonlyMap<string, Setting<unknown>> = new Map(flatten(settingsTable, ''));

function flatten(group: SettingGroup, prefix: string): [string, Setting<unknown>][] {
  return Object.entries(group).flatMap(([key, node]): [string, Setting<unknown>][] =>
    isSetting(node) ? [[prefix + key, node]] : flatten(node, `${prefix}${key}.`),
  );
}
