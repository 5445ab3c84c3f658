/** A command line to call in a {@link PreparedHome}, and what it must do. `{live}` stands for an id. */
export interface CommandCase {
  readonly words: readonly string[];
  /** Default: 0. */
  readonly status?: number;
  /** Of an error: the message after `maos: `. */
  readonly says?: RegExp;
  /** Variables besides those of the {@link PreparedHome}. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called as an agent's program does. */
  readonly asAgent?: true;
  /** It cannot be called twice. */
  readonly once?: true;
  /** What its error prints on stdout, with --json as document. */
  readonly alsoPrints?: string;
  /** Meanwhile, somebody answers the agent's question. */
  readonly answered?: string;
}

type More = Omit<CommandCase, 'words'>;

const call = (line: string, more: More = {}): CommandCase => ({
  words: line.split(' ').map((word) => word.replaceAll('\t', ' ')),
  ...more,
});
const once = (line: string, more: More = {}): CommandCase => call(line, { once: true, ...more });
const byAgent = (line: string, more: More = {}): CommandCase => call(line, { asAgent: true, ...more });
const fails = (status: number, says: RegExp, line: string, more: More = {}): CommandCase =>
  call(line, { status, says, ...more });

const noSession = /^There is no session (or agent )?"nobody" in this project\./;
const noAgentHere = /MAOS_AGENT_ID is not set here\.|^Only an agent can ask/;
const noClaude = /Claude Code is not at "\/nonexistent\/claude"/;

