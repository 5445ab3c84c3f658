/** An agent's own report about its work. */
export interface Milestone {
  readonly text: string;
  /** Percentage of its task that is done; null if the agent does not say. */
  readonly progress: number | null;
}

/** Maximum length of a report, in characters. */
export const maxMilestoneLength = 500;

/** `60 %: schema written`, for people. */
export function milestoneText({ text, progress }: Milestone): string {
  return progress === null ? text : `${progress} %: ${text}`;
}
