import { join } from 'node:path';
import { parse } from 'jsonc-parser';
import { userHome } from '../../files/home/maos-home.ts';
import type { Environment } from '../shared/cli-program.ts';
import { asJson } from '../shared/json-values.ts';
import { serversIn, upwards } from '../shared/user-servers.ts';

/** Says where the role's instructions are. */
export const instructionsVariable = 'MAOS_AGENT_INSTRUCTIONS';

const names = ['opencode.json', 'opencode.jsonc'];

/** Where opencode keeps credentials and conversations; null without a home. */
export function dataFolder(env: Environment): string | null {
  const home = userHome(env);
  const folder = env.XDG_DATA_HOME || (home === null ? null : join(home, '.local', 'share'));
  return folder === null ? null : join(folder, 'opencode');
}

/** The MCP servers of the user's and the project's settings. */
export function userServers(env: Environment, folder: string): readonly string[] {
  const home = userHome(env);
  const settings = env.XDG_CONFIG_HOME || (home === null ? null : join(home, '.config'));
  const own = [
    ...(settings === null ? [] : [join(settings, 'opencode')]),
    ...(home === null ? [] : [join(home, '.opencode')]),
    ...(env.OPENCODE_CONFIG_DIR ? [env.OPENCODE_CONFIG_DIR] : []),
  ];
  const files = [
    ...own.flatMap((place) => ['config.json', ...names].map((name) => join(place, name))),
    ...(env.OPENCODE_CONFIG ? [env.OPENCODE_CONFIG] : []),
    ...upwards(folder, [...names, ...names.map((name) => join('.opencode', name))]),
  ];
  return [...serversIn(files, 'mcp'), ...Object.keys(asJson(given(env).mcp))];
}

/** What MAOS sets for an agent on top of the user's settings, as the value of `OPENCODE_CONFIG_CONTENT`. */
export function configFor(
  env: Environment,
  { session, servers }: { readonly session: string; readonly servers: readonly string[] },
): string {
  const own = given(env);
  const permission = asJson(own.permission);
  const instructions = Array.isArray(own.instructions) ? own.instructions : [];
  return JSON.stringify({
    ...own,
    // Added to those of the user and of the project, which stay.
    instructions: [...new Set([...instructions, `{env:${instructionsVariable}}`])],
    // Else every agent would start the MCP servers of the user and the project, MAOS itself among them.
    mcp: Object.fromEntries(servers.map((name) => [name, { enabled: false }])),
    permission: {
      ...permission,
      // Shared context and results lie outside the project: without this, nobody could write there.
      external_directory: { ...asJson(permission.external_directory), [`${session}/**`]: 'allow' },
    },
    // Nobody can be asked: a refusal is told to the model, which goes on, instead of ending the run.
    experimental: { ...asJson(own.experimental), continue_loop_on_deny: true },
  });
}

/** What the user gives in the same way. */
function given({ OPENCODE_CONFIG_CONTENT: text = '' }: Environment): ReturnType<typeof asJson> {
  return asJson(parse(text, [], { allowTrailingComma: true, allowEmptyContent: true }));
}
