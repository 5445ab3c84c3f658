import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type Command,
  compilePattern,
  isCommandAllowed,
  maxMatchedLength,
  patternFor,
} from '../../src/domain/command-permission.ts';
import { type Marked, markUnquoted } from '../../src/domain/shell-words.ts';
import { countBarred, matchesParts, splitAtStars } from '../../src/domain/star-match.ts';
import { fc } from '../helpers/properties.ts';

function isAllowed(pattern: string, command: Command): boolean {
  return isCommandAllowed([compilePattern(pattern)], command);
}

describe('a command and a pattern that may allow it', () => {
  const long = 'x'.repeat(maxMatchedLength);
  const cases: [pattern: string, command: Command, granted: boolean][] = [
    ['npm test', 'npm test', true],
    ['npm test', 'npm test ', false],
    ['npm test', 'npm tests', false],
    ['npm test', 'xnpm test', false],
    ['a.c', 'abc', false],
    ['[ab]+', 'a', false],
    ['npm run *', 'npm run lint', true],
    ['npm run *', 'npm run lint -- --fix "src dir"', true],
    ['npm run *', 'npm run', false],
    ['npm test *', 'npm test a=b,c:d @e/f ~ 100%', true],
    ['git log *', 'git log "*.ts"', true],
    // The user's own pattern contains the operator.
    ['npm ci && npm test', 'npm ci && npm test', true],
    ['npm ci && npm *', 'npm ci && npm test', true],
    ['npm ci && npm *', 'npm ci && npm test && rm x', false],
    ['npm test * > out.txt', 'npm test a b > out.txt', true],
    ['npm test > out-*.txt', 'npm test > out-1.txt', true],
    // Nothing in place of `*` would make the next word the file.
    ['npm test > * package.json', 'npm test >  package.json', false],
    ['npm test > *', 'npm test > out.txt', false],
    ['CI=1 npm test *', 'CI=1 npm test a', true],
    ['echo * tests * pass', 'echo 12 tests did pass', true],
    ['a *x*x', 'a x', false],
    ['a *x*x', 'a xx', true],
    // `*` never matches the program's name.
    ['* test', 'yarn test', false],
    ['npm* test', 'npm-evil test', false],
    ['npm ci && *', 'npm ci && npm test', false],
    ['CI=* npm test', 'CI=1 rm -rf npm test', false],
    ['> * npm test', '> x rm npm test', false],
    ['if true; then *; fi', 'if true; then id; fi', false],
    ['! *', '! id', false],
    // The line equals the pattern literally.
    ['* test', '* test', true],
    ['*', 'npm test', true],
    ['*', 'npm test; id', false],
    ['*', ['/bin/sh', '-c', 'id; id'], true],
    // A quote matched by `*` would turn quoted text of the pattern into a command.
    ["echo * 'a; id' *", "echo ' 'a; id' '", false],
    ['echo * "a; id" *', 'echo " "a; id" "', false],
    [`echo * "'; id; '" *`, `echo ' "'; id; '" '`, false],
    ["echo * 'a; id'", "echo 'x y' 'a; id'", true],
    ["echo '*; id'", "echo '; id'", true],
    ["echo '*; id'", "echo '' x'; id'", true],
    ["echo '*; id'", "echo ''; id", false],
    ['npm test * --dry-run', 'npm test # --dry-run', false],
    ["it's *", "it's x", false],
    ["it's *", "it's *", true],
    ['echo \\* *', 'echo \\* x', false],
    ['cat <<E\n*\nE', 'cat <<E\nE\nE', false],
    [`echo ${long}`, `echo ${long}`, true],
    ['echo *', `echo ${long}`, false],

    ['npm test', ['npm', 'test'], true],
    ['npm test', ['npm test'], false],
    ['npm test', ['npm', 'test', ''], false],
    ['npm run *', ['npm', 'run', 'lint'], true],
    ['npm run *', ['npm', 'run'], false],
    ['npm run *', ['npm', 'run', 'lint', '--fix'], false],
    ['npm run * *', ['npm', 'run', 'lint', '--fix'], true],
    ['npm run *', ['npm', 'run lint', ''], false],
    ['make *', ['make', 'all; rm -rf x'], true],
    ['make *', ['make', 'a\nb'], false],
    ['git log *', ['git log /../../../../bin/sh', '-c', 'id'], false],
    ['git log *', ['git log /../../../../bin/sh', 'log', 'id'], false],
    ['git log *', ['git', 'log', '-1'], true],
    ['git log *', ['/bin/git', 'log', '-1'], false],
    ['./build *', ['./build/../../bin/sh', 'x'], false],
    ['./build *', ['./x/../build', 'x'], false],
    ['./build *', ['build', 'x'], false],
    ['* test', ['yarn', 'test'], false],
    ['* test', ['*', 'test'], false],
    ['npm* test', ['npm-evil', 'test'], false],
    ["sh -c 'echo a b'", ['sh', '-c', 'echo a b'], true],
    ["sh -c 'echo a b'", ['sh', '-c', 'echo', 'a', 'b'], false],
    ['echo "a b" *', ['echo', 'a b', 'c'], true],
    ['npm ci && npm *', ['npm', 'ci', '&&', 'npm', 'x'], false],
    ['sh -c *', ['sh', '-c', long], true],
    ['sh -c *', ['sh', '-c', `${long}x`], false],
    ['echo $HOME *', ['echo', '$HOME', 'x'], false],
    ['   ', [''], false],
  ];
  for (const [pattern, command, granted] of cases) {
    const [shownPattern, shownCommand] = [pattern, command].map((value) =>
      JSON.stringify(value).slice(0, 80),
    );
    it(`${shownPattern} ${granted ? 'allows' : 'does not allow'} ${shownCommand}`, () => {
      assert.equal(isAllowed(pattern, command), granted);
    });
  }

  it('allows no second command through * in a line', () => {
    const tails = [
      '; id',
      '& id',
      '&& id',
      '| id',
      '|| id',
      '`id`',
      '$(id)',
      `\${x:-\`id\`}`,
      '$HOME',
      '> file',
    ];
    const more = [
      '>> file',
      '< file',
      '<(id)',
      '\nid',
      '\r\nid',
      '(id)',
      '\\\nid',
      '2>&1',
      '\\',
      '"$(id)"',
      "';'",
    ];
    for (const tail of [...tails, ...more]) {
      for (const command of [`npm test ${tail}`, `npm test${tail}`, `npm test x ${tail} y`]) {
        for (const pattern of ['npm test*', 'npm test *', 'npm test * *', '*']) {
          assert.equal(isAllowed(pattern, command), false, JSON.stringify([pattern, command]));
        }
      }
    }
  });

  it('names a pattern that allows the command', () => {
    const commands = fc.oneof(fc.string(), fc.array(fc.string(), { minLength: 1 }));
    fc.assert(
      fc.property(commands, (command) => {
        const words = typeof command === 'string' ? command : command.join('');
        fc.pre(typeof command === 'string' || !(command[0]?.includes('*') || words.includes('\n')));
        assert.ok(isAllowed(patternFor(command), command), patternFor(command));
      }),
    );
  });

  it('lets each word of an array stand for itself alone, whatever it holds', () => {
    const letters = fc.string({ unit: fc.constantFrom(...`ab *'";.\\/\n`), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1, maxLength: 4 }), (array) => {
        const isOneOf = (word: string | undefined, text: RegExp): boolean => text.test(word ?? '');
        const [program, ...args] = array;
        const expected =
          program === 'a' && args.length === 2 && isOneOf(args[0], /^b[^\n]*$/) && args[1] === 'a b';
        assert.equal(isAllowed("a b* 'a b'", array), expected);
        assert.equal(
          isAllowed("a b* 'a b'", ['a', ...array]),
          array.length === 2 && isOneOf(array[0], /^b[^\n]*$/) && array[1] === 'a b',
        );
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the steps of matching', () => {
  /** Number of characters read from the texts. */
  function stepsOf(pattern: string, length: number): number {
    let steps = 0;
    const counted = (marked: Marked): Marked =>
      new Proxy(marked, {
        get(target, key) {
          if (typeof key === 'string' && /^\d+$/.test(key)) steps++;
          const value = Reflect.get(target, key, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    const text = counted(markUnquoted('a'.repeat(length)));
    const parts = splitAtStars(markUnquoted(pattern)).map(counted);
    assert.equal(
      matchesParts(
        parts,
        text,
        countBarred(text, () => false),
      ),
      false,
    );
    return steps;
  }

  it('are a few for each character, however many * there are and however alike the text is', () => {
    for (const pattern of [
      'a*a*a*ab',
      `a*${'a'.repeat(400)}b*`,
      `*${'aab*'.repeat(50)}`,
      `*${'a*'.repeat(40)}b*c`,
    ]) {
      for (const length of [1_000, 4_000, 16_000]) {
        assert.ok(stepsOf(pattern, length) <= 6 * (length + pattern.length), `${pattern} ${length}`);
      }
    }
  });

  it('agree with a slow and simple matcher', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', ';'), maxLength: 10 });
    const patterns = fc.string({ unit: fc.constantFrom('a', 'b', ';', '*'), maxLength: 8 });
    let matched = 0;
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const marked = markUnquoted(text);
        const barred = countBarred(marked, (mark) => mark === 59);
        const expected = new RegExp(`^${pattern.replaceAll('*', '[^;]*')}$`).test(text);
        if (expected) matched++;
        assert.equal(matchesParts(splitAtStars(markUnquoted(pattern)), marked, barred), expected);
      }),
      { numRuns: 20_000 },
    );
    assert.ok(matched > 500, `${matched} matched`);
  });
});

describe('an allowed line, run by /bin/sh', () => {
  const programs = ['ok', 'evil', 'a', 'x'];
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'maos-canaries-'));
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'work'));
    for (const name of programs) {
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\necho ${name} >> ../started\n`, { mode: 0o755 });
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** The canaries that a line starts, and the files that it creates. */
  function run(line: string): readonly string[] {
    writeFileSync(join(folder, 'started'), '');
    const cwd = join(folder, 'work');
    const env = { PATH: join(folder, 'bin') };
    spawnSync('/bin/sh', ['-c', 'eval "$1"; wait', 'sh', line], {
      cwd,
      env,
      stdio: 'ignore',
      timeout: 10_000,
    });
    const files = readdirSync(cwd);
    for (const file of files) rmSync(join(cwd, file));
    return [
      ...readFileSync(join(folder, 'started'), 'utf8').split('\n').slice(0, -1),
      ...files.map(() => 'a file'),
    ];
  }

  it('starts no program, and makes no file, that the pattern with a plain word in place of each * does not', () => {
    const own = [
      "* 'evil; a' *",
      '* "a; evil" *',
      ' ',
      ' ',
      ' *',
      '*',
      '* ',
      "'",
      '"',
      ' ok',
      ' a',
      ';',
      ' && ',
      ' | ',
      '&',
      " 'evil; a' ",
      ' "a; evil" ',
    ];
    const odd = ['X=', '>', '<', '#', ' then ', '!', '{ ', '}', '\n', '$', '\\', '`', '(', ')'];
    const hostile = [
      '',
      ' ',
      ' evil ',
      'evil',
      "'",
      '"',
      "' '",
      '" "',
      "' evil '",
      ';',
      '&',
      '|',
      '\n',
      '\r',
      '$(evil)',
      '`evil`',
    ];
    const others = [
      '>f',
      '<f',
      '#',
      '=',
      'X=1 ',
      '\\',
      '(evil)',
      '{',
      '}',
      '!',
      'a',
      '\t',
      '$IFS',
      '&&',
      '*',
      '?',
      '~',
      '\u2028',
    ];
    const weighted = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...own) }, fc.constantFrom(...odd));
    const patterns = fc
      .tuple(
        fc.oneof({ weight: 4, arbitrary: fc.constant('ok ') }, fc.constant('')),
        fc.array(weighted, { maxLength: 7 }),
      )
      .map(([program, pieces]) => program + pieces.join(''))
      .filter((pattern) => pattern.includes('*'));
    const stars = fc
      .array(fc.constantFrom(...hostile, ...others), { maxLength: 3 })
      .map((pieces) => pieces.join(''));
    let started = 0;
    let withQuotes = 0;
    let refused = 0;
    fc.assert(
      fc.property(patterns, fc.array(stars, { minLength: 8, maxLength: 8 }), (pattern, texts) => {
        let star = 0;
        const command = pattern.replaceAll('*', () => texts[star++] ?? '');
        fc.pre(pattern !== command && pattern !== '*');
        if (!isAllowed(pattern, command)) {
          refused++;
          return;
        }
        fc.pre(started < 400);
        const permitted = [...run(pattern.replaceAll('*', 'x'))];
        const seen = run(command);
        for (const name of seen) {
          const at = permitted.indexOf(name);
          assert.ok(at >= 0, `${JSON.stringify(pattern)} allowed ${JSON.stringify(command)}: ${seen}`);
          permitted.splice(at, 1);
        }
        if (seen.length > 0) started++;
        if (seen.length > 0 && texts.slice(0, star).some((text) => /['"]/.test(text))) withQuotes++;
      }),
      { numRuns: 6_000, maxSkipsPerRun: 1_000 },
    );
    assert.ok(started > 100 && withQuotes > 10 && refused > 1_000, `${started}, ${withQuotes}, ${refused}`);
  });
});
