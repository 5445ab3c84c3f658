import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandGroups } from '../../src/presentation/cli/program.ts';
import { makeRepository } from '../helpers/git-project.ts';
import { maosWindow, type TmuxWindow, withoutTmux } from '../helpers/tmux.ts';
import { until } from '../helpers/waiting.ts';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';
import { type ShownCommand, shownCommands, shownElsewhere } from './screens/shown-commands.ts';

// Lines break where paths end, so the project's path has the same length wherever the tests run.
process.env.TMPDIR = '/tmp';

const sizes = {
  '80x24': { columns: 80, rows: 24 },
  '200x50': { columns: 200, rows: 50 },
  '40x12': { columns: 40, rows: 12 },
} as const;

/** With UPDATE_SCREENS=1, the files are written anew: look at the difference. */
const updates = process.env.UPDATE_SCREENS === '1';

/** Before each command in the files. */
const mark = '━━━ ';

/** The commands that people see, with the actions of those that have some. */
function commandTree(): readonly string[] {
  return commandGroups
    .flatMap(([, commands]) => commands)
    .filter(({ hidden }) => hidden !== true)
    .flatMap(({ name, arguments: [first] }) => {
      const actions = first?.choices ?? [];
      return actions.length === 0 ? [name] : actions.map((action) => `${name} ${action}`);
    });
}

it('every command and action is shown in a terminal', () => {
  const shown = new Set([...shownCommands.map(({ of }) => of), ...Object.keys(shownElsewhere)]);
  assert.deepEqual(
    commandTree().filter((of) => !shown.has(of)),
    [],
  );
});

/** A project of its own for each size, because commands change it. */
class Stage {
  readonly maos: MaosFolder;
  readonly ids: Record<string, string> = {};

  constructor(maos: MaosFolder) {
    this.maos = maos;
  }

  get env(): NodeJS.ProcessEnv {
    const { project } = this.maos;
    const path = [join(project, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
    return { ...this.maos.env, HOME: project, PATH: path, MAOS_PAGER: 'cat', TZ: 'UTC' };
  }

  static async make(): Promise<Stage> {
    const stage = new Stage(await MaosFolder.make());
    const { project } = stage.maos;
    makeRepository(project, {
      'README.md': '# Shop\n',
      '.gitignore': '*\n!README.md\n!shop.js\n!notes.md\n',
    });
    mkdirSync(join(project, 'bin'));
    symlinkSync(bundle, join(project, 'bin/maos'));
    for (const [name, text] of Object.entries(plans())) writeFileSync(join(project, name), text);
    await stage.#run('LANDABLE', 'landable.json');
    await stage.#run('FAILED', 'failed.json');
    await stage.#run('RUNNING', 'running.json', '--detach');
    await until(async () => {
      const { requests } = await stage.#json<{ requests: unknown[] }>('requests');
      const { messages } = await stage.#json<{ messages: unknown[] }>('message', 'list');
      return requests.length === 1 && messages.length === 1;
    });
    return stage;
  }

  #maos(...words: readonly string[]) {
    return this.maos.start(words, { env: this.env }).finished;
  }

  async #run(name: string, ...words: readonly string[]): Promise<void> {
    const { stdout, stderr } = await this.#maos('run', ...words, '--json');
    const [, id] = /"session_id":\s*"(sess_\w+)"/.exec(stdout) ?? [];
    this.ids[name] = id ?? assert.fail(stderr);
  }

  /** What stands for the ids of now, and for their ends. */
  async names(): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    const add = (id: string, name: string): void => {
      names.set(id, `${id.split('_')[0]}_${name.padEnd(id.length - 5, '0')}`);
      names.set(id.slice(-6), name.padEnd(6, '0').slice(0, 6));
    };
    const own = new Map(Object.entries(this.ids).map(([name, id]) => [id, name]));
    const { sessions } = await this.#json<{ sessions: { session_id: string }[] }>('list');
    for (const { session_id: id } of sessions) {
      add(id, own.get(id) ?? 'OTHER');
      const { agents } = await this.#json<{ agents: { agent_id: string; name: string }[] }>('status', id);
      for (const { agent_id: agent, name } of agents)
        names.set(agent.slice(-6), name.padEnd(6, '0').slice(0, 6));
    }
    const { requests } = await this.#json<{ requests: { request_id: string }[] }>('requests', '--closed');
    for (const { request_id: id } of requests) add(id, 'QUESTION');
    return names;
  }

  async #json<T>(...words: readonly string[]): Promise<T> {
    return JSON.parse((await this.#maos(...words, '--json')).stdout) as T;
  }

  remove(): Promise<void> {
    return this.maos.remove();
  }
}

