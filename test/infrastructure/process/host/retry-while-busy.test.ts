import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryWhileBusy } from '../../../../src/infrastructure/process/host/retry-while-busy.ts';

test('a shortage of file descriptors is waited out', async () => {
  let left = 3;
  const result = await retryWhileBusy(async () => {
    if (left-- > 0) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    return 'read';
  });
  assert.equal(result, 'read');
});

test('any other failure is told at once', async () => {
  let calls = 0;
  const failing = retryWhileBusy(async () => {
    calls++;
    throw Object.assign(new Error('no permission'), { code: 'EACCES' });
  });
  await assert.rejects(failing, { code: 'EACCES' });
  assert.equal(calls, 1);
});
