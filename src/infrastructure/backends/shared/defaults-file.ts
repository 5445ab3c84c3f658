import { existsSync } from 'node:fs';
import type { TeamServer } from '../../../application/ports/backend.ts';
import type { Environment } from './cli-program.ts';
import { asJson, type Json } from './json-values.ts';
import { longestCallMs, serverEnvironment, teamServerName } from './team-server.ts';
import { settingsIn } from './user-settings.ts';

/** A name that no server has: with it, the CLI starts none of the user's servers. */
const noServer = 'none-for-agents-of-maos';

/**
 * MAOS's settings for a CLI derived from Gemini CLI, as a file of system-wide defaults, which the user's settings
 * override. If the machine has such a file, MAOS keeps its contents and adds only the team's server.
 * @param file.variable the environment variable with the file's path
 * @param file.usual the paths to try when the variable is not set
 * @param settings used only if the machine has no such file
 * @param more additional fields of the server's entry
 */
export function defaultsFile(
  env: Environment,
  file: { readonly variable: string; readonly usual: readonly string[] },
  settings: Json,
  team: TeamServer | null,
  more: Json = {},
): { readonly files: Readonly<Record<string, string>>; readonly args: readonly string[] } {
  const given = env[file.variable] ?? '';
  const path = given === '' ? file.usual.find((usual) => existsSync(usual)) : given;
  const args = ['--allowed-mcp-server-names', team === null ? noServer : teamServerName];
  const base = path === undefined ? settings : (settingsIn([path])[0] ?? {});
  const made = team === null ? base : withServer(base, team, more);
  const isChanged = path === undefined ? Object.keys(made).length > 0 : team !== null;
  return { files: isChanged ? { [file.variable]: JSON.stringify(made) } : {}, args };
}

function withServer(settings: Json, team: TeamServer, more: Json): Json {
  const { command, args } = team;
  const env = serverEnvironment(team, (name) => `$${name}`);
  // `trust`: its tools need no permission.
  const entry = { command, args, env, timeout: longestCallMs, trust: true, ...more };
  return { ...settings, mcpServers: { ...asJson(settings.mcpServers), [teamServerName]: entry } };
}
