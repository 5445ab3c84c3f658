import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf } from '../../domain/cut-text.ts';
import { quote } from '../../domain/errors.ts';
import { showControls } from '../../domain/invisible-marks.ts';
import { ensureFolder } from '../files/disk/folders.ts';
import { type BundledRef, maxBundleBytes, readBundleHeader, refusedBundle } from './bundle.ts';
import type { Repository, RunOptions } from './repository.ts';
import type { FileInput, GitResult } from './run-git.ts';
import { withScratch } from './scratch.ts';
import { removeRefLock } from './worktree-places.ts';

/** Of all objects together, unpacked. */
const maxUnpackedBytes = 4 * 1024 * 1024 * 1024;
/** A pack can be made to take long. */
const maxCheckMs = 10 * 60_000;
const maxWords = 300;

/** What old tools have written into the history of honest projects. */
export const harmlessFaults = [
  ...['zeroPaddedFilemode', 'missingSpaceBeforeDate', 'missingSpaceBeforeEmail', 'badTimezone', 'badDate'],
  ...['missingEmail', 'badEmail', 'missingNameBeforeEmail', 'badDateOverflow'],
];

/**
 * Stores the objects of a bundle from a machine that is not trusted, and points refs to its commits. As `git
 * receive-pack`, it checks everything in a place apart first: only the expected refs, no damaged object, no path such as
 * `..` or `.git`, nothing missing. No working tree is touched. Safe to repeat.
 * @param bundle its file
 * @param expected exactly the refs of the bundle
 * @param scratch see {@link withScratch}
 * @throws MaosError FORBIDDEN with the reason
 */
export async function receiveBundle(
  repository: Repository,
  bundle: string,
  expected: readonly BundledRef[],
  scratch: string,
): Promise<void> {
  if ((await stat(bundle)).size > maxBundleBytes) throw refusedBundle('it is too large');
  const header = await readBundleHeader(bundle);
  checkRefs(header.refs, expected);
  for (const commit of header.prerequisites) {
    if ((await repository.commit(commit)) !== commit)
      throw refusedBundle(`it builds on ${commit}, which is not here`);
  }
  const pack = { path: bundle, from: header.packFrom };
  await withScratch(scratch, (folder) => checkApart(repository, pack, expected, folder));
  await repository.succeed(['index-pack', '--stdin', '--fix-thin'], { input: pack });
  await pointTo(repository, expected);
}

/** Points refs, which only MAOS writes, to commits that are in the repository, wherever they pointed to. */
export async function pointTo(repository: Repository, refs: readonly BundledRef[]): Promise<void> {
  const common = await repository.commonFolder();
  for (const { ref } of refs) await removeRefLock(common, ref);
  const input = refs.map(({ ref, commit }) => `update ${ref} ${commit}\n`).join('');
  await repository.succeed(['update-ref', '-m', 'maos: from another machine', '--stdin'], { input });
}

function checkRefs(found: readonly BundledRef[], expected: readonly BundledRef[]): void {
  const known = new Map(expected.map(({ ref, commit }) => [ref, commit]));
  const foreign = found.find(({ ref, commit }) => known.get(ref) !== commit);
  if (foreign !== undefined) {
    throw refusedBundle(`it has ${quote(foreign.ref)} at ${foreign.commit}, which was not announced`);
  }
  if (new Set(found.map(({ ref }) => ref)).size < expected.length)
    throw refusedBundle('it lacks a commit that was announced');
}

/** Everything that can be wrong with a pack, found out where it leaves nothing behind. */
async function checkApart(
  repository: Repository,
  pack: FileInput,
  expected: readonly BundledRef[],
  folder: string,
): Promise<void> {
  const objects = join(folder, 'objects');
  await ensureFolder(join(objects, 'info'));
  const known = join(await repository.commonFolder(), 'objects');
  await writeFile(join(objects, 'info/alternates'), `${known}\n`);
  const apart: RunOptions = {
    env: { GIT_OBJECT_DIRECTORY: objects },
    signal: AbortSignal.timeout(maxCheckMs),
  };
  const run = async (
    args: readonly string[],
    input: NonNullable<RunOptions['input']>,
  ): Promise<GitResult> => {
    const result = await repository.run(args, { ...apart, input });
    if (result.status === 0) return result;
    const words = endOf(result.stderr.trim(), maxWords).replaceAll('\n', '; ');
    throw refusedBundle(`git ${args[0]} says ${quote(showControls(words))}`);
  };
  const strict = `--strict=${harmlessFaults.map((id) => `${id}=ignore`).join(',')}`;
  const limit = `--max-input-size=${maxBundleBytes}`;
  const { stdout } = await run(['index-pack', '--stdin', '--fix-thin', strict, limit], pack);
  const [, name = ''] = /\t([0-9a-f]+)/.exec(stdout.toString()) ?? [];
  const index = await readFile(join(objects, 'pack', `pack-${name}.idx`));
  const listed = (await run(['show-index'], index)).stdout.toString();
  const ids = [...listed.matchAll(/^\d+ ([0-9a-f]+)/gm)].map(([, id]) => `${id}\n`);
  const sizes = (await run(['cat-file', '--batch-check=%(objectsize)'], ids.join(''))).stdout.toString();
  const total = sizes.split('\n').reduce((sum, size) => sum + Number(size), 0);
  if (total > maxUnpackedBytes) throw refusedBundle('it unpacks to more than 4 GiB');
  for (const { commit } of expected) {
    const found = await run(['cat-file', '--batch-check=%(objecttype)'], `${commit}\n`);
    if (found.stdout.toString() !== 'commit\n') throw refusedBundle(`${commit} is not a commit`);
  }
  const tips = expected.map(({ commit }) => commit);
  await run(['rev-list', '--objects', '--quiet', ...tips, '--not', '--all'], '');
}
