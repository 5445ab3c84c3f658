import type { Project } from '../../application/project.ts';
import type { CommandContext } from './command.ts';
import type { OpenSession } from './projects.ts';
import { plural } from './render/format.ts';
import type { Terminal } from './terminal.ts';

const lookMs = 2_000;

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
