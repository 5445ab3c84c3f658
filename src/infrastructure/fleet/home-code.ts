import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OrderedLaunch } from '../../application/ports/agent-host.ts';
import type { BlobName, Fleet, HostedWork, LackedCode } from '../../application/ports/fleet.ts';
import type { CodeBundle, OrderedCode } from '../../application/ports/hosting.ts';
import type { WorktreePlace } from '../../application/ports/workspaces.ts';
import type { Agent } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import { branchOf, keptRefOf } from '../../domain/worktree.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { Serial } from '../files/disk/serial.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { type BundledRef, refusedBundle, sentRef, writeBundle } from '../git/bundle.ts';
import { commonHistory } from '../git/common-remotes.ts';
import { historyRefOf } from '../git/history.ts';
import { pointTo, receiveBundle } from '../git/receive-bundle.ts';
import { writeRefusal } from '../git/received.ts';
import { areReached } from '../git/refs.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { type Git, makeGit } from '../git/run-git.ts';
import { withScratch } from '../git/scratch.ts';
import { packBrought } from './brought-files.ts';

/** The code of a project, as its home sends it to hosts and takes it back. */
export interface HomeCode {
  /**
   * Sends what a host may lack of an agent's code.
   * @param name prefix of the names of its blobs
   * @returns null if the agent has no worktree
   */
  send(fleet: Fleet, name: string, order: OrderedLaunch): Promise<OrderedCode | null>;
  /**
   * Sends what a host has asked for.
   * @param name as for `send`
   * @throws MaosError FORBIDDEN if the agent does not build on it
   */
  sendLacked(fleet: Fleet, name: string, agent: Agent, lacks: LackedCode): Promise<BlobName>;
  /**
   * Takes an agent's work into the repository, without touching a working tree. Safe to repeat.
   * @param work null: its host has reported none
   * @throws MaosError FORBIDDEN if it is refused, with the reason
   */
  take(agent: Agent, work: HostedWork | null, getFile: Fleet['getFile']): Promise<void>;
  /** Records why the work of an attempt is not taken. */
  refuse(agent: Agent, reason: string): Promise<void>;
}

/** A commit that all orders build on, with its whole history. */
interface SentBase extends CodeBundle {
  readonly blob: BlobName;
  readonly bytes: number;
  /** Milliseconds of the epoch. */
  readonly sentAt: number;
}

/** How long to use a sent pack, which the server keeps for a week. */
const freshMs = 3 * 86_400_000;
const alwaysSmall = 4 * 1024 * 1024;

