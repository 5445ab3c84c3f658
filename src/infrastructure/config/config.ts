import { join } from 'node:path';
import type { Settings } from '../../application/ports/settings.ts';
import type { Budget } from '../../domain/budget.ts';
import type { NotificationWay } from '../../domain/notification.ts';
import { roleAliases } from '../../domain/roles/catalog.ts';
import { projectFolder } from '../files/home/home.ts';
import type { Environment } from '../files/home/maos-home.ts';
import { readConfigFile } from './config-file.ts';
import { type Layer, layerOf } from './layer.ts';
import { isSetting, type SettingGroup } from './setting.ts';
import { type Config, type PartialConfig, settingsByKey, settingsTable } from './settings-table.ts';
import { readVariables } from './variables.ts';

/** Where a setting's value comes from. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly scope: 'user' | 'project'; readonly path: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'flag' };

export interface LoadedConfig {
  readonly config: Config;
  /** For every setting, by key path such as `maxConcurrentAgents.machine`. */
  readonly sources: ReadonlyMap<string, Origin>;
  /** Likely but harmless mistakes: unknown MAOS_* variables. */
  readonly warnings: readonly string[];
}

/** The user's settings file, or with a hash that of a project. */
export function configPath(home: string, projectHash?: string): string {
  return join(projectHash === undefined ? home : projectFolder(home, projectHash), 'config.json');
}

/**
 * The effective settings: defaults, overridden in this order by the user's file, the project's file, MAOS_* variables
 * and flags. A list replaces a previous list; named entries are merged.
 *
 * @param from.home see `maosHome`
 * @param from.flags settings from the command line; undefined ones are ignored
 * @throws MaosError CONFIG_INVALID naming the file or variable, the key, the value and what is allowed
 */
export function loadConfig(from: {
  readonly home: string;
  readonly projectHash?: string | undefined;
  readonly env: Environment;
  readonly flags?: PartialConfig | undefined;
}): LoadedConfig {
  const values = new Map<string, unknown>();
  const sources = new Map<string, Origin>();
  for (const [key, setting] of settingsByKey) {
    values.set(key, setting.fallback);
    sources.set(key, { kind: 'default' });
  }
  const apply = (layer: Layer, origin: Origin): void => {
    for (const [key, value] of layer) {
      const over = settingsByKey.get(key)?.kind.over;
      values.set(key, over === undefined ? value : over(values.get(key), value));
      sources.set(key, origin);
    }
  };

  const userFile = configPath(from.home);
  apply(fileLayer(userFile, 'user', userFile), { kind: 'file', scope: 'user', path: userFile });
  if (from.projectHash !== undefined) {
    const path = configPath(from.home, from.projectHash);
    apply(fileLayer(path, 'project', userFile), { kind: 'file', scope: 'project', path });
  }
  const variables = readVariables(from.env);
  for (const { key, variable, value } of variables.values) {
    apply(new Map([[key, value]]), { kind: 'variable', name: variable });
  }
  const flags = layerOf(from.flags ?? {}, { name: 'The command line', mayNamePrograms: true, userFile });
  apply(flags, { kind: 'flag' });

  return { config: nested(settingsTable, '', values) as Config, sources, warnings: variables.warnings };
}

/** The settings that the application uses, in its types and units. */
export function toSettings(config: Config): Settings {
  return {
    defaultBackend: config.backend,
    roles: rolesOf(config.roles),
    maxConcurrentAgents: config.maxConcurrentAgents,
    maxDepth: config.maxDepth,
    budgets: { agent: budgetOf(config.budgets.agent), session: budgetOf(config.budgets.session) },
    quota: {
      maxRetries: config.quota.maxRetries,
      baseDelayMs: Math.round(config.quota.baseDelaySeconds * 1_000),
      maxDelayMs: Math.round(config.quota.maxDelaySeconds * 1_000),
      autoResume: config.quota.autoResume,
      refusedMs: scaled(config.quota.refusedSeconds, 1_000),
    },
    limits: {
      stallMs: scaled(config.limits.stallMinutes, 60_000),
      maxOutputBytes: scaled(config.limits.maxOutputMb, 1_048_576),
      afterResultMs: scaled(config.limits.afterResultMinutes, 60_000),
      maxSubagents: config.limits.maxSubagents,
    },
    approvals: {
      rules: config.approvals.rules,
      expireMs: Math.round(config.approvals.expireMinutes * 60_000),
    },
    notifications: notificationsOf(config.notifications),
    messagesPerMinute: config.limits.messagesPerMinute,
    retention: {
      maxAgeMs: scaled(config.retention.maxAgeDays, 86_400_000),
      maxSessions: config.retention.maxSessions,
      maxBytes: config.retention.maxBytes,
      maxRefsAgeMs: scaled(config.retention.refsDays, 86_400_000),
    },
    stopGraceMs: Math.round(config.stopGraceSeconds * 1_000),
    storePatienceMs: config.busyTimeoutMs,
    allowCommands: config.allowCommands,
  };
}

/** Drops the ways of other programs that are not configured. */
function notificationsOf(config: Config['notifications']): Settings['notifications'] {
  const { terminal, desktop, command, webhook } = config;
  const isSet = (way: NotificationWay): boolean =>
    way === 'command' ? command !== null : way === 'webhook' ? webhook.url !== null : true;
  const { end, failed, pause, request } = config;
  const ways = {
    end: end.filter(isSet),
    failed: failed.filter(isSet),
    pause: pause.filter(isSet),
    request: request.filter(isSet),
  };
  return { ways, terminal, desktop };
}

/** Keyed by the role's own name, even if the file uses an alias of a predefined role. */
function rolesOf(roles: Config['roles']): Settings['roles'] {
  const nameOf = (name: string): string =>
    Object.hasOwn(roleAliases, name) ? String(roleAliases[name]) : name;
  return new Map(Object.entries(roles).map(([name, role]) => [nameOf(name), role]));
}

function budgetOf({ maxTokens, maxCostUsd, maxTurns, maxMinutes }: Config['budgets']['agent']): Budget {
  return { maxTokens, maxCostUsd, maxTurns, maxWallMs: scaled(maxMinutes, 60_000) };
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : Math.round(value * factor);
}

function fileLayer(path: string, scope: 'user' | 'project', userFile: string): Layer {
  const content = readConfigFile(path);
  if (content === undefined) return new Map();
  const { value, positionOf } = content;
  return layerOf(value, {
    name: JSON.stringify(path),
    mayNamePrograms: scope === 'user',
    userFile,
    positionOf,
  });
}

function nested(group: SettingGroup, prefix: string, values: ReadonlyMap<string, unknown>): object {
  return Object.fromEntries(
    Object.entries(group).map(([key, node]) => [
      key,
      isSetting(node) ? values.get(prefix + key) : nested(node, `${prefix}${key}.`, values),
    ]),
  );
}
