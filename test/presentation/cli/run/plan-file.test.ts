import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { isMaosError } from '../../../../src/domain/errors.ts';
import { findJsonError } from '../../../../src/infrastructure/config/json-position.ts';
import { readPlanFile } from '../../../../src/presentation/cli/run/plan-file.ts';
import { requestOf } from '../../../../src/presentation/contracts/plan-input.ts';

const plan = { objective: 'Ship it.', agents: [{ role: 'qa', task: 'Test.' }] };

describe('a plan from a file', () => {
  let cwd = '';
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'maos-plan-'));
  });
  after(() => rm(cwd, { recursive: true }));

  const read = (word: string, stdin: NodeJS.ReadableStream = Readable.from([])) =>
    readPlanFile(word, { cwd, stdin, findJsonError });
  const refused = (word: string, message: RegExp, stdin?: NodeJS.ReadableStream) =>
    assert.rejects(read(word, stdin), (error) => {
      assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
      assert.match(error.message, message);
      return true;
    });

  it('is read relative to the current folder, with a byte order mark too', async () => {
    await writeFile(join(cwd, 'plan.json'), `\ufeff${JSON.stringify(plan)}`);
    assert.deepEqual(await read('plan.json'), requestOf(plan));
  });

  it('may come from stdin, in pieces', async () => {
    const text = Buffer.from(JSON.stringify({ ...plan, objective: 'größer' }));
    const pieces = [...text].map((byte) => Buffer.from([byte]));
    assert.deepEqual(await read('-', Readable.from(pieces)), requestOf({ ...plan, objective: 'größer' }));
  });

  it('must exist', () => refused('none.json', /^The plan "none\.json" does not exist/));

  it('must be a file', async () => {
    await mkdir(join(cwd, 'folder.json'));
    await refused('folder.json', /is a folder/);
  });

  it('must be readable', { skip: process.getuid?.() === 0 && 'root reads everything' }, async () => {
    await writeFile(join(cwd, 'closed.json'), '{}');
    await chmod(join(cwd, 'closed.json'), 0o000);
    await refused('closed.json', /may not be read by this user/);
  });

  it('is told by line and column where it is not JSON', async () => {
    await writeFile(join(cwd, 'bad.json'), '{\n  "objective": x\n}');
    await refused('bad.json', /line 2, column 16/);
    await refused('-', /The plan on stdin is not JSON: line 1, column 2/, Readable.from(['{']));
  });

  it('is told when it is empty', () => refused('-', /stdin is empty/, Readable.from(['\n'])));

  it('is told every wrong place', async () => {
    await writeFile(join(cwd, 'wrong.json'), JSON.stringify({ agents: [{ role: 'qa', job: 'x' }] }));
    await refused(
      'wrong.json',
      /"wrong\.json": objective .*agents\[0\]\.task .*agents\[0\] has an unknown key "job"/s,
    );
  });

  it('has a limit', () => {
    const big = Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(1024 * 1024, ' ')));
    return refused('-', /larger than 8 MiB/, big);
  });
});
