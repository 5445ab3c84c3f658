/** The name of the entry at every client. */
export const entryName = 'maos';

/** The outcome of a registration. */
export interface Registration {
  /** `absent`: it was to be removed, and there is none. */
  readonly action: 'added' | 'updated' | 'unchanged' | 'removed' | 'absent';
  /** What it started before, for people; null where there was none or nothing changed. */
  readonly previous: string | null;
}
