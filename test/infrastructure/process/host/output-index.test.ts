import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  makeOutputIndex,
  readOutputIndex,
} from '../../../../src/infrastructure/process/host/output-index.ts';

describe('the index of an output', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'maos-output-index-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const print = (stream: 'stdout' | 'stderr', text: string) =>
    appendFileSync(join(folder, `${stream}.log`), text);
  const marks = async () =>
    (await readOutputIndex(folder, 0)).marks.map(({ stream, end }) => `${stream} ${end}`);

  it('says in which order the streams grew, beginning where the attempt did', async () => {
    const index = makeOutputIndex(folder, { stdout: 4, stderr: 0 });
    print('stdout', 'old\n');
    index.note('stdout');
    assert.deepEqual(await marks(), [], 'nothing has grown');
    print('stderr', 'err\n');
    print('stdout', 'out\n');
    index.note('stderr');
    index.note('stdout');
    index.close();
    assert.deepEqual(await marks(), ['stderr 4', 'stdout 8']);
    index.note('stdout');
  });

  it('keeps nothing of an agent that printed nothing', () => {
    makeOutputIndex(folder, { stdout: 0, stderr: 0 }).close();
    assert.equal(existsSync(join(folder, 'output.idx')), false);
  });

  it('is read on from where it was left, without lines that are torn or not its own', async () => {
    const first = makeOutputIndex(folder, { stdout: 0, stderr: 0 });
    print('stdout', 'a');
    first.close();
    const { marks: begun, next } = await readOutputIndex(folder, 0);
    assert.deepEqual([begun.length, next], [1, readFileSync(join(folder, 'output.idx')).length]);
    assert.deepEqual(await readOutputIndex(folder, next), { marks: [], next });
    appendFileSync(join(folder, 'output.idx'), 'torn 12\n1764200000000 o 1217642');
    assert.deepEqual((await readOutputIndex(folder, next)).marks, []);
    appendFileSync(join(folder, 'output.idx'), '1764200000001 e 4\n1764200000002 e 5\n');
    assert.deepEqual((await readOutputIndex(folder, next)).marks, [
      { at: 1_764_200_000_002, stream: 'stderr', end: 5 },
    ]);
  });

  it('is no condition for anything: where it cannot be written, nothing is noted', () => {
    const index = makeOutputIndex(join(folder, 'missing'), { stdout: 0, stderr: 0 });
    index.note('stdout');
    index.close();
  });
});
