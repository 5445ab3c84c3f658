import { existsSync } from 'node:fs';
import type { TeamServer } from '../../../application/ports/backend.ts';
import type { Environment } from './cli-program.ts';
import { asJson, type Json } from './json-values.ts';
import { longestCallMs, serverEnvironment, teamServerName } from './team-server.ts';
import { settingsIn } from './user-settings.ts';

/** As no server can be called: then none of the user's is started. */
const noServer = 'none-for-agents-of-maos';

/**
 * Settings that MAOS makes for a CLI of Gemini's kind below the user's own, as its file of defaults for a whole machine.
 * What a machine has in such a file stays, and MAOS adds the server of the team.
 * @param file.variable says where the file is
 * @param file.usual where it is when the variable says nothing
 * @param settings what MAOS sets besides, where the machine has no such file
 * @param more for the server's entry
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
  // Trusted: its tools are not asked about.
  const entry = { command, args, env, timeout: longestCallMs, trust: true, ...more };
  return { ...settings, mcpServers: { ...asJson(settings.mcpServers), [teamServerName]: entry } };
}
