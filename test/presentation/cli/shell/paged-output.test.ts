import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { PagedOutput } from '../../../../src/presentation/cli/shell/paged-output.ts';

const folder = mkdtempSync(join(tmpdir(), 'maos-paged-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes to a terminal of ten rows of eighty columns. */
async function show(pieces: readonly string[], pager: string | null) {
  const out = join(folder, 'shown');
  rmSync(out, { force: true });
  const seen = { terminal: '', chosen: 0, lent: [] as string[], left: [] as Error[] };
  const page = new PagedOutput({
    stdout: {
      columns: 80,
      rows: 10,
      write(piece, done) {
        seen.terminal += String(piece);
        done?.();
        return true;
      },
    },
    env: { PATH: process.env.PATH, OUT: out },
    choose: async () => {
      seen.chosen += 1;
      return pager;
    },
    lendTerminal: () => {
      seen.lent.push('lent');
      return () => void seen.lent.push('taken back');
    },
    onLeft: (error) => seen.left.push(error),
  });
  for (const piece of pieces) await new Promise<void>((resolve) => page.write(piece, resolve));
  await page.end();
  return { ...seen, paged: () => readFileSync(out, 'utf8') };
}

const nine = Array.from({ length: 9 }, (_, index) => `line ${index}\n`);
const into = 'cat >"$OUT"';

describe('paged output', () => {
  it('is written to the terminal if it leaves a row for the prompt', async () => {
    const { terminal, chosen } = await show(nine, into);
    assert.equal(terminal, nine.join(''));
    assert.equal(chosen, 0, 'no pager is looked for');
  });

  it('goes to the pager from its first line if it is longer, with the options that git gives it', async () => {
    const { terminal, lent, left, paged } = await show([...nine, 'line 9\n', 'line 10\n'], into);
    assert.equal(terminal, '');
    assert.equal(paged(), `${nine.join('')}line 9\nline 10\n`);
    assert.deepEqual(lent, ['lent', 'taken back']);
    assert.deepEqual(left, []);
    const { paged: told } = await show(
      [...nine, 'ten\n'],
      'printf "%s %s" "$LESS" "$LV" >"$OUT"; cat >/dev/null',
    );
    assert.equal(told(), 'FRX -c');
  });

  it('counts the rows that long lines take, and nothing for colours', async () => {
    assert.equal((await show(['x'.repeat(80 * 9)], into)).chosen, 0);
    assert.equal((await show(['x'.repeat(80 * 9 + 1)], into)).chosen, 1);
    assert.equal((await show([`\u001b[31m${'x'.repeat(80 * 9)}\u001b[39m\n`], into)).chosen, 0);
  });

  it('is written to the terminal if there is no pager, or no such program', async () => {
    const long = [...nine, 'line 9\n', 'x'.repeat(500_000), '\nend\n'];
    for (const pager of [null, 'no-such-pager 2>/dev/null', './not-executable 2>/dev/null']) {
      const { terminal, left } = await show(long, pager);
      assert.equal(terminal, long.join(''), String(pager));
      assert.deepEqual(left, []);
    }
  });

  it('is not written anywhere when the user has left the pager, and the command is told', async () => {
    const large = Array.from({ length: 50 }, () => `${'x'.repeat(99_999)}\n`);
    for (const pager of ['true', 'head -c 2000000 >"$OUT"']) {
      const { terminal, left, lent } = await show(large, pager);
      assert.equal(terminal, '');
      assert.deepEqual(
        left.map((error) => (error as NodeJS.ErrnoException).code),
        ['EPIPE'],
      );
      assert.deepEqual(lent, ['lent', 'taken back']);
    }
  });
});
