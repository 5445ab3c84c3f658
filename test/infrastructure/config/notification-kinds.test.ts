import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { webhookAddress } from '../../../src/infrastructure/config/notification-kinds.ts';

describe('the address of a webhook', () => {
  it('is of a server, and names nothing on this machine', () => {
    for (const url of [
      'file:///etc/passwd',
      'FILE:/etc/passwd',
      'unix:/run/docker.sock',
      'data:,x',
      'javascript:1',
      'ftp://x/',
      ' https://x',
      'https://',
      '//x',
    ])
      assert.equal(webhookAddress.schema.safeParse(url).success, false, url);
    assert.equal(webhookAddress.schema.safeParse('https://example.org/hook').success, true);
  });
});
