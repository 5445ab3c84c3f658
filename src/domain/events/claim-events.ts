import { showName } from '../invisible-marks.ts';
import { event } from './event-type.ts';

/** A path, and another agent's claim that covers it: `by` is that agent. */
interface Touched {
  readonly path: string;
  readonly claimed: string;
  readonly by: string;
  readonly until: string;
}

function touched({ path, claimed, by, until }: Touched): string {
  const as = claimed === path ? '' : ` (as ${showName(claimed)})`;
  return `${showName(path)}${as}, which ${by} has claimed until ${until}`;
}

function list(paths: readonly string[]): string {
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : '';
  return `${paths.slice(0, 5).map(showName).join(', ')}${more}`;
}

/**
 * Events of path claims. `agentId` is the agent that claims, releases, is refused or edits. Paths are relative to the
 * folder it works on.
 */
export const claimEvents = {
  'paths.claimed': event<{ paths: readonly string[]; reason: string; until: string }>({
    text: ({ paths, reason, until }) =>
      `claimed ${list(paths)} until ${until}${reason === '' ? '' : `: ${reason}`}`,
  }),

  'paths.released': event<{ paths: readonly string[] }>({ text: ({ paths }) => `released ${list(paths)}` }),

  /** The agent could not claim a path that another agent has claimed. Recorded once per path and claim. */
  'paths.refused': event<Touched>({ text: (conflict) => `could not claim ${touched(conflict)}` }),

  /**
   * The agent is about to edit a path that another agent has claimed, and was informed. Recorded once per path and
   * claim.
   */
  'paths.crossed': event<Touched>({ text: (conflict) => `edits ${touched(conflict)}` }),
};
