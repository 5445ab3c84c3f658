import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf } from '../../domain/cut-text.ts';
import { showControls } from '../../domain/invisible-marks.ts';
import { sentRef } from './bundle.ts';
import { plainConfig } from './merge-trees.ts';
import { harmlessFaults, pointTo } from './receive-bundle.ts';
import type { Repository } from './repository.ts';
import { withScratch } from './scratch.ts';

/** A large repository takes long. */
const maxFetchMs = 30 * 60_000;
const maxWords = 300;
const connectSeconds = 30;

/** No programs of configuration, nothing in the background, no redirection to where nobody has allowed a fetch from. */
const settings = [
  ...['core.hooksPath=/dev/null', 'gc.auto=0', 'maintenance.auto=false', 'protocol.ext.allow=never'],
  ...['http.followRedirects=false', 'fetch.fsckObjects=true', 'fetch.recurseSubmodules=false'],
  ...harmlessFaults.map((id) => `fetch.fsck.${id}=ignore`),
].flatMap((setting) => ['-c', setting]);

/**
 * Fetches commits with their history from a remote repository, with the user's own configuration and credentials, and points
 * the refs of {@link sentRef} to them. Asks nobody.
 *
 * Problem: agents that share the repository can change its configuration, and so where git connects to with these credentials.
 * Solution: a repository without configuration that shares the objects.
 * @param url see `isRemoteUrl`
 * @param scratch see {@link withScratch}
 * @returns why they have not come; null: they have
 * @throws the signal's reason
 */
export async function fetchCommits(
  repository: Repository,
  url: string,
  commits: readonly string[],
  scratch: string,
  signal: AbortSignal,
): Promise<string | null> {
  const { git } = repository;
  const known = await repository.text(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/maos']);
  const objects = join(await repository.commonFolder(), 'objects');
  return withScratch(scratch, async (folder) => {
    await mkdir(join(folder, 'refs'));
    await writeFile(join(folder, 'HEAD'), 'ref: refs/heads/none\n');
    await writeFile(join(folder, 'config'), plainConfig(commits[0] ?? ''));
    await writeFile(join(folder, 'packed-refs'), known === '' ? '' : `${known}\n`);
    const at = { cwd: folder, env: { GIT_DIR: folder, GIT_OBJECT_DIRECTORY: objects } };
    const ssh = (await git.run({ args: ['config', 'core.sshCommand'], ...at })).stdout.toString().trim();
    const env = {
      ...at.env,
      GIT_ALLOW_PROTOCOL: 'https:ssh:git',
      GIT_SSH_COMMAND: `${ssh || 'ssh'} -oBatchMode=yes -oConnectTimeout=${connectSeconds}`,
    };
    const either = AbortSignal.any([signal, AbortSignal.timeout(maxFetchMs)]);
    let problem = '';
    // Some servers give only what a branch points to.
    for (const wanted of [commits, ['refs/heads/*']]) {
      const args = [...settings, 'fetch', '--quiet', '--no-tags', '--', url, ...wanted];
      const fetched = await git.run({ args, ...at, env, signal: either }).catch((error: unknown) => {
        signal.throwIfAborted();
        if (either.aborted) return null;
        throw error;
      });
      if (fetched === null) return `it took longer than ${maxFetchMs / 60_000} minutes`;
      problem ||= showControls(endOf(fetched.stderr.trim(), maxWords)).replaceAll('\n', '; ');
      if (fetched.status !== 0 || !(await areWhole(repository, commits))) continue;
      await pointTo(repository, commits.map(sentRef));
      return null;
    }
    return problem || 'it lacks them';
  });
}

/** Whether commits are there with all that they need. */
async function areWhole(repository: Repository, commits: readonly string[]): Promise<boolean> {
  const args = ['rev-list', '--objects', '--quiet', ...commits, '--not', '--all'];
  return (await repository.run(args)).status === 0;
}
