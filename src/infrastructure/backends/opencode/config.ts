import { join } from 'node:path';
import { userHome } from '../../files/home/maos-home.ts';
import type { Environment } from '../shared/cli-program.ts';
import { asJson, type Json } from '../shared/json-values.ts';
import { readSettings, serversOf, settingsIn, upwards } from '../shared/user-settings.ts';

/** Says where the role's instructions are. */
export const instructionsVariable = 'MAOS_AGENT_INSTRUCTIONS';

const names = ['opencode.json', 'opencode.jsonc'];

/** Where opencode keeps credentials and conversations; null without a home. */
export function dataFolder(env: Environment): string | null {
  const home = userHome(env);
  const folder = env.XDG_DATA_HOME || (home === null ? null : join(home, '.local', 'share'));
  return folder === null ? null : join(folder, 'opencode');
}

/**
 * What MAOS sets for an agent on top of the user's settings, as the value of `OPENCODE_CONFIG_CONTENT`.
 * @param places.folder where opencode is started
 * @param places.session holds what the team shares
 */
export function configFor(
  env: Environment,
  { folder, session }: { readonly folder: string; readonly session: string },
): string {
  const own = readSettings(env.OPENCODE_CONFIG_CONTENT ?? '');
  const all = [...settingsIn(settingsFiles(env, folder)), own];
  const instructions = Array.isArray(own.instructions) ? own.instructions : [];
  return JSON.stringify({
    ...own,
    // Added to those of the user and of the project, which stay.
    instructions: [...new Set([...instructions, `{env:${instructionsVariable}}`])],
    // Else every agent would start the MCP servers of the user and the project, MAOS itself among them.
    mcp: Object.fromEntries(serversOf(all, 'mcp').map((name) => [name, { enabled: false }])),
    permission: {
      ...rulesOf(own.permission),
      // Shared context and results lie outside the project: without this, nobody could write there.
      external_directory: { ...outsideRules(all), [`${session}/**`]: 'allow' },
    },
    // Nobody can be asked: a refusal is told to the model, which goes on, instead of ending the run.
    experimental: { ...asJson(own.experimental), continue_loop_on_deny: true },
  });
}

/** Those of opencode's settings that may be there, in the order in which they lie over each other. */
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

/** One word stands for a rule that holds for all. */
function rulesOf(given: unknown): Json {
  return typeof given === 'string' ? { '*': given } : asJson(given);
}

/** What the user allows outside of the project: rules of MAOS's would take the place of a single word. */
function outsideRules(settings: readonly Json[]): Json {
  const given = settings.flatMap(({ permission }) => asJson(permission).external_directory ?? []);
  return rulesOf(given.at(-1));
}
