import { MaosError, quote } from '../../domain/errors.ts';
import { gitError } from './git-error.ts';
import type { Git } from './run-git.ts';

/** Where git finds the repository: a folder in it, or variables that name it. */
export interface RepositoryLocation {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface RepositoryConfig {
  /** Options of git that keep the repository's configuration from running programs or hiding changes. */
  readonly overrides: readonly string[];
  /** Further options, for files as the user's own configuration would have them in a fresh clone. */
  readonly asUser: readonly string[];
  /** Who commits: the user, or MAOS if the user has set no name. */
  readonly committer: { readonly name: string; readonly email: string };
  /** Names of the filters that only the repository's own configuration defines: they do not run. */
  readonly ownFilters: readonly string[];
  /** Whether the repository's own configuration includes other files. */
  readonly includesFiles: boolean;
  /** The value in force. @param key section and variable in lower case */
  value(key: string): string | null;
}

interface Entry {
  readonly key: string;
  readonly value: string;
  /** Whether it comes from the repository, not from the user or the system. */
  readonly isOwn: boolean;
}

const maosCommitter = { name: 'MAOS', email: 'maos@localhost' };

/** Hold in every repository. */
const always = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.untrackedCache=false'],
  // A changed file must be seen whatever its time of modification.
  ...['core.trustctime=true', 'core.checkStat=default', 'core.ignoreStat=false'],
  ...['core.logAllRefUpdates=true', 'core.filesRefLockTimeout=5000', 'core.packedRefsTimeout=10000'],
  ...['core.safecrlf=false', 'core.splitIndex=false'],
  ...['gc.auto=0', 'maintenance.auto=false', 'submodule.recurse=false', 'fetch.recurseSubmodules=false'],
  ...['commit.gpgSign=false', 'tag.gpgSign=false', 'log.showSignature=false', 'merge.verifySignatures=false'],
  ...['rerere.enabled=false', 'merge.autoStash=false', 'rebase.autoStash=false'],
  ...['protocol.ext.allow=never', 'i18n.commitEncoding=UTF-8', 'worktree.useRelativePaths=false'],
  // git would say it beside every error, because MAOS sets GIT_GRAFT_FILE.
  'advice.graftFileDeprecated=false',
];

/**
 * Keys that name programs, and what each is set to if only the repository sets it. Programs of hooks, editors, pagers,
 * proxies and prompts are off anyway; those of commands that MAOS never runs, such as aliases, are not listed.
 */
const programs: readonly (readonly [key: RegExp, without: string])[] = [
  [/^filter\..*\.(clean|smudge|process)$/s, ''],
  [/^filter\..*\.required$/s, 'false'],
  // As git merges a file without a driver; what is not text is a conflict.
  [/^merge\..*\.driver$/s, 'git merge-file -L ours -L base -L theirs %A %O %B || exit 1'],
  [/^core\.sshcommand$/, 'ssh'],
  [/^core\.alternaterefscommand$/, 'true'],
  [/^remote\..*\.uploadpack$/s, 'git-upload-pack'],
  [/^remote\..*\.vcs$/s, ''],
  [/^branch\..*\.mergeoptions$/s, ''],
];

/** Keys that decide how files are written, and what each is without a setting. */
const conversions: Readonly<Record<string, string>> = {
  'core.autocrlf': 'false',
  'core.eol': 'native',
  'core.attributesfile': '',
  'core.symlinks': 'true',
};

const credentialHelper = /^credential\.(.*\.)?helper$/s;

/** Reads a repository's configuration, which runs no program. @throws MaosError INVALID_INPUT, INTERNAL */
export async function readConfig(git: Git, location: RepositoryLocation): Promise<RepositoryConfig> {
  const entries = await readEntries(git, location);
  const value = (key: string): string | null => entries.findLast((entry) => entry.key === key)?.value ?? null;
  const name = value('committer.name') || value('user.name');
  const email = value('committer.email') || value('user.email');
  return {
    overrides: [...always, ...overridesOf(entries)].flatMap((setting) => ['-c', setting]),
    asUser: asUserOf(entries).flatMap((setting) => ['-c', setting]),
    committer: name && email ? { name, email } : maosCommitter,
    ownFilters: ownFiltersOf(entries),
    includesFiles: entries.some(({ key, isOwn }) => isOwn && /^include(?:if)?\./.test(key)),
    value,
  };
}