/** Each is called when the one before it has ended; the lists run side by side. */
export const commandCases: readonly (readonly CommandCase[])[] = [
  // Start
  [once('run -x a=true'), once('run -x a=exit\t1', { status: 1 })],
  [once('run --detach -x a=true'), call('run --dry-run -x a=true')],
  [once('run --max-minutes 0.001 -x a=sleep\t60', { status: 5 })],
  [
    fails(2, /^The plan "nothing\.yaml" does not exist/, 'run nothing.yaml'),
    fails(2, /^The plan has no agents/, 'run Build'),
    fails(6, noClaude, 'run -a tester=Test --backend claude'),
  ],
  [call('plan check plan.yaml'), call('plan graph plan.yaml')],
  [
    call('plan check wrong.yaml', {
      status: 2,
      says: /^The plan "wrong\.yaml" has \d faults:/,
      alsoPrints: 'the faults',
    }),
    fails(2, /^The plan "wrong\.yaml"/, 'plan graph wrong.yaml'),
    fails(2, /^An action and a file are needed/, 'plan'),
  ],
  [fails(2, /^"nowhere" is not a valid address/, 'serve --http nowhere'), call('serve'), byAgent('agent')],
  // Sessions
  [
    call('list'),
    call('list --all --limit 1'),
    fails(2, /^Option '--limit <n>' argument '0' is/, 'list --limit 0'),
  ],
  [
    call('status {done}'),
    call('status {live}'),
    call('status --watch {failed}'),
    fails(3, noSession, 'status nobody'),
    fails(3, /^"sess_" /, 'status sess_'),
  ],
  [call('attach {done}'), call('attach {failed}', { status: 1 }), fails(3, noSession, 'attach nobody')],
  [
    call('logs {done}'),
    fails(3, noSession, 'logs nobody'),
    fails(3, /has no agent named "nobody"/, 'logs {done} nobody'),
    fails(2, /^--since "yesterday" is not a time/, 'logs {done} --since yesterday'),
  ],
  [
    call('events {done}'),
    fails(3, noSession, 'events nobody'),
    fails(2, /^Unknown event type "x"/, 'events {done} --type x'),
  ],
  [
    call('wait {done}'),
    call('wait {failed}', { status: 1 }),
    call('wait {spent}', { status: 5 }),
    call('wait {live} --timeout 0.1', { status: 5 }),
    call('wait {signedOut}', { status: 6 }),
    call('wait {paused}', { status: 7 }),
    fails(3, noSession, 'wait nobody'),
  ],
  [
    once('message send {live} asker hello'),
    call('message list {live}'),
    call('message search hello --session {live}'),
    byAgent('message send user hello', { once: true }),
    byAgent('message read', { once: true }),
    once('message read {live}'),
    once('message ack {toUser}'),
    call('message wait {toUser} --delivery'),
    call('message wait {toAgent} --timeout 0', { status: 5 }),
    call('message wait {expiring}', { status: 4 }),
    fails(2, /^Unknown action "tell"/, 'message tell'),
    fails(2, /^Use 'maos message search WORDS'/, 'message search'),
    fails(3, /has no agent "nobody"/, 'message send {live} nobody hello'),
    fails(3, /^There is no message "msg_nobody"/, 'message wait msg_nobody'),
    fails(3, noSession, 'message list nobody'),
    fails(4, /it has no agent left to receive a message/, 'message send {done} builder hello'),
  ],
  [
    once('pause {steered}'),
    fails(4, /is paused and has no failed agent to retry/, 'retry {steered}'),
    once('resume {steered} --detach'),
    fails(4, /cannot be resumed/, 'resume {steered}'),
    once('cancel {steered}'),
    fails(4, /cannot be cancelled/, 'cancel {done}'),
    fails(4, /cannot be paused/, 'pause {done}'),
    fails(4, /cannot be resumed/, 'resume {steered}'),
  ],
  [
    once('retry {again}'),
    fails(4, /cannot be retried/, 'retry {again}'),
    fails(5, /its budget is used up/, 'retry {spent}'),
    fails(3, noSession, 'retry nobody'),
  ],
  ...['pause', 'resume', 'cancel', 'land'].map((name) => [fails(3, noSession, `${name} nobody`)]),
  [
    call('land {done} --dry-run'),
    call('land {clash} --dry-run', { status: 1 }),
    once('land {done}'),
    call('land {done}'),
    once('land {clash}', { status: 1 }),
    fails(4, /cannot be landed: none of its agents works in a worktree/, 'land {failed}'),
    fails(2, /^There is no branch "nothing" to land onto/, 'land {done} --into nothing'),
  ],
  // Agents
  [
    call('requests'),
    call('requests {done} --wait --timeout 0', { status: 5 }),
    fails(3, noSession, 'requests nobody'),
    once('approve {permission1}'),
    once('deny {permission2}'),
    once('answer {question1} 8080'),
    fails(4, /answered/, 'deny {permission1}'),
    fails(4, /answered/, 'approve {permission2}'),
    fails(4, /answered/, 'answer {question1} 3000'),
    fails(2, /is a question|is a permission/i, 'approve {question2}'),
    ...['approve', 'deny', 'answer'].map((name) =>
      fails(3, /^There is no request "req_nobody"/, `${name} req_nobody${name === 'answer' ? ' x' : ''}`),
    ),
  ],
  [byAgent('ask Which port?', { once: true, answered: '8080' }), fails(4, noAgentHere, 'ask Which port?')],
  [byAgent('report Done', { once: true }), fails(4, noAgentHere, 'report Done')],
  [
    byAgent('claim a.txt', { once: true }),
    byAgent('release', { once: true }),
    fails(4, noAgentHere, 'claim a.txt'),
    fails(4, noAgentHere, 'release'),
  ],
  // Work
  [
    call('diff {done}'),
    fails(3, noSession, 'diff nobody'),
    fails(3, /has no agent named "nobody"/, 'diff {done} nobody'),
    fails(4, /^No agent of session \w+ works in a worktree/, 'diff {failed}'),
  ],
  [call('evidence {done}'), fails(3, noSession, 'evidence nobody')],
  // Machine and keeping
  [call('ps'), call('ps --all'), call('instances')],
  [
    call('host drain'),
    call('host key nats.seed'),
    fails(2, /^host: name the file for the secret key/, 'host key'),
    fails(4, /plan\.yaml" may be read by other users .*chmod 600/, 'host key plan.yaml'),
    fails(2, /^host: "more" is one argument too many: only key takes a file/, 'host list more'),
    fails(2, /^host: name the pools/, 'host'),
    fails(2, /^host: name the pools/, 'host --detach'),
    fails(2, /^"GPU" cannot be the name of a pool/, 'host --pool GPU --detach --nats nats://127.0.0.1:1'),
    fails(6, /nats-server -js/, 'host --pool gpu --detach --nats nats://127.0.0.1:1'),
    fails(2, /^host: "work" is not an action/, 'host work'),
    fails(2, /^host: "big" is not a label: use key=value/, 'host --pool gpu --label big'),
    fails(2, /^There is no NATS server to connect to/, 'host list'),
    fails(6, /nats-server -js/, 'host list --nats nats://127.0.0.1:1'),
  ],
  [
    call('gc --dry-run'),
    call('gc'),
    fails(2, /^Option '--max-age <days>' argument 'x' is invalid/, 'gc --max-age x'),
  ],
  [
    call('audit verify {done}'),
    call('audit verify {altered}', { status: 1 }),
    fails(3, noSession, 'audit verify nobody'),
    fails(2, /^Unknown action "check"/, 'audit check'),
  ],
  [
    call('export {done} -o done.tgz --force'),
    fails(3, noSession, 'export nobody'),
    fails(2, /^"\/nonexistent" is not a folder/, 'export {done} -o /nonexistent/x.tgz'),
  ],
  [
    once('recover {lost} --only'),
    fails(4, /is in the store/, 'recover {done}'),
    fails(3, /^This project has no session folder "nobody"/, 'recover nobody'),
  ],
  // Installation
  [
    call('init -C .'),
    call('init -C . --remove'),
    call('init', { status: 6, says: noClaude, alsoPrints: 'what other clients need' }),
  ],
  [
    call('config'),
    call('config list'),
    call('config set maxDepth 3'),
    call('config get maxDepth'),
    call('config unset maxDepth'),
    call('config path'),
    call('config edit'),
    fails(2, /nothing"? is not a setting/, 'config get nothing'),
    fails(2, /nothing"? is not a setting/, 'config set nothing 1'),
    fails(2, /^Unknown action "x"/, 'config x'),
  ],
  [call('completion bash'), fails(2, /^There is no completion for "tcsh"/, 'completion tcsh')],
  [
    call('roles'),
    call('roles list'),
    call('roles show tester'),
    fails(2, /^There is no role "nobody"/, 'roles show nobody'),
  ],
  [once('open --no-browser'), once('open --stop'), fails(3, noSession, 'open nobody')],
  [call('backends'), call('token'), call('version')],
  [
    call('doctor'),
    call('doctor', { status: 1, env: { MAOS_BACKEND: 'claude' } }),
    fails(2, /./, 'doctor now'),
  ],
  [call('__complete -- sta'), call('supervise')],
  [fails(2, /^'maos watch' (needs a terminal|prints no JSON)/, 'watch')],
];

/** Commands that print no document, and why. */
export const withoutDocument: Readonly<Record<string, string>> = {
  serve: 'its stdout is MCP',
  agent: 'its stdout is MCP',
  supervise: 'it prints nothing',
  watch: 'it needs a terminal',
  __complete: 'it answers the shells',
};

/** Statuses that other tests of test/e2e show. */
export const shownElsewhere: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  run: { 4: 'landing.slow.ts', 7: 'cli-control.test.ts' },
  demo: { 0: 'cli-demo.test.ts' },
  list: { 1: 'unreadable-projects.slow.ts' },
  watch: { 0: 'watch.slow.ts', 3: 'watch.slow.ts' },
  attach: { 130: 'live-view.slow.ts' },
  wait: { 4: 'landing.slow.ts' },
  resume: { 7: 'live-view.slow.ts' },
  ask: { 1: 'every-command.slow.ts' },
  ps: { 1: 'unreadable-projects.slow.ts' },
  instances: { 1: 'unreadable-projects.slow.ts' },
  gc: { 1: 'unreadable-projects.slow.ts' },
  'host list': { 0: 'hosts.slow.ts' },
};

/** Statuses that no test can bring about at will, and why. */
export const notShown: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  cancel: { 1: 'the system must refuse to end a process' },
};
