import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type CommandCase,
  commandCases,
  notShown,
  shownElsewhere,
  withoutDocument,
} from '../helpers/command-cases.ts';
import { cliSchemas, documentsIn, oddKeys } from '../helpers/command-documents.ts';
import { commandLines, commandOf, commands, lineOf, statusesOf } from '../helpers/command-lines.ts';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { PreparedHome } from '../helpers/prepared-home.ts';
import type { Finished } from '../presentation/cli/maos-process.ts';

const all = commandCases.flat();

describe('the cases', () => {
  it('have every command line succeed, and show every exit status that the help of a command names', () => {
    const succeeds = (line: string) =>
      all.some(({ words, status = 0 }) => status === 0 && lineOf(words) === line) ||
      shownElsewhere[line]?.[0] !== undefined;
    const failing = commandLines.filter((line) => !succeeds(line));
    assert.deepEqual(failing, [], 'lines without success');
    for (const command of commands) {
      const own = all.filter(({ words }) => commandOf(words) === command);
      // Each is called with an unknown option, too.
      const seen = new Set([2, ...own.map(({ status = 0 }) => status)]);
      const left = statusesOf(command).filter((status) => !seen.has(status));
      const elsewhere = { ...shownElsewhere[command.name], ...notShown[command.name] };
      assert.deepEqual(left, Object.keys(elsewhere).map(Number), command.name);
    }
  });

  it('name tests that call the command', () => {
    for (const [name, files] of Object.entries(shownElsewhere)) {
      for (const file of Object.values(files)) {
        const test = readFileSync(join(import.meta.dirname, file), 'utf8');
        assert.match(test, new RegExp(`\\b${name}\\b`), file);
      }
    }
  });

  it('have a schema for every document', () => {
    const without = commandLines.filter((line) => cliSchemas.of(line.split(' ')) === null);
    assert.deepEqual(without.toSorted(), Object.keys(withoutDocument).toSorted());
  });
});

describe('every command', { concurrency: 3 }, () => {
  let home: PreparedHome;
  before(async () => {
    home = await PreparedHome.make();
  });
  after(() => home.maos.remove());

  const envOf = ({ asAgent, env }: CommandCase) => ({ ...(asAgent ? home.agentEnv : home.env), ...env });

  /** The second call of a case is in this process, where it takes a twentieth of the time, if its command can be. */
  function second(one: CommandCase, ...more: readonly string[]): Promise<Finished> {
    if (commandOf(one.words).ownsProcess) return start(one, ...more);
    return maosInProcess([...home.named(one.words), ...more], { env: envOf(one), cwd: home.maos.project });
  }

  async function start(one: CommandCase, ...more: readonly string[]): Promise<Finished> {
    const words = [...home.named(one.words), ...more];
    const { finished } = home.maos.start(words, { env: envOf(one) });
    if (one.answered !== undefined) await home.answerQuestion(one.words.slice(1).join(' '), one.answered);
    return finished;
  }

  /** In its own process as people call it, and with --json. */
  async function assertFails(one: CommandCase, says: RegExp): Promise<void> {
    const plain = await start(one);
    const line = one.words.join(' ');
    const [, message] =
      /^maos: (.*(?:\n {2}.*)*)\n(?:Try 'maos help[ a-z_]*'\.\n)?$/.exec(plain.stderr) ?? [];
    assert.match(message ?? '', says, `${line}: ${plain.stderr}`);
    const json = await second(one, '--json');
    for (const { status, stdout } of [plain, json]) {
      assert.equal(status, one.status, line);
      if (one.alsoPrints === undefined) assert.equal(stdout, '', line);
    }
    if (one.alsoPrints !== undefined) assertDocuments(one, json.stdout);
    if (json.stderr === '' && one.alsoPrints !== undefined) return;
    const document = JSON.parse(json.stderr);
    assert.equal(cliSchemas.fault('error', document), null, line);
    assert.deepEqual(oddKeys(document), [], line);
    assert.match(document.error.message, says);
  }

  function assertDocuments({ words }: CommandCase, stdout: string): void {
    const name = cliSchemas.of(words);
    if (name === null) return;
    for (const document of documentsIn(stdout)) {
      assert.equal(cliSchemas.fault(name, document), null);
      assert.deepEqual(oddKeys(document), [], words.join(' '));
    }
  }

  /** With --json in its own process, and as people call it. */
  async function assertDone(one: CommandCase): Promise<void> {
    const { name } = commandOf(one.words);
    const json = await start(one, ...(name in withoutDocument ? [] : ['--json']));
    const plain = one.once ? null : await second(one);
    for (const { status, stderr } of plain === null ? [json] : [json, plain]) {
      assert.equal(status, one.status ?? 0, `${one.words.join(' ')}: ${stderr}`);
      assert.doesNotMatch(stderr, /^maos: |\n {4}at /m, one.words.join(' '));
    }
    assertDocuments(one, json.stdout);
  }

  for (const cases of commandCases) {
    it([...new Set(cases.map(({ words }) => lineOf(words)))].join(', '), async () => {
      for (const one of cases) await (one.says === undefined ? assertDone(one) : assertFails(one, one.says));
    });
  }

  for (const { name } of commands) {
    it(`${name}: refuses an option that it does not have`, () =>
      assertFails({ words: [name, '--bogus'], status: 2 }, /^Unknown option '--bogus'\.$/));
  }

  it('ask: says when its question is withdrawn', async () => {
    const { finished } = home.maos.start(['ask', 'Which colour?'], { env: home.agentEnv });
    await home.withdrawQuestion('Which colour?');
    const { status, stdout, stderr } = await finished;
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^No answer: the question req_\w{26} was withdrawn\.\n$/);
  });

  it('none: an unknown one is refused, and nothing gives help', async () => {
    const unknown = await home.maos.run('lst');
    assert.deepEqual([unknown.status, unknown.stdout], [2, '']);
    assert.match(unknown.stderr, /^maos: .*lst.*\n/);
  });
});
