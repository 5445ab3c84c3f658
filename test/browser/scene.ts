import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/waiting.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';

const fakeClaude = fileURLToPath(new URL('../fixtures/programs/fake-claude.mjs', import.meta.url));

/** Sessions that show all that a view can show. */
export interface Scene {
  /** Works: an agent has completed, one asks, one is pending. */
  readonly working: string;
  /** Completed and landed; an agent passed its check in the second round. */
  readonly landed: string;
  readonly failed: string;
}

/** The same teams each time, with real processes. Programs stand for the models. */
export async function playScene(folder: MaosFolder): Promise<Scene> {
  makeProject(folder);
  await folder.run('run', 'land.json');
  const [landed] = await sessionsOf(folder, 'Add the formats');
  await folder.run('wait', landed as string);
  await folder.run('run', 'fail.json');
  const [failed] = await sessionsOf(folder, 'Measure');
  await folder.run('run', 'work.json', '--detach');
  const [working] = await sessionsOf(folder, 'Let reports');
  const asked = (name: string) => until(() => existsSync(join(folder.project, `${name}.asked`)));
  await asked('planner');
  await folder.run('approve', await requestOf(folder));
  await asked('linter');
  await requestOf(folder);
  await folder.run('message', 'send', working as string, 'linter', 'Leave the old flags alone, please.');
  return { working: working as string, landed: landed as string, failed: failed as string };
}

async function sessionsOf(folder: MaosFolder, objective: string): Promise<readonly string[]> {
  const { sessions } = await folder.json<{ sessions: { session_id: string; objective: string }[] }>('list');
  return sessions.filter((each) => each.objective.startsWith(objective)).map((each) => each.session_id);
}

/** The open request, once it is stored. */
async function requestOf(folder: MaosFolder): Promise<string> {
  let id: string | undefined;
  await until(async () => {
    const { requests } = await folder.json<{ requests: { request_id: string }[] }>('requests');
    id = requests[0]?.request_id;
    return id !== undefined;
  });
  return id as string;
}

function makeProject({ home, project }: MaosFolder): void {
  const program = join(home, 'programs/claude');
  const files: Record<string, string> = {
    [program]: `#!/bin/sh\n[ "$1" = --version ] && { echo '2.1.332 (Claude Code)'; exit; }\nexec '${process.execPath}' '${fakeClaude}' "$@"\n`,
    [join(home, 'config.json')]: JSON.stringify({
      allowCommands: ['*'],
      backends: { claude: { path: program } },
    }),
    'README.md': '# Reports\n\nPrints reports of the stock.\n',
    'src/report.sh': '# Prints the stock as a table.\nprintf "apples  3\\npears   5\\n"\n',
    'team/json.sh': `if grep -q 'not valid JSON'; then
  printf '# Prints the stock as JSON.\\nprintf %%s "{\\\\"apples\\\\":3,\\\\"pears\\\\":5}"\\n' >src/json.sh
  echo 'Mended the quotes: the output is valid JSON now.'
else
  printf '# Prints the stock as JSON.\\nprintf %%s "{apples:3,pears:5}"\\n' >src/json.sh
  echo 'Wrote src/json.sh.'
fi
`,
    'team/check-json.sh': `sh src/json.sh | '${process.execPath}' -e 'JSON.parse(require("fs").readFileSync(0, "utf8"))' 2>/dev/null && exit
echo 'src/json.sh: the output is not valid JSON' >&2
exit 1
`,
    'team/csv.sh': `printf '# Prints the stock as CSV.\\nprintf "apples,3\\\\npears,5\\\\n"\\n' >src/csv.sh
printf '# Reports\\n\\nPrints reports of the stock, as a table, JSON or CSV.\\n' >README.md
printf '\\033[32m✔\\033[0m Wrote \\033[1msrc/csv.sh\\033[0m and README.md.\\n'
`,
    'team/measure.sh': 'echo "No space for the profile: 12 MB needed." >&2\nexit 3\n',
    'land.json': JSON.stringify({
      objective: 'Add the formats JSON and CSV to the reports; land only what passes its check.',
      land: 'auto',
      agents: [
        worker('json', 'Write src/json.sh, which prints the stock as JSON.', 'sh team/check-json.sh'),
        worker(
          'csv',
          'Write src/csv.sh, and name the formats in README.md.',
          'sh src/csv.sh | grep -q "pears,5"',
        ),
      ],
    }),
    'fail.json': JSON.stringify({
      objective: 'Measure the reports before and after.',
      agents: [
        {
          name: 'before',
          role: 'tester',
          task: 'Measure the old reports.',
          command: ['sh', 'team/measure.sh'],
        },
        {
          name: 'after',
          role: 'tester',
          task: 'Measure the new ones.',
          command: ['true'],
          depends_on: ['before'],
        },
      ],
    }),
    'work.json': JSON.stringify({
      objective: 'Let reports be filtered by date, in every format.',
      budget: { max_cost_usd: 5, max_tokens: 400_000, max_minutes: 60 },
      agents: [
        {
          ...{ name: 'planner', role: 'solution_architect', backend: 'claude' },
          task: 'Decide how a date is given, and what a report without dates does.\n\nplay planner',
        },
        {
          ...{ name: 'linter', role: 'backend_engineer', backend: 'claude', depends_on: ['planner'] },
          task: 'Write the filter, and run the linter on it.\n\nplay linter',
        },
        {
          ...{ name: 'documenter', role: 'documenter', depends_on: ['planner'] },
          task: 'Describe the filter in README.md.',
          command: ['sh', '-c', 'echo "Reading src/report.sh"; exec sleep 600'],
        },
        {
          ...{ name: 'reviewer', role: 'reviewer', backend: 'claude', depends_on: ['linter', 'documenter'] },
          task: 'Review the filter and what is said about it.\n\nplay planner',
        },
      ],
    }),
    'planner.play.json': JSON.stringify([planner]),
    'linter.play.json': JSON.stringify([linter]),
  };
  for (const [name, content] of Object.entries(files)) {
    const file = name.startsWith('/') ? name : join(project, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, content, { mode: 0o600 });
  }
  chmodSync(program, 0o700);
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', project, ...args], { stdio: 'ignore' });
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Ada');
  git('config', 'user.email', 'ada@example.org');
  git('add', 'README.md', 'src', 'team');
  git('commit', '--quiet', '--message', 'Print the stock');
}