function plans(): Readonly<Record<string, string>> {
  const long = 'another page with a long name that a narrow terminal cannot show in a line';
  const plan = (objective: string, agents: readonly Record<string, unknown>[]): string =>
    JSON.stringify({ objective, agents }, null, 2);
  const worktree = 'worktree';
  const ask = "maos ask 'Which colour should the door of the shop have?' --choice red --choice blue";
  const say = "maos message send user 'I begin with the door.'";
  const reports = "maos report 'Half of the shelves stand' --progress 50";
  return {
    'landable.json': plan('Write the shop and its release notes', [
      {
        ...{ name: 'shop', role: 'engineer', task: 'Write the shop', workspace: worktree },
        ...{ command: "echo 'export const open = true;' >shop.js", verify: 'test -e shop.js' },
      },
      {
        ...{ name: 'notes', role: 'documenter', task: 'Write the release notes', workspace: worktree },
        command: "echo '# Notes' >notes.md; echo Wrote the notes of the release for all who run a shop",
      },
    ]),
    'failed.json': plan('Check every page of the shop in three browsers and say which need another look', [
      {
        ...{ name: 'writer', role: 'documenter', task: 'Write the list of pages' },
        command: `echo one page; echo ${long}; echo 12 pages >"$MAOS_RESULTS/pages.txt"`,
      },
      {
        ...{ name: 'browser-check', role: 'tester', task: 'Open every page in three browsers' },
        ...{ command: 'echo cannot open the display >&2; exit 3', depends_on: ['writer'] },
      },
      {
        ...{ name: 'summary', role: 'reviewer', task: 'Say which pages need another look' },
        ...{ command: 'true', depends_on: ['browser-check'] },
      },
    ]),
    'running.json': plan('Choose the colours of the shop', [
      {
        name: 'painter',
        role: 'engineer',
        task: 'Paint the shop',
        command: `${say}; ${ask}; exec sleep 600`,
      },
      { name: 'builder', role: 'engineer', task: 'Build the shelves', command: `${reports}; exec sleep 600` },
    ]),
    'good.json': plan('Build the shop', [
      { name: 'spec', role: 'architect', task: 'Write the contract', command: 'true' },
      { name: 'api', role: 'engineer', task: 'Build the API', command: 'true', depends_on: ['spec'] },
      { name: 'page', role: 'engineer', task: 'Build the page', command: 'true', depends_on: ['spec'] },
      { name: 'check', role: 'tester', task: 'Test both', command: 'npm test', depends_on: ['api', 'page'] },
    ]),
    'bad.json': plan('Build the shop', [
      { name: 'spec', role: 'architcet', task: 'Write the contract', command: 'true' },
      { name: 'api', role: 'engineer', taks: 'Build the API', command: 'true', depends_on: ['spce'] },
    ]),
  };
}

/** Without what differs from run to run; of the same length, where the length does not differ. */
function normalised(line: string, project: string, names: ReadonlyMap<string, string>): string {
  return [...names]
    .reduce((text, [id, name]) => text.replaceAll(id, name), line)
    .replaceAll(project, '/SHOP')
    .replaceAll(
      /\b(sess|agent|msg|req)_[0-9A-HJKMNP-TV-Z]{26}\b/g,
      (id) => `${id.split('_')[0]}_${'0'.repeat(26)}`,
    )
    .replaceAll(/\b\d\d:\d\d:\d\d\b/g, 'HH:MM:SS')
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIMESTAMP')
    .replaceAll(/ *\b(\d+h )?(\d+m )?\d+(\.\d+)?s\b| +TIME\b/g, ' TIME')
    .replaceAll(/\b([0-9a-f]{64}|[0-9a-f]{40})\b/g, (hash) => 'f'.repeat(hash.length))
    .replaceAll(/\b(?=[a-f]*\d)[0-9a-f]{7,39}(?=…|\b)/g, (hash) => 'f'.repeat(hash.length))
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replaceAll(/ *\b\d+(\.\d+)? (B|kB|MB)\b| +SIZE\b/g, ' SIZE')
    .replaceAll(/…[0-9A-Z]{4,25}(?=\/)/g, (end) => `…${'0'.repeat(end.length - 1)}`)
    .replaceAll(/^ *\d+(?= {2}HH)/g, '  SEQ')
    .replaceAll(/\b\d+ (records|files)\b/g, 'N $1')
    .replaceAll(/^[A-Za-z0-9_-]{43}$/g, 'T'.repeat(43));
}

