import { lstat, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ParseText, TextFormatError } from '../../../application/ports/parsed-text.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { ReplaceFile } from '../command.ts';
import { entryName, type Registration } from './registration.ts';
import type { ServerCommand } from './server-command.ts';

export interface FileRegistration extends Registration {
  /** The real file, if `.mcp.json` is a link. */
  readonly path: string;
  /** Whether the file was removed too, because nothing else was in it. */
  readonly fileRemoved?: boolean;
}

interface FileDeps {
  readonly parseText: ParseText;
  readonly replaceFile: ReplaceFile;
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Writes the entry into a project's `.mcp.json`, as `claude mcp add --scope project` does. Keeps all other content and
 * the indentation. Does not write a file that already has the entry.
 * @throws MaosError INVALID_INPUT: no such folder, not a file, not JSON (with line and column), wrong structure;
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

/**
 * Removes only the entry from a project's `.mcp.json`, and the file if it then is as {@link registerInProject} would
 * begin it.
 * @throws MaosError as {@link registerInProject}
 */
export async function unregisterInProject(folder: string, deps: FileDeps): Promise<FileRegistration> {
  const file = await readProjectFile(folder, deps.parseText);
  const { [entryName]: before, ...others } = file.servers;
  if (before === undefined) return { path: file.path, action: 'absent', previous: null };
  const removed = { path: file.path, action: 'removed', previous: describe(before) } as const;
  const isEmpty = Object.keys(others).length === 0 && Object.keys(file.content).length === 1;
  if (isEmpty && !file.isLink) {
    await rm(file.path);
    return { ...removed, fileRemoved: true };
  }
  await save(file, others, deps);
  return removed;
}

/** The entry in Claude Code's form. Keeps fields of an existing entry that do not say how to reach the server. */
function replacement(before: unknown, { command, args }: ServerCommand): JsonObject {
  if (!isObject(before)) return { type: 'stdio', command, args, env: {} };
  const { url: _, headers: __, ...kept } = before;
  return { ...kept, type: 'stdio', command, args };
}

interface ProjectFile {
  readonly path: string;
  /** Null when the file does not exist. */
  readonly text: string | null;
  readonly mode: number;
  readonly isLink: boolean;
  readonly content: JsonObject;
  readonly servers: JsonObject;
}

async function readProjectFile(folder: string, parseText: ParseText): Promise<ProjectFile> {
  const named = join(folder, '.mcp.json');
  if (!(await isFolder(folder))) {
    throw invalid(folder, 'is not a folder: check the spelling, or create it');
  }
  if (!(await exists(named)))
    return { path: named, text: null, mode: 0o644, isLink: false, content: {}, servers: {} };
  try {
    const path = await realpath(named);
    const found = await stat(path);
    if (!found.isFile()) throw invalid(path, 'is not a file: move it away');
    const text = await readFile(path, 'utf8');
    const isLink = (await lstat(named)).isSymbolicLink();
    return { path, text, mode: found.mode & 0o777, isLink, ...(await parse(text, path, parseText)) };
  } catch (error) {
    if (error instanceof MaosError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw invalid(named, 'is a link to a file that does not exist: create that file, or remove the link');
    throw invalid(named, `cannot be read (${code}): check its permissions`);
  }
}

/** Rejects comments, because rewriting the file would drop them. */
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

/** JSON with the byte order mark, indentation and line ends of another text. */
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

/** What an entry starts or connects to, without variables and headers, which may hold keys. */
function describe(entry: unknown): string {
  const { type = 'stdio', command, args, url } = isObject(entry) ? entry : {};
  const words = command === undefined ? [type, url] : [command, ...(Array.isArray(args) ? args : [])];
  return words.filter((word) => word !== undefined).join(' ');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function isFolder(path: string): Promise<boolean> {
  // A folder that cannot be inspected cannot be used.
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  // Not 'stat', because a dangling link exists too. If it cannot be inspected, writing it fails.
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
