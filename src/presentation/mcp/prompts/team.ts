/** The common end of every prompt: from the plan to a checked result. */
export const howToRun = `How to run it:
- First look at the code yourself, just enough to name files, conventions and the test command. Agents know only what their task says: make each task self-contained, with the paths it concerns and the files it must deliver.
- Adapt the team: drop a member that has nothing to do, split one whose work has independent parts. Agents that edit the same files must not run in parallel: order them with depends_on.
- Call orchestrate, then wait-session until settled is true. Read a failure with agent-output before you retry it.
- At the end check the result yourself, and report what was done, what was checked and how, what remains, and what it cost.`;

/** A line of the request, empty if the user left the value out. */
export function given(label: string, value: string | undefined): string {
  const text = value?.trim() ?? '';
  return text === '' ? '' : `${label}: ${text}\n`;
}
