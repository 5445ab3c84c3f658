/** How every prompt ends: the same way from a plan to a checked result. */
export const howToRun = `How to run it:
- First look at the code yourself, just enough to name files, conventions and the test command. Agents know only what their task says: write each so that it stands alone, with the paths it is about and what it must leave in its results.
- Adapt the team: drop a member that has nothing to do, split one whose work falls into independent parts. Two agents that edit the same files must not run side by side: order them with depends_on.
- Call orchestrate, then wait-session until settled is true. Look at a failure with agent-output before you retry it.
- At the end check the result yourself, and report what was done, what was checked and how, what is left, and what it cost.`;

/** A line of the request, when the person filled it in. */
export function given(label: string, value: string | undefined): string {
  const text = value?.trim() ?? '';
  return text === '' ? '' : `${label}: ${text}\n`;
}
