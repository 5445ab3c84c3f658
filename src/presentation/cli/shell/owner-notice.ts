import type { Project } from '../../../application/project.ts';
import { unattended } from '../../../application/queries/unattended.ts';
import { plural } from '../../../domain/amounts.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import type { Terminal } from './terminal.ts';

const lookMs = 2_000;
/** Longer than an adoption takes when the lease of a suspended owner has to expire first. */
const patienceMs = 60_000;

interface Needs extends Pick<CommandContext, 'runtime'> {
  readonly terminal: Pick<Terminal, 'notice'>;
}

/**
 * Starts a background process for sessions whose maos was killed, and reports it on stderr. An error goes to the log
 * only, because a command that reads must not fail for it.
 */
export async function adoptOrphans({ runtime, terminal }: Needs, project: Project): Promise<void> {
  try {
    const ids = await runtime().adoptOrphans(project);
    if (ids.length === 0) return;
    const which = ids.length === 1 ? String(ids[0]) : plural(ids.length, 'session');
    terminal.notice(`The maos process running ${which} has died. Started a new one to continue.`);
  } catch (error) {
    project.log.log('warn', 'cannot start a process for sessions without an owner', { error });
  }
}

/**
 * Repeats {@link adoptOrphans} every two seconds, for commands that keep running.
 * @returns a function that stops it
 */
export function watchOwner({ project }: Pick<OpenSession, 'project'>, context: Needs): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const later = (ms: number): void => {
    timer = setTimeout(() => {
      void adoptOrphans(context, project).then(() => {
        if (!stopped) later(lookMs);
      });
    }, ms);
  };
  later(0);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/**
 * Runs `work`, which waits for a session, and aborts it when the session has no owner: the wait would never end.
 * @param work must end when its signal is aborted
 * @throws MaosError STORE_BUSY when the session had no owner and no new event for a minute; FORBIDDEN when this process
 *   has quarantined it; and whatever `work` throws
 */
export async function whileOwned<T>(
  { project, supervisor, id }: Pick<OpenSession, 'project' | 'supervisor' | 'id'>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  timing: { readonly lookMs: number; readonly patienceMs: number } = { lookMs, patienceMs },
): Promise<T> {
  const lost = new AbortController();
  let reason: string | null = null;
  let silentMs = 0;
  let seq = project.store.lastSeq(id);
  const quarantined = (): string | null => supervisor.quarantineReason(id);
  const timer = setInterval(() => {
    void look().catch((error: unknown) =>
      project.log.log('warn', 'cannot check the owner of the session', { error }),
    );
  }, timing.lookMs);
  async function look(): Promise<void> {
    if (quarantined() !== null) return lost.abort();
    const before = seq;
    reason = await unattended(project, id);
    seq = project.store.lastSeq(id);
    silentMs = reason === null || seq !== before ? 0 : silentMs + timing.lookMs;
    if (silentMs >= timing.patienceMs) lost.abort();
  }
  try {
    const done = await work(AbortSignal.any([signal, lost.signal]));
    if (!lost.signal.aborted || signal.aborted) return done;
  } finally {
    clearInterval(timer);
  }
  const why = quarantined();
  if (why !== null) {
    const message = `Session ${id} cannot continue, and its events are no longer recorded: ${why} Its agents may still be running: see 'maos ps'.`;
    throw new MaosError('FORBIDDEN', message, { details: { sessionId: id } });
  }
  throw new MaosError(
    'STORE_BUSY',
    `Nothing has happened in session ${id} for ${Math.round(silentMs / 1000)} s: ${reason}. Stopped waiting for it. See 'maos doctor' and the logs in MAOS_HOME.`,
    { details: { sessionId: id, reason } },
  );
}
