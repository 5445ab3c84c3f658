import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import report, { notAllowed } from './skips.ts';

const skipped = [
  { file: 'test/a.test.ts', test: 'one', reason: 'too slow' },
  { file: 'test/a.test.ts', test: 'two', reason: '' },
]
  .map((skipped) => `${JSON.stringify(skipped)}\n`)
  .join('');
const entry = { file: 'test/a.test.ts', test: 'one', where: 'anywhere', why: 'A reason.' };

describe('skipped tests', () => {
  it('are named with their reason unless the list allows them', () => {
    const list = 'which test/tooling/allowed-skips.json does not allow here.';
    assert.deepEqual(notAllowed(skipped, '[]'), [
      `test/a.test.ts: "one" was skipped (too slow), ${list}`,
      `test/a.test.ts: "two" was skipped (no reason given), ${list}`,
    ]);
    assert.deepEqual(notAllowed(skipped, JSON.stringify([entry])), [
      `test/a.test.ts: "two" was skipped (no reason given), ${list}`,
    ]);
    assert.deepEqual(notAllowed('', '[]'), []);
  });

  it('are not allowed by an entry for elsewhere, or for another file', () => {
    for (const other of [
      { ...entry, where: 'nowhere' },
      { ...entry, file: 'test/b.test.ts' },
    ]) {
      assert.equal(notAllowed(skipped, JSON.stringify([other])).length, 2);
    }
  });

  it('of the list are there, each with a place that is known and a reason', () => {
    const allowed = JSON.parse(readFileSync(join(import.meta.dirname, 'allowed-skips.json'), 'utf8'));
    const places = ['anywhere', 'as root', 'without the rights of root on Linux', 'unless on Linux'];
    for (const { file, test, where, why } of allowed) {
      const path = join(import.meta.dirname, '../..', file);
      assert.ok(existsSync(path), file);
      const source = readFileSync(path, 'utf8');
      // A title may be composed of two parts.
      const isThere = Array.from(test as string).some(
        (_, at) => source.includes(test.slice(0, at)) && source.includes(test.slice(at)),
      );
      assert.ok(isThere, test);
      assert.ok(places.includes(where), where);
      assert.match(why, /\.$/, test);
    }
  });
});

describe('the reporter of skipped tests', () => {
  it('tells of those that ran nowhere', async () => {
    const file = join(process.cwd(), 'test/a.test.ts');
    const event = (name: string, skip?: string | boolean) =>
      ({ type: 'test:pass', data: { name, file, skip } }) as unknown as TestEvent;
    async function* events() {
      yield event('on one host', 'no processes here');
      yield event('nowhere', true);
      yield event('on one host');
      yield event('everywhere');
    }
    const lines: string[] = [];
    for await (const line of report(events())) lines.push(line);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [{ file: 'test/a.test.ts', test: 'nowhere', reason: '' }],
    );
  });
});
