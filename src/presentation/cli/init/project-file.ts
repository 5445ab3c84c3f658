import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ParseText, TextFormatError } from '../../../application/ports/parsed-text.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { ReplaceFile } from '../command.ts';
import { entryName, type Registration } from './registration.ts';
import type { ServerCommand } from './server-command.ts';

export interface FileRegistration extends Registration {
  /** The file itself, where `.mcp.json` is a link to it. */
  readonly path: string;
}

interface FileDeps {
  readonly parseText: ParseText;
  readonly replaceFile: ReplaceFile;
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Writes the entry into `.mcp.json` of a project as `claude mcp add --scope project` does; whatever else it holds stays,
 * with its indentation. A file that says the same already is not touched.
 * @throws MaosError INVALID_INPUT: no such folder, not a file, not JSON (with line and column), not of the right shape;
 *   FORBIDDEN and RESOURCE_LIMIT_EXCEEDED when it cannot be written
 */
export async function registerInProject(
  folder: string,
  { command, args }: ServerCommand,
  deps: FileDeps,
): Promise<FileRegistration> {
  const file = await readProjectFile(folder, deps.parseText);
  const { path, servers } = file;
  const before = servers[entryName];
  if (isObject(before) && starts(before, { command, args }))
    return { path, action: 'unchanged', previous: null };
  await save(file, { ...servers, [entryName]: replacement(before, { command, args }) }, deps);
  return before === undefined
    ? { path, action: 'added', previous: null }
    : { path, action: 'updated', previous: describe(before) };
}

/** Removes the entry from `.mcp.json` of a project, and nothing else. @throws MaosError as {@link registerInProject} */
export async function unregisterInProject(folder: string, deps: FileDeps): Promise<FileRegistration> {
  const file = await readProjectFile(folder, deps.parseText);
  const { [entryName]: before, ...others } = file.servers;
  if (before === undefined) return { path: file.path, action: 'absent', previous: null };
  await save(file, others, deps);
  return { path: file.path, action: 'removed', previous: describe(before) };
}

/** What Claude Code writes; of an entry that is there, what does not say how it is reached stays. */
function replacement(before: unknown, { command, args }: ServerCommand): JsonObject {
  if (!isObject(before)) return { type: 'stdio', command, args, env: {} };
  const { url: _, headers: __, ...kept } = before;
  return { ...kept, type: 'stdio', command, args };
}

interface ProjectFile {
  readonly path: string;
  /** Null where there is no file yet. */
  readonly text: string | null;
  readonly mode: number;
  readonly content: JsonObject;
  readonly servers: JsonObject;
}

async function readProjectFile(folder: string, parseText: ParseText): Promise<ProjectFile> {
  const named = join(folder, '.mcp.json');
  if (!(await isFolder(folder))) {
    throw invalid(folder, 'is not a folder: check the spelling, or create it');
  }
  if (!(await exists(named))) return { path: named, text: null, mode: 0o644, content: {}, servers: {} };
  try {
    const path = await realpath(named);
    const found = await stat(path);
    if (!found.isFile()) throw invalid(path, 'is not a file: move it away');
    const text = await readFile(path, 'utf8');
    return { path, text, mode: found.mode & 0o777, ...(await parse(text, path, parseText)) };
  } catch (error) {
    if (error instanceof MaosError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw invalid(named, 'is a link to a file that does not exist: create that file, or remove the link');
    throw invalid(named, `cannot be read (${code}): check its permissions`);
  }
}

/** What writes the file anew would drop its comments, so it may have none. */
async function parse(source: string, path: string, parseText: ParseText) {
  const { value: content } = await parseText(withoutMark(source), 'json').catch((error: unknown) => {
    if (!(error instanceof TextFormatError)) throw error;
    const { position, message } = error;
    const place = `line ${position.line}, column ${position.column}`;
    throw invalid(path, `is not JSON at ${place}: ${message}`, position);
  });
  if (!isObject(content)) throw invalid(path, 'is not a JSON object: it must look like {"mcpServers": {…}}');
  const { mcpServers: servers = {} } = content;
  if (!isObject(servers))
    throw invalid(path, 'has an "mcpServers" that is not an object: it must look like {"name": {…}}');
  return { content, servers };
}

async function save(
  { path, text, mode, content }: ProjectFile,
  servers: JsonObject,
  { replaceFile }: FileDeps,
): Promise<void> {
  await replaceFile(path, formatLike(text ?? '\n', { ...content, mcpServers: servers }), mode);
}

/** JSON with byte order mark, indentation and ends of lines as in another text. */
function formatLike(model: string, value: unknown): string {
  const indentation = model.match(/^[ \t]+(?=")/m)?.[0] ?? '  ';
  const lines = JSON.stringify(value, null, indentation).split('\n');
  if (model.endsWith('\n')) lines.push('');
  const mark = model.slice(0, model.length - withoutMark(model).length);
  return mark + lines.join(model.includes('\r\n') ? '\r\n' : '\n');
}

function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '');
}

function starts({ type, command, args }: JsonObject, wanted: ServerCommand): boolean {
  const isStdio = type === undefined || type === 'stdio';
  return isStdio && JSON.stringify([command, args]) === JSON.stringify([wanted.command, wanted.args]);
}

/** What an entry starts or connects to, without its variables and headers: those may be keys. */
function describe(entry: unknown): string {
  const { type = 'stdio', command, args, url } = isObject(entry) ? entry : {};
  const words = command === undefined ? [type, url] : [command, ...(Array.isArray(args) ? args : [])];
  return words.filter((word) => word !== undefined).join(' ');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function isFolder(path: string): Promise<boolean> {
  // What cannot be looked at is none to write in.
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  // Not 'stat': a link that leads nowhere is there. What cannot be looked at fails when it is written.
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function invalid(path: string, wrong: string, details: object = {}): MaosError {
  return new MaosError('INVALID_INPUT', `${JSON.stringify(path)} ${wrong}.`, {
    details: { path, ...details },
  });
}