function worker(name: string, task: string, check: string): object {
  const program = { command: ['sh', `team/${name}.sh`], workspace: 'worktree' };
  return { name, role: 'backend_engineer', task, ...program, verify: { commands: [check] } };
}

let turns = 0;

function says(inputTokens: number, ...content: readonly object[]): object {
  turns += 1;
  const usage = { input_tokens: inputTokens, output_tokens: 420 };
  const message = { id: `msg_${turns}`, model: 'claude-sonnet-5', usage, content };
  return { line: { type: 'assistant', message } };
}

const said = (text: string) => ({ type: 'text', text });
const used = (id: string, name: string, input: object) => ({ type: 'tool_use', id, name, input });
const got = (tool_use_id: string, content: string) => ({
  line: { type: 'user', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id, content }] } },
});

const decision = `## How a date is given

Reports take \`--since\` and \`--until\`, each a day such as \`2026-11-28\`.

| given | the report shows |
|---|---|
| neither | everything, as before |
| \`--since\` | from that day on, **with** it |
| both | the days between, both included |

1. Read the options in one place, \`src/options.sh\`.
2. Pass the days on; each format filters by itself.
`;

const planner = [
  says(
    18_400,
    said('I read how reports are printed now.'),
    used('a', 'Read', { file_path: 'src/report.sh' }),
  ),
  got('a', '# Prints the stock as a table.\nprintf "apples  3\\npears   5\\n"'),
  says(21_900, said('Who uses them?'), used('b', 'Bash', { command: 'grep -rn report.sh . --include=*.md' })),
  got('b', './README.md:3:Prints reports of the stock.'),
  says(24_300, said(decision)),
  { ask: { tool: 'Bash', input: { command: 'sh src/report.sh --since 2026-11-28', description: 'Try it' } } },
  {
    line: {
      ...{ type: 'result', subtype: 'success', is_error: false, result: decision, num_turns: 3 },
      ...{
        total_cost_usd: 0.38,
        modelUsage: { 'claude-sonnet-5': { inputTokens: 64_600, outputTokens: 1_260 } },
      },
    },
  },
];

const linter = [
  says(
    31_200,
    said('The options first, then the filter.'),
    used('c', 'Write', { file_path: 'src/options.sh', content: 'since= until=\n' }),
  ),
  got('c', 'Wrote 1 line to src/options.sh.'),
  {
    ask: {
      tool: 'Bash',
      input: { command: 'npx shellcheck src/*.sh', description: 'Lint the shell programs' },
    },
  },
];
