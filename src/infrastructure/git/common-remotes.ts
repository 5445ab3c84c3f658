import { withoutSecrets } from './remote-url.ts';
import type { Repository } from './repository.ts';

/** History that others can fetch. */
export interface CommonHistory {
  /** The youngest commits of it. */
  readonly commits: readonly string[];
  readonly remotes: readonly string[];
}

const maxRemotes = 10;
const maxCommits = 50;

/**
 * What remotes have of a commit's history, as far as this repository knows from its last fetch or push.
 * @returns null: nothing, or no remote has an address for other machines
 */
export async function commonHistory(repository: Repository, commit: string): Promise<CommonHistory | null> {
  const listed = await repository.text(['remote', '-v']);
  const found = new Map<string, string>();
  for (const [, name = '', given = ''] of listed.matchAll(/^(\S+)\t(\S+) \(fetch\)/gm)) {
    const url = withoutSecrets(given);
    // In a pattern of refs, other characters would stand for more.
    if (url !== null && /^[\w./-]+$/.test(name)) found.set(name, url);
  }
  const remotes = [...new Set(found.values())].slice(0, maxRemotes);
  if (remotes.length === 0) return null;
  const refs = [...found.keys()].map((name) => `--remotes=${name}`);
  const lines = (await repository.text(['rev-list', '--boundary', commit, '--not', ...refs])).split('\n');
  const own = lines.filter((line) => line !== '');
  const boundary = own.flatMap((line) => (line.startsWith('-') ? [line.slice(1)] : []));
  const commits = own.length === 0 ? [commit] : boundary;
  return commits.length === 0 || commits.length > maxCommits ? null : { commits, remotes };
}
