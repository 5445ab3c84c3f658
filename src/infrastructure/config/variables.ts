import { MaosError } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';
import { wrongValue } from './layer.ts';
import { settingsByKey } from './settings-table.ts';

/** Variables that MAOS puts into an agent's environment or reads before the settings: neither settings nor mistakes. */
export const ownVariables: ReadonlySet<string> = new Set([
  'MAOS_HOME',
  'MAOS_PAGER',
  'MAOS_AGENT_ID',
  'MAOS_AGENT_ATTEMPT',
  'MAOS_AGENT_TOKEN',
  'MAOS_AGENT_ROLE',
  'MAOS_AGENT_ROLE_DESC',
  'MAOS_AGENT_ROLE_RESPONSIBILITIES',
  'MAOS_AGENT_INSTANCE',
  'MAOS_SESSION_ID',
  'MAOS_SESSION_OBJECTIVE',
  'MAOS_SESSION_STRATEGY',
  'MAOS_WORKSPACE',
  'MAOS_SHARED_CONTEXT',
  'MAOS_MESSAGE_DIR',
  'MAOS_PROJECT_ROOT',
  'MAOS_TIMEOUT_MINUTES',
  'MAOS_MAX_MEMORY_MB',
  'MAOS_DEPTH',
  'MAOS_DETACHED',
  'MAOS_NOTIFICATION_ID',
  'MAOS_NOTIFICATION_KIND',
  'MAOS_NOTIFICATION_TYPE',
  'MAOS_NOTIFICATION_TEXT',
]);

/** The setting key of each variable. */
export const keyByVariable: ReadonlyMap<string, string> = new Map(
  [...settingsByKey].flatMap(([key, { variable }]) => (variable === null ? [] : [[variable, key] as const])),
);

export interface VariableValue {
  readonly key: string;
  readonly variable: string;
  readonly value: unknown;
}

/**
 * The settings from environment variables. An empty variable counts as not set.
 * @returns values in table order, and a warning for each unknown MAOS_* variable
 * @throws MaosError CONFIG_INVALID that names the variable and its key
 */
export function readVariables(env: Readonly<Record<string, string | undefined>>): {
  readonly values: readonly VariableValue[];
  readonly warnings: readonly string[];
} {
  const values: VariableValue[] = [];
  for (const [variable, key] of keyByVariable) {
    const text = env[variable];
    if (text === undefined || text === '') continue;
    const value = settingsByKey.get(key)?.kind.fromText(text);
    const problem = wrongValue(key, value);
    if (problem !== null) {
      throw new MaosError('CONFIG_INVALID', `The variable ${variable}: ${problem}`, {
        details: { source: variable, problems: [problem] },
      });
    }
    values.push({ key, variable, value });
  }
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('MAOS_') && !keyByVariable.has(name) && !ownVariables.has(name),
  );
  return { values, warnings: unknown.sort().map(warningFor) };
}

function warningFor(variable: string): string {
  const meant = nearest(variable, [...keyByVariable.keys(), ...ownVariables]);
  const hint = meant === null ? '' : ` Did you mean ${meant}?`;
  return `The variable ${variable} is unknown to MAOS and was ignored.${hint}`;
}
