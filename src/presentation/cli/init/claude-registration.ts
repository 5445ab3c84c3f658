import { type ExecFileException, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { entryName, type Registration } from './registration.ts';
import type { ServerCommand } from './server-command.ts';

/** How to run Claude Code's command line. */
export interface ClaudeProgram {
  readonly path: string;
  /** The folder whose own entries are checked too. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ClaudeRegistration extends Registration {
  /** An entry of the same name that takes precedence in this folder, for people; null if none. */
  readonly shadowedBy: string | null;
}

const patienceMs = 60_000;
const inUserScope = ['--scope', 'user', entryName];

/**
 * Sets the user's entry through `claude mcp`, which knows where Claude Code stores it. Keeps variables of an older
 * entry.
 * @throws MaosError BACKEND_UNAVAILABLE with Claude Code's message
 */
export async function register(claude: ClaudeProgram, wanted: ServerCommand): Promise<ClaudeRegistration> {
  const { entry, shadowedBy } = await look(claude);
  const words = [wanted.command, ...wanted.args];
  if (entry?.line === words.join(' ')) return { action: 'unchanged', previous: null, shadowedBy };
  // 'add' does not replace an entry.
  if (entry !== null) await callMcp(claude, ['remove', ...inUserScope]);
  const variables = (entry?.variables ?? []).flatMap((variable) => ['-e', variable]);
  const lost = entry === null ? '' : ` The previous entry, ${quote(entry.line)}, has already been removed.`;
  await callMcp(claude, ['add', ...inUserScope, ...variables, '--', ...words], lost);
  return { action: entry === null ? 'added' : 'updated', previous: entry?.line ?? null, shadowedBy };
}

/** Removes the user's entry. @throws MaosError BACKEND_UNAVAILABLE with Claude Code's message */
export async function unregister(claude: ClaudeProgram): Promise<ClaudeRegistration> {
  const { entry, shadowedBy } = await look(claude);
  if (entry === null) return { action: 'absent', previous: null, shadowedBy };
  await callMcp(claude, ['remove', ...inUserScope]);
  return { action: 'removed', previous: entry.line, shadowedBy };
}

/** An entry as `claude mcp get` shows it. */
interface Entry {
  readonly scope: string;
  /** Command and arguments, unquoted; for a server that is not started, its transport and address. */
  readonly line: string;
  /** In the form `NAME=value`. */
  readonly variables: readonly string[];
}

/** `claude mcp get` shows the entry that applies in a folder: the folder's own hides the user's. */
async function look(claude: ClaudeProgram): Promise<{ entry: Entry | null; shadowedBy: string | null }> {
  const here = await getEntry(claude);
  if (here === null || isOfUser(here)) return { entry: here, shadowedBy: null };
  const entry = await getEntry({ ...claude, cwd: '/' });
  const shadowedBy = oneLine(`${here.line}, of ${here.scope}`);
  return { entry: entry !== null && isOfUser(entry) ? entry : null, shadowedBy };
}

function isOfUser({ scope }: Entry): boolean {
  return scope.startsWith('User ');
}

async function getEntry(claude: ClaudeProgram): Promise<Entry | null> {
  const args = ['get', entryName];
  // It also starts the server to check it, and waits 30 s for one that does not answer.
  const env = { ...claude.env, MCP_TIMEOUT: '1' };
  const { ok, said } = await execute({ ...claude, env }, args);
  if (!ok && /no mcp server/i.test(said)) return null;
  if (!ok) throw refusal(args, said);
  const fieldOf = (label: string): string =>
    said.match(new RegExp(`^ +${label}:(.*)$`, 'm'))?.[1]?.trim() ?? '';
  const scope = fieldOf('Scope');
  const line = (fieldOf('Type') === 'stdio' ? ['Command', 'Args'] : ['Type', 'URL'])
    .map(fieldOf)
    .join(' ')
    .trim();
  // Without Claude Code's message, which contains the values of variables.
  if (scope === '' || line === '') throw refusal(args, 'its answer has an unknown format');
  const variables = said.match(/^ +Environment:\s*\n((?: {4}\S+=.*\n)*)/m)?.[1] ?? '';
  return {
    scope,
    line,
    variables: variables
      .split('\n')
      .slice(0, -1)
      .map((text) => text.trimStart()),
  };
}

async function callMcp(claude: ClaudeProgram, args: readonly string[], lost = ''): Promise<void> {
  const { ok, said } = await execute(claude, args);
  if (!ok) throw refusal(args, said, lost);
}

async function execute(
  { path, cwd, env }: ClaudeProgram,
  args: readonly string[],
): Promise<{ readonly ok: boolean; readonly said: string }> {
  const running = promisify(execFile)(path, ['mcp', ...args], { cwd, env, timeout: patienceMs });
  running.child.stdin?.end();
  try {
    return { ok: true, said: (await running).stdout };
  } catch (error) {
    const { stdout = '', stderr = '', killed, message } = error as ExecFileException;
    const said = killed === true ? `no answer within ${patienceMs / 1000} s` : `${stderr}${stdout}`.trim();
    return { ok: false, said: said === '' ? message : said };
  }
}

/** @param lost what has already been done to the entry, for the message */
function refusal([action]: readonly string[], said: string, lost = ''): MaosError {
  return new MaosError(
    'BACKEND_UNAVAILABLE',
    `'claude mcp ${action}' failed: ${startOf(oneLine(said), 300)}.${lost} Check that 'claude mcp list' works, then try again.`,
    { details: { client: 'claude', action } },
  );
}
