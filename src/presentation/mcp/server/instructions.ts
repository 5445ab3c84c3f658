/** Introduces the server to the model. Under 1,000 characters, because some clients cut longer text. */
export const instructions = `MAOS runs teams of coding agents (Claude Code or any other command) as real processes on this machine.

Use it when work splits into parts for different specialists, or parts that can run in parallel. Do not use it for what you can do yourself in a few steps: every agent costs tokens and money.

1. orchestrate: give an objective and agents, each {role, task}. Agents know only what you write. depends_on names agents that must complete first; MAOS passes on their results and files. dry_run shows the plan. It answers at once.
2. wait-session: call it again until settled is true. It reports states, results, failures, files and what agents ask: answer that with respond.
3. agent-output: the full output of an agent. session-status: agents, events, usage and cost.

control-session pauses, resumes, cancels, retries; send-message writes to agents, land-session lands branches; list-roles, list-sessions. 'latest' means the newest session. A completed agent only claims to be done: check its work.`;