/** What is left of control sequences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const residue = /\u001b|\\u00|\^\[|\[\d+m/;

/** A line as the terminal shows it; where it goes on, it has a mark. */
function wrapped(line: string, columns: number): string {
  return (line.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? ['']).join('\n↳ ');
}

/** The words that a terminal has broken, though they would have fitted a line of their own. */
function brokenWords(line: string, columns: number): readonly string[] {
  const broken: string[] = [];
  for (let at = columns; at < line.length; at += columns) {
    const word = `${/\S*$/.exec(line.slice(0, at))?.[0]}${/^\S*/.exec(line.slice(at))?.[0]}`;
    const isBroken = /\S/.test(line[at - 1] ?? ' ') && /\S/.test(line[at] ?? ' ');
    if (isBroken && word.length <= columns) broken.push(word);
  }
  return broken;
}

describe('the screens of every command in tmux', { skip: withoutTmux, concurrency: 3 }, () => {
  for (const [size, { columns, rows }] of Object.entries(sizes)) {
    describe(size, () => {
      let stage: Stage;
      before(async () => {
        stage = await Stage.make();
      });
      after(() => stage.remove());

      it('show whole words and nothing odd, and are as they are kept', async (t) => {
        const window = await maosWindow(t, stage.maos, { columns, rows }, { ...stage.env, ...stage.ids });
        // A line editor would draw the command line anew where it believes the prompt to be.
        await window.type('exec bash --norc --noprofile --noediting -i');
        const looked: (readonly [string, readonly string[]])[] = [];
        const faults: string[] = [];
        for (const command of shownCommands) {
          const { lines, status } = await show(window, command);
          const { status: wanted = 0 } = command;
          if (status !== wanted) faults.push(`${command.line} ended with status ${status}, not ${wanted}`);
          if (command.wraps === undefined) {
            const broken = lines.flatMap((line) => brokenWords(line, columns));
            if (broken.length > 0) faults.push(`${command.line} breaks the words: ${broken.join(', ')}`);
          }
          const odd = lines.find((line) => residue.test(line));
          if (odd !== undefined) faults.push(`${command.line} shows ${odd}`);
          if (command.isNotKept !== true) looked.push([command.line, lines]);
        }
        const names = await stage.names();
        const screens = looked.map(([line, lines]) => {
          const shown = lines.map((one) => wrapped(normalised(one, stage.maos.project, names), columns));
          const left = shown.join('\n').split('\n').length + 1 - rows;
          return [`${line}${left > 0 ? ` · ${left} lines scrolled out` : ''}`, ...shown, ''].join('\n');
        });
        const path = join(import.meta.dirname, 'screens', `${size}.txt`);
        if (updates) writeFileSync(path, screens.map((screen) => mark + screen).join(''));
        const kept = readFileSync(path, 'utf8').split(mark).slice(1);
        for (const [index, screen] of screens.entries()) {
          if (screen !== kept[index]) faults.push(`now:\n${screen}\nkept:\n${kept[index]}`);
        }
        assert.equal(faults.length, 0, faults.join('\n\n'));
      });
    });
  }

  /** What the command prints, without the command line and the prompt after it. */
  async function show(window: TmuxWindow, { line, keys }: ShownCommand) {
    await window.begin();
    await window.type(line);
    let before: readonly string[] = [];
    if (keys !== undefined) {
      const [text, ...names] = keys;
      await window.waitFor(text);
      before = await window.printed();
      await window.keys(...names);
    }
    await window.waitFor(/^(\^C)?\d+\$ *$/m);
    const after = await window.printed();
    const printed = before.length > after.length ? before : after.slice(0, -1);
    return { lines: printed.slice(1), status: Number(after.at(-1)?.replace('^C', '').split('$')[0]) };
  }
});
