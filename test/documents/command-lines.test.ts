import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MaosError } from '../../src/domain/errors.ts';
import { commandGroups, parseCall } from '../../src/presentation/cli/program.ts';
import { Terminal } from '../../src/presentation/cli/shell/terminal.ts';
import { documentedCommands, maosCalls, pages, shellLines } from '../helpers/documents.ts';

const commands = [...pages()].flatMap(([page, text]) => documentedCommands(page, text));
/** Lines that only call maos, which the tests of documented commands call. */
const maosOnly = /^\S+: (?:[A-Za-z_]+="?[^;]*\$\()?(?:npx )?maos /;

/** Lines that are not tried as they are, and why. */
const others: readonly (readonly [RegExp, reason: string])[] = [
  [/: (npm ci( && npm (run demo|test))?|npm test)$/, 'CI does it before any test'],
  [/: git clone /, 'it is for a fork'],
  [/: npm ci && npm install --global |: npm uninstall /, 'test/packaging/smoke.ts installs the package'],
  [/: rm -r ~/, 'it removes what the user has'],
  [/^docs\/http\.md: .*\bcurl /, 'test/e2e/documented-actions.slow.ts sends it'],
  [/: claude mcp /, 'test/clients/http-claude.clients.ts does it with a real Claude Code'],
  [/^docs\/acp\.md: /, 'test/clients/acp.clients.ts and test/e2e/acp-durability.test.ts send such requests'],
  [/: ssh -N |https:\/\/NAME/, 'it needs another machine'],
  [/^docs\/notifications\.md: (#!\/bin\/sh|exec notify-send)/, 'it is a script, for a desktop'],
];

const names = commandGroups.flatMap(([, group]) =>
  group.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
);

/** The reason why maos refuses the words, or null. */
async function refusal(words: readonly string[]): Promise<string | null> {
  const terminal = new Terminal({
    stdout: { write: () => true },
    stderr: { write: () => true },
    env: {},
    noColor: true,
  });
  try {
    await parseCall(words, terminal, () => '1.2.3');
    return null;
  } catch (error) {
    assert.ok(error instanceof MaosError, String(error));
    return error.message;
  }
}

describe('the command lines of the documents', () => {
  it('are found in shell lines', () => {
    assert.deepEqual(maosCalls(`maos run 'a b' -x "c=echo \\"d\\"" >f 2>&1 && npx maos land # maos no`), [
      ['run', 'a b', '-x', 'c=echo "d"'],
      ['land'],
    ]);
    assert.deepEqual(maosCalls('claude --header "Bearer $(maos token)" | maos logs -f'), [
      ['token'],
      ['logs', '-f'],
    ]);
    assert.deepEqual(maosCalls('port=$(maos ask "Which?" --choice 1)'), [['ask', 'Which?', '--choice', '1']]);
    assert.ok(commands.length > 200);
  });

  it('are refused when they are wrong', async () => {
    assert.match(String(await refusal(['status', '--wach'])), /--wach/);
    assert.match(String(await refusal(['stauts'])), /stauts/);
  });

  it('exist with these options and arguments', async () => {
    const wrong: string[] = [];
    for (const { page, words, inBlock } of commands) {
      // Between backquotes, a command's name alone stands for the command.
      const [name = ''] = words;
      const isName = !inBlock && words.length === 1 && names.includes(name);
      const complete = words.filter((word) => word !== '…');
      const why = isName ? null : await refusal(complete);
      // The text may leave out arguments with '…'.
      if (why === null || (complete.length < words.length && /missing/i.test(why))) continue;
      wrong.push(`${page}: maos ${words.join(' ')}: ${why}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('leave no other line of the shell that nothing tries', () => {
    const untried = [...pages().keys()]
      .flatMap((page) => shellLines(page).map((line) => `${page}: ${line}`))
      .filter((line) => !maosOnly.test(line) && !others.some(([pattern]) => pattern.test(line)));
    assert.deepEqual(untried, []);
    const lines = [...pages().keys()].flatMap((page) => shellLines(page).map((line) => `${page}: ${line}`));
    const unused = others.filter(([pattern]) => !lines.some((line) => pattern.test(line)));
    assert.deepEqual(unused, []);
  });
});
