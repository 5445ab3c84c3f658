import type { Project } from '../../../application/project.ts';
import { unattended } from '../../../application/queries/unattended.ts';
import { plural } from '../../../domain/amounts.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import type { Terminal } from './terminal.ts';

const lookMs = 2_000;
/** Longer than any take-over lasts, with the lease of an owner that stands still. */
const patienceMs = 60_000;

interface Needs extends Pick<CommandContext, 'runtime'> {
  readonly terminal: Pick<Terminal, 'notice'>;
}

/**
 * Has a process of its own started for the sessions of a project that nobody runs, because their maos was killed, and
 * says so on stderr. A command that only looks does not fail for that: what goes wrong goes to the log.
 */
export async function rescueOrphans({ runtime, terminal }: Needs, project: Project): Promise<void> {
  try {
    const ids = await runtime().rescue(project);
    if (ids.length === 0) return;
    const which = ids.length === 1 ? String(ids[0]) : plural(ids.length, 'session');
    terminal.notice(`No maos ran ${which} any more: the one that did is gone. Another was started to go on.`);
  } catch (error) {
    project.log.log('warn', 'sessions without an owner not looked after', { error });
  }
}

/**
 * {@link rescueOrphans} from time to time, for commands that stay.
 * @returns the function that ends it
 */
export function watchOwner({ project }: Pick<OpenSession, 'project'>, context: Needs): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const later = (ms: number): void => {
    timer = setTimeout(() => {
      void rescueOrphans(context, project).then(() => {
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
 * Waits for something of a session, for as long as somebody works on it: nobody may wait for what nobody does.
 * @param work gets the signal to wait by
 * @throws MaosError STORE_BUSY when nobody has worked on the session for a minute and nothing has happened in it,
 *   FORBIDDEN when this process gave it up and the store would not take it, and whatever the work throws
 */
export async function whileAttended<T>(
  { project, supervisor, id }: Pick<OpenSession, 'project' | 'supervisor' | 'id'>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  timing: { readonly lookMs: number; readonly patienceMs: number } = { lookMs, patienceMs },
): Promise<T> {
  const lost = new AbortController();
  let reason: string | null = null;
  let silentMs = 0;
  let seq = project.store.lastSeq(id);
  const gaveUp = (): string | null => supervisor.gaveUpOver(id);
  const timer = setInterval(() => {
    void look().catch((error: unknown) => project.log.log('warn', 'owner not looked for', { error }));
  }, timing.lookMs);
  async function look(): Promise<void> {
    if (gaveUp() !== null) return lost.abort();
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
  const why = gaveUp();
  if (why !== null) {
    const message = `Session ${id} could not be run on, and nothing of it is recorded any more: ${why} Its agents may still run: see 'maos ps'.`;
    throw new MaosError('FORBIDDEN', message, { details: { sessionId: id } });
  }
  throw new MaosError(
    'STORE_BUSY',
    `Nothing has happened in session ${id} for ${Math.round(silentMs / 1000)} s: ${reason}. What it comes to is not waited for any more; 'maos doctor' and the logs below MAOS_HOME tell more.`,
    { details: { sessionId: id, reason } },
  );
}