function overridesOf(entries: readonly Entry[]): string[] {
  const others = entries.filter(({ isOwn }) => !isOwn);
  const overrides = new Map<string, string>();
  for (const { key, isOwn } of entries) {
    const program = isOwn ? programs.find(([pattern]) => pattern.test(key)) : undefined;
    if (program === undefined) continue;
    assertOption(key);
    overrides.set(key, others.findLast((entry) => entry.key === key)?.value ?? program[1]);
  }
  const settings = [...overrides].map(([key, value]) => `${key}=${value}`);
  if (!entries.some(({ key, isOwn }) => isOwn && credentialHelper.test(key))) return settings;
  // An empty helper forgets all before it, so the user's own follow it again.
  const helpers = others.filter(({ key }) => credentialHelper.test(key) && !key.includes('='));
  return [...settings, 'credential.helper=', ...helpers.map(({ key, value }) => `${key}=${value}`)];
}

function asUserOf(entries: readonly Entry[]): string[] {
  const others = entries.filter(({ isOwn }) => !isOwn);
  return Object.entries(conversions).flatMap(([key, without]) => {
    if (!entries.some((entry) => entry.isOwn && entry.key === key)) return [];
    return [`${key}=${others.findLast((entry) => entry.key === key)?.value ?? without}`];
  });
}

/** git splits an option at its first '=', so a name that contains one cannot be overridden. */
function assertOption(key: string): void {
  if (!key.includes('=')) return;
  throw new MaosError(
    'INVALID_INPUT',
    `The repository's configuration sets ${quote(key)}, which MAOS cannot keep from running because of its "=". Remove it with \`git config --unset-all\`, or give no agent the workspace "worktree".`,
    { details: { key } },
  );
}

function ownFiltersOf(entries: readonly Entry[]): string[] {
  const filter = /^filter\.(.*)\.(?:clean|smudge|process)$/s;
  const names = (isOwn: boolean): Set<string> =>
    new Set(entries.flatMap((entry) => (entry.isOwn === isOwn ? (filter.exec(entry.key)?.[1] ?? []) : [])));
  const ofUser = names(false);
  return [...names(true)].filter((name) => !ofUser.has(name));
}

const ownScopes = ['local', 'worktree'];

async function readEntries(git: Git, location: RepositoryLocation): Promise<Entry[]> {
  const args = ['config', '--list', '-z', '--show-scope'];
  const all = await git.run({ args, ...location });
  // `--show-scope` is of git 2.26.
  if (all.status === 129) return readScopes(git, location);
  if (all.status !== 0) throw gitError(args, all, location.cwd);
  const fields = all.stdout.toString().split('\0');
  const entries: Entry[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    entries.push(entryOf(fields[at + 1] as string, ownScopes.includes(fields[at] as string)));
  }
  return entries;
}

async function readScopes(git: Git, location: RepositoryLocation): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const scope of ['system', 'global', ...ownScopes]) {
    const args = ['config', `--${scope}`, '--includes', '--list', '-z'];
    const { status, stdout } = await git.run({ args, ...location });
    // A scope without a file fails.
    if (status !== 0) continue;
    const fields = stdout.toString().split('\0').slice(0, -1);
    entries.push(...fields.map((field) => entryOf(field, ownScopes.includes(scope))));
  }
  return entries;
}

/** A key without a value is true. */
function entryOf(field: string, isOwn: boolean): Entry {
  const end = field.indexOf('\n');
  return end === -1
    ? { key: field, value: 'true', isOwn }
    : { key: field.slice(0, end), value: field.slice(end + 1), isOwn };
}
