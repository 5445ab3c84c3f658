/** The name of the entry in every client. */
export const entryName = 'maos';

/** The outcome of a registration. */
export interface Registration {
  /** `absent`: there was no entry to remove. */
  readonly action: 'added' | 'updated' | 'unchanged' | 'removed' | 'absent';
  /** The previous command, for people; null if there was none or nothing changed. */
  readonly previous: string | null;
}
