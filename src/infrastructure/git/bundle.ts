import { closeSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MaosError } from '../../domain/errors.ts';
import { fileError } from '../files/disk/file-error.ts';
import { fileMode } from '../files/disk/folders.ts';
import type { Repository } from './repository.ts';

/* The format of `git bundle`, see gitformat-bundle: a header of lines, an empty line, a pack. */

/** A ref, by its full name, with the commit that it points to. */
export interface BundledRef {
  readonly ref: string;
  readonly commit: string;
}

/** Names a commit that a home sends. */
export function sentRef(commit: string): BundledRef {
  return { ref: `refs/maos/sent/${commit}`, commit };
}

export interface BundleHeader {
  /** Commits that must be there already. */
  readonly prerequisites: readonly string[];
  readonly refs: readonly BundledRef[];
  /** Where the pack begins. */
  readonly packFrom: number;
}

export const maxBundleBytes = 256 * 1024 * 1024;

const maxHeaderBytes = 64 * 1024;
const sha256Length = 64;

/**
 * Bundles the history of commits, without that of known ones. Unlike `git bundle`, it needs no refs of these names.
 * @param path of the new file
 * @returns its size
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED, INVALID_INPUT for a shallow clone
 */
export async function writeBundle(
  repository: Repository,
  refs: readonly BundledRef[],
  known: readonly string[],
  path: string,
): Promise<number> {
  if ((await repository.text(['rev-parse', '--is-shallow-repository'])) === 'true') {
    throw new MaosError(
      'INVALID_INPUT',
      'This repository is a shallow clone, whose history other machines cannot complete. Run git fetch --unshallow, or let the agent work on this machine.',
    );
  }
  const isSha256 = refs.some(({ commit }) => commit.length === sha256Length);
  const header = [
    ...(isSha256 ? ['# v3 git bundle', '@object-format=sha256'] : ['# v2 git bundle']),
    ...known.map((commit) => `-${commit}`),
    ...refs.map(({ ref, commit }) => `${commit} ${ref}`),
  ];
  const wanted = [...refs.map(({ commit }) => commit), ...known.map((commit) => `^${commit}`)];
  const args = ['pack-objects', '--revs', '--stdout', '--thin', '--delta-base-offset', '-q'];
  const over = new AbortController();
  const file = openSync(path, 'wx', fileMode);
  let size = 0;
  const write = (piece: Uint8Array): void => {
    if (over.signal.aborted) return;
    size += piece.length;
    try {
      if (size > maxBundleBytes) throw tooLarge();
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
    } catch (error) {
      over.abort(error instanceof MaosError ? error : fileError(error, 'write', path));
    }
  };
  try {
    write(Buffer.from(`${lines(header)}\n`));
    await repository.succeed(args, { input: lines(wanted), onOutput: write, signal: over.signal });
  } finally {
    closeSync(file);
  }
  return size;
}

/** @throws MaosError FORBIDDEN if it is no bundle */
export async function readBundleHeader(path: string): Promise<BundleHeader> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxHeaderBytes), 0, maxHeaderBytes, 0);
    return headerIn(buffer.toString('latin1', 0, bytesRead));
  } finally {
    await file.close();
  }
}

function headerIn(start: string): BundleHeader {
  const end = start.indexOf('\n\n');
  const [signature = '', ...rest] = start.slice(0, end).split('\n');
  if (end === -1 || !/^# v[23] git bundle$/.test(signature)) throw refusedBundle('it is not a git bundle');
  const prerequisites: string[] = [];
  const refs: BundledRef[] = [];
  for (const line of rest) {
    if (/^@object-format=sha(?:1|256)$/.test(line)) continue;
    const [, minus, commit, name] = /^(-?)([0-9a-f]{40}|[0-9a-f]{64})(?: (.*))?$/.exec(line) ?? [];
    if (commit === undefined) throw refusedBundle('its header is damaged');
    if (minus === '-') prerequisites.push(commit);
    else refs.push({ ref: name ?? '', commit });
  }
  return { prerequisites, refs, packFrom: end + 2 };
}

export function refusedBundle(why: string): MaosError {
  return new MaosError('FORBIDDEN', `A git bundle from another machine is refused: ${why}.`);
}

function tooLarge(): MaosError {
  return new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `The commits for another machine are larger than ${maxBundleBytes / 1024 / 1024} MiB. Let the agent work on the machine of its session.`,
  );
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}
