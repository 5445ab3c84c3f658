import { join } from 'node:path';
import type { TeamServer } from '../../../application/ports/backend.ts';
import { userHome } from '../../files/home/maos-home.ts';
import type { Environment } from '../shared/cli-program.ts';
import { asJson, type Json } from '../shared/json-values.ts';
import { longestCallMs, serverEnvironment, teamServerName } from '../shared/team-server.ts';
import { readSettings, serversOf, settingsIn, upwards } from '../shared/user-settings.ts';

/** The variable that holds the path of the role's instructions. */
export const instructionsVariable = 'MAOS_AGENT_INSTRUCTIONS';

const names = ['opencode.json', 'opencode.jsonc'];

/** Where opencode stores credentials and conversations; null without a home folder. */
export function dataFolder(env: Environment): string | null {
  const home = userHome(env);
  const folder = env.XDG_DATA_HOME || (home === null ? null : join(home, '.local', 'share'));
  return folder === null ? null : join(folder, 'opencode');
}

/**
 * The settings that MAOS adds to the user's for an agent, as the value of `OPENCODE_CONFIG_CONTENT`.
 * @param places.folder where opencode is started
 * @param places.session holds what the team shares
 */
export function configFor(
  env: Environment,
  { folder, session }: { readonly folder: string; readonly session: string },
  team: TeamServer | null,
): string {
  const own = readSettings(env.OPENCODE_CONFIG_CONTENT ?? '');
  const all = [...settingsIn(settingsFiles(env, folder)), own];
  const instructions = Array.isArray(own.instructions) ? own.instructions : [];
  return JSON.stringify({
    ...own,
    // opencode adds these to the instructions of the user and the project.
    instructions: [...new Set([...instructions, `{env:${instructionsVariable}}`])],
    // Otherwise every agent would start the MCP servers of the user and the project, including MAOS itself.
    mcp: {
      ...Object.fromEntries(serversOf(all, 'mcp').map((name) => [name, { enabled: false }])),
      ...(team === null ? {} : { [teamServerName]: entryOf(team) }),
    },
    permission: {
      ...rulesOf(own.permission),
      ...(team === null ? {} : { [`${teamServerName}_*`]: 'allow' }),
      // Shared context and results are outside the project: without this, agents could not write there.
      external_directory: { ...outsideRules(all), [`${session}/**`]: 'allow' },
    },
    // No user can be asked: report a refusal to the model, which continues, instead of ending the run.
    experimental: { ...asJson(own.experimental), continue_loop_on_deny: true },
  });
}

function entryOf(team: TeamServer): Json {
  const { command, args } = team;
  const environment = serverEnvironment(team, (name) => `{env:${name}}`);
  return { type: 'local', command: [command, ...args], environment, enabled: true, timeout: longestCallMs };
}

/** The possible settings files of opencode, in order of increasing precedence. */
function settingsFiles(env: Environment, folder: string): readonly string[] {
  const home = userHome(env);
  const settings = env.XDG_CONFIG_HOME || (home === null ? null : join(home, '.config'));
  const within = (place: string): readonly string[] => names.map((name) => join(place, name));
  const users = settings === null ? null : join(settings, 'opencode');
  return [
    ...(users === null ? [] : [join(users, 'config.json'), ...within(users)]),
    ...(env.OPENCODE_CONFIG ? [env.OPENCODE_CONFIG] : []),
    ...upwards(folder, names),
    ...upwards(folder, within('.opencode')),
    ...(home === null ? [] : within(join(home, '.opencode'))),
    ...(env.OPENCODE_CONFIG_DIR ? within(env.OPENCODE_CONFIG_DIR) : []),
  ];
}

/** A single word is a rule for everything. */
function rulesOf(given: unknown): Json {
  return typeof given === 'string' ? { '*': given } : asJson(given);
}

/** The user's rules for folders outside the project, because a rule of MAOS would replace a single word. */
function outsideRules(settings: readonly Json[]): Json {
  const given = settings.flatMap(({ permission }) => asJson(permission).external_directory ?? []);
  return rulesOf(given.at(-1));
}
