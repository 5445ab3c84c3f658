/** What an agent says of its work itself. */
export interface Milestone {
  readonly text: string;
  /** How much of its task is done, in percent; null where it does not say. */
  readonly progress: number | null;
}

/** Longest text of a report, in characters. */
export const maxMilestoneLength = 500;

/** `60 %: schema written`, for people. */
export function milestoneText({ text, progress }: Milestone): string {
  return progress === null ? text : `${progress} %: ${text}`;
}
