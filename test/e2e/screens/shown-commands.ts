/** A command line whose screens are looked at. */
export interface ShownCommand {
  /** The command, and the action if it has some: `config get`. */
  readonly of: string;
  readonly line: string;
  /** Exit status (default: 0). */
  readonly status?: number;
  /** Keys to press once the screen shows the text. */
  readonly keys?: readonly [text: RegExp, ...keys: readonly string[]];
  /** Why lines may be wider than the terminal, or not be kept. */
  readonly wraps?: 'JSON' | 'code' | 'output of agents' | 'Markdown' | 'a path' | 'commands to copy';
  /** It is looked at, but differs too much from run to run to be kept: ages, processes, the machine. */
  readonly isNotKept?: true;
}

const only = 'outside an agent';

/** In this order, in a project with a failed, a completed and a running session. */
export const shownCommands: readonly ShownCommand[] = [
  { of: 'version', line: 'maos version', isNotKept: true },
  { of: 'help', line: 'maos help' },
  { of: 'help', line: 'maos help land' },
  { of: 'help', line: 'maos message -h' },
  { of: 'list', line: 'maos list' },
  { of: 'list', line: 'maos list --all' },
  { of: 'list', line: 'maos list --limit 1' },
  { of: 'list', line: 'maos list --state paused', isNotKept: true },
  { of: 'status', line: 'maos status' },
  { of: 'status', line: 'maos status $LANDABLE' },
  { of: 'status', line: 'maos status $FAILED' },
  { of: 'ps', line: 'maos ps', isNotKept: true },
  { of: 'instances', line: 'maos instances', isNotKept: true },
  { of: 'events', line: 'maos events $FAILED', isNotKept: true },
  {
    of: 'events',
    line: 'maos events $FAILED --type agent.started --type agent.failed --type agent.cancelled --type session',
  },
  { of: 'logs', line: 'maos logs $FAILED', wraps: 'output of agents' },
  { of: 'logs', line: 'maos logs $FAILED writer -n 1 -t', wraps: 'output of agents' },
  { of: 'diff', line: 'maos diff $LANDABLE', wraps: 'code' },
  { of: 'diff', line: 'maos diff $LANDABLE --stat', wraps: 'code' },
  { of: 'evidence', line: 'maos evidence $LANDABLE', wraps: 'Markdown' },
  { of: 'evidence', line: 'maos evidence $LANDABLE --agent notes --fields agents.name', wraps: 'JSON' },
  { of: 'land', line: 'maos land $LANDABLE --dry-run' },
  { of: 'plan check', line: 'maos plan check good.json' },
  { of: 'plan check', line: 'maos plan check bad.json', status: 2 },
  { of: 'plan graph', line: 'maos plan graph good.json' },
  { of: 'plan graph', line: 'maos plan graph good.json --format mermaid', wraps: 'code' },
  { of: 'run', line: 'maos run good.json --dry-run' },
  { of: 'run', line: "maos run -x 'hello=echo hello'" },
  { of: 'run', line: 'maos run bad.json', status: 2 },
  { of: 'run', line: 'maos run', status: 2 },
  { of: 'config list', line: 'maos config' },
  { of: 'config get', line: 'maos config get backend' },
  { of: 'config set', line: 'maos config set limits.stallMinutes 45' },
  { of: 'config unset', line: 'maos config unset limits.stallMinutes' },
  { of: 'config path', line: 'maos config path', wraps: 'a path' },
  { of: 'config edit', line: 'EDITOR=true maos config edit' },
  { of: 'requests', line: 'maos requests', isNotKept: true },
  { of: 'approve', line: 'maos approve latest', status: 2 },
  { of: 'deny', line: 'maos deny nobody', status: 3 },
  { of: 'answer', line: "maos answer latest 'A calm blue'" },
  { of: 'requests', line: 'maos requests --closed', isNotKept: true },
  { of: 'message read', line: 'maos message read $RUNNING' },
  { of: 'message send', line: "maos message send $RUNNING builder 'Use the port 8081.'" },
  { of: 'message list', line: 'maos message list $RUNNING', isNotKept: true },
  { of: 'message search', line: 'maos message search port', isNotKept: true },
  { of: 'message ack', line: 'maos message ack nothing', status: 3 },
  { of: 'message wait', line: 'maos message wait nothing', status: 3 },
  { of: 'ask', line: `maos ask '${only}?'`, status: 4 },
  { of: 'report', line: `maos report '${only}'`, status: 4 },
  { of: 'claim', line: 'maos claim src', status: 4 },
  { of: 'release', line: 'maos release', status: 4 },
  { of: 'roles list', line: 'maos roles' },
  { of: 'roles show', line: 'maos roles show tester' },
  { of: 'backends', line: 'maos backends', isNotKept: true },
  { of: 'doctor', line: 'maos doctor || true', isNotKept: true },
  { of: 'gc', line: 'maos gc --dry-run --max-sessions 1', isNotKept: true },
  { of: 'audit verify', line: 'maos audit verify' },
  { of: 'export', line: 'maos export $FAILED -o failed.tar.gz', isNotKept: true },
  { of: 'recover', line: 'maos recover $FAILED', status: 4 },
  { of: 'token', line: 'maos token', wraps: 'code' },
  { of: 'init', line: 'maos init --project .', wraps: 'code' },
  { of: 'init', line: 'maos init --project . --remove', isNotKept: true },
  { of: 'completion bash', line: 'maos completion bash', wraps: 'code', isNotKept: true },
  { of: 'completion zsh', line: 'maos completion zsh', wraps: 'code', isNotKept: true },
  { of: 'completion fish', line: 'maos completion fish', wraps: 'code', isNotKept: true },
  { of: 'open', line: 'maos open --stop' },
  { of: 'serve', line: 'maos serve --http 0', keys: [/http:\/\//, 'C-c'] },
  { of: 'attach', line: 'maos attach $FAILED', status: 1 },
  { of: 'wait', line: 'maos wait $FAILED', status: 1 },
  { of: 'watch', line: 'maos watch', keys: [/hello|press q/, 'q'], isNotKept: true },
  { of: 'pause', line: 'maos pause $RUNNING' },
  { of: 'list', line: 'maos list --state paused', isNotKept: true },
  { of: 'status', line: 'maos status $RUNNING', isNotKept: true },
  { of: 'resume', line: 'maos resume $RUNNING --detach' },
  { of: 'cancel', line: 'maos cancel $RUNNING' },
  { of: 'cancel', line: 'maos cancel $RUNNING' },
  { of: 'retry', line: 'maos retry $FAILED --detach' },
  { of: 'wait', line: 'maos wait $FAILED', status: 1 },
  { of: 'land', line: 'maos land $LANDABLE' },
  { of: 'list', line: 'maos list', isNotKept: true },
  // Errors.
  { of: 'help', line: 'maos stauts', status: 2 },
  { of: 'help', line: 'maos kill', status: 2 },
  { of: 'help', line: 'maos list --bogus', status: 2 },
  { of: 'status', line: 'maos status nobody', status: 3 },
  { of: 'logs', line: 'maos logs latest nobody', status: 3 },
  { of: 'events', line: 'maos events --type nothing', status: 2 },
  { of: 'config get', line: 'maos config get nothing', status: 2 },
  { of: 'list', line: 'maos -C /nowhere list', status: 2 },
];

/** Covered elsewhere: why a command of the tree has no entry. */
export const shownElsewhere: Readonly<Record<string, string>> = {
  demo: 'takes fifteen seconds: cli-demo.test.ts',
  'host list': 'needs a NATS server: hosts.slow.ts',
  'host drain': 'needs a NATS server: hosts.slow.ts',
  'host key': 'prints a random key: nats-key.test.ts',
};