/** @param project its hash @param root any folder of its repository */
export function makeHomeCode({
  project,
  root,
  layout,
  environment,
  git = makeGit(environment),
}: {
  readonly project: string;
  readonly root: string;
  readonly layout: SessionLayout;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly git?: Git;
}): HomeCode {
  const scratch = join(layout.project, 'git');
  const baseFile = join(layout.project, 'sent-code.json');
  const bases = new Serial<string>();

  /** What was sent already and is in the history of these commits. */
  async function sentFor(
    fleet: Fleet,
    repository: Repository,
    commits: readonly string[],
  ): Promise<SentBase | null> {
    const known = await readBase(baseFile);
    if (known === null || known.sentAt + freshMs < Date.now()) return null;
    const isPart = await areReached(repository, known.commits, ...commits);
    return isPart && (await fleet.has(known.blob.name)) ? known : null;
  }

  function sendBundle(
    fleet: Fleet,
    name: string,
    repository: Repository,
    commits: readonly string[],
    known: readonly string[],
  ): Promise<{ readonly blob: BlobName; readonly bytes: number }> {
    return withScratch(scratch, async (folder) => {
      const path = join(folder, 'bundle');
      const bytes = await writeBundle(repository, commits.map(sentRef), known, path);
      return { blob: await fleet.putFile(name, path), bytes };
    });
  }

  async function sendBase(
    fleet: Fleet,
    repository: Repository,
    commits: readonly string[],
  ): Promise<SentBase> {
    // Another process may have sent the same commit in another pack, which orders name.
    const name = `${project}.code.${randomBytes(8).toString('hex')}`;
    const { blob, bytes } = await sendBundle(fleet, name, repository, commits, []);
    const base = { commits, blob, bytes, sentAt: Date.now() };
    await writeFileAtomic(baseFile, `${JSON.stringify(base)}\n`);
    return base;
  }

  /** The history up to a commit. What remotes have of it is sent only to hosts that ask for it. */
  async function baseFor(fleet: Fleet, repository: Repository, commit: string): Promise<CodeBundle> {
    const common = await commonHistory(repository, commit);
    const sent = await sentFor(fleet, repository, [commit]);
    if (common !== null) {
      const { commits, remotes } = common;
      return { commits: sent?.commits ?? commits, blob: sent?.blob ?? null, remotes };
    }
    const { commits, blob } = sent ?? (await sendBase(fleet, repository, [commit]));
    return { commits, blob };
  }

  return {
    async send(fleet, name, { session, agent, start }) {
      if (start === null) return null;
      const repository = await openRepository(git, session.folder ?? root);
      const first = session.repository?.commit ?? start.commit;
      const base = await bases.run(project, () => baseFor(fleet, repository, first));
      const commits = [...(start.merge === null ? [] : [start.merge.theirs]), ...start.later];
      const all = [...new Set([start.commit, ...commits])];
      const bundles = [base];
      if (!(await areReached(repository, all, ...base.commits))) {
        const { blob, bytes } = await sendBundle(fleet, `${name}.code`, repository, all, base.commits);
        bundles.push({ commits: all, blob });
        const sent = (await readBase(baseFile))?.bytes ?? 0;
        // The next order sends a new base.
        if (bytes > Math.max(alwaysSmall, sent / 2)) await rm(baseFile, { force: true });
      }
      const files = await packBrought(repository, agent.worktree?.copy ?? [], scratch);
      return { bundles, brought: files === null ? null : await fleet.put(`${name}.brought`, files) };
    },

    async sendLacked(fleet, name, { name: agent, work }, { commits, has }) {
      const repository = await openRepository(git, root);
      if (work === null || !(await areReached(repository, commits, work.base)))
        throw new MaosError('FORBIDDEN', `Agent ${agent} does not build on ${commits.join(', ')}.`);
      const known: string[] = [];
      for (const id of has) if ((await repository.commit(id)) === id) known.push(id);
      if (known.length === 0) {
        return bases.run(project, async () => {
          const sent = await sentFor(fleet, repository, commits);
          const isSame = sent?.commits.toString() === commits.toString();
          return (sent !== null && isSame ? sent : await sendBase(fleet, repository, commits)).blob;
        });
      }
      return (await sendBundle(fleet, `${name}.lacked`, repository, commits, known)).blob;
    },

    async take(agent, work, getFile) {
      if (work === null) throw notTaken(agent, 'Its host has sent none.');
      if (work.how === 'failed') throw notTaken(agent, work.reason);
      const { commit, history, bundle } = work;
      const ref = keptRefOf(agent.sessionId, agent.name, agent.attempt);
      const refs: BundledRef[] = [
        { ref, commit },
        ...(history === null ? [] : [{ ref: historyRefOf(ref), commit: history }]),
      ];
      const repository = await openRepository(git, root);
      if (bundle !== null) {
        return withScratch(scratch, async (folder) => {
          const path = join(folder, 'bundle');
          await getFile(bundle, path);
          await receiveBundle(repository, path, refs, scratch);
        });
      }
      for (const { commit: id } of refs) {
        if ((await repository.commit(id)) !== id) throw refusedBundle(`${id} was not sent, and is not here`);
      }
      await pointTo(repository, refs);
    },

    async refuse(agent, reason) {
      const { sessionId, id, name, attempt } = agent;
      const place: WorktreePlace = {
        ...{ repository: root, sessionId, agentId: id, branch: branchOf(sessionId, name) },
      };
      await writeRefusal(layout, place, { ref: keptRefOf(sessionId, name, attempt), reason });
    },
  };
}

function notTaken({ name, attempt }: Agent, why: string): MaosError {
  return new MaosError(
    'FORBIDDEN',
    `The work of ${name} (attempt ${attempt}) has not come from its host: ${why}`,
  );
}

/** Null if there is none, or it cannot be read. */
async function readBase(path: string): Promise<SentBase | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as SentBase;
  } catch {
    return null;
  }
}
