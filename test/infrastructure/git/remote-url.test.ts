import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isBelow, isRemoteUrl, withoutSecrets } from '../../../src/infrastructure/git/remote-url.ts';

describe('the address of a remote repository', () => {
  for (const [given, told] of [
    ['https://github.com/acme/x.git', 'https://github.com/acme/x.git'],
    ['https://ann:ghp_secret@github.com/acme/x.git', 'https://github.com/acme/x.git'],
    ['https://ghp_secret@github.com/acme/x', 'https://github.com/acme/x'],
    ['https://git.acme.org:8443/x', 'https://git.acme.org:8443/x'],
    ['ssh://git@github.com:22/acme/x.git', 'ssh://git@github.com:22/acme/x.git'],
    ['ssh://git:secret@github.com/acme/x.git', 'ssh://git@github.com/acme/x.git'],
    ['git@github.com:acme/x.git', 'git@github.com:acme/x.git'],
    ['git://127.0.0.1:9418/x', 'git://127.0.0.1:9418/x'],
  ] as const) {
    it(`is told as ${told} if it is ${given}`, () => assert.equal(withoutSecrets(given), told));
  }

  for (const given of [
    '/srv/x.git',
    '../x.git',
    'file:///srv/x.git',
    'http://github.com/acme/x.git',
    'ext::sh -c true',
    'fd::3',
    '-oProxyCommand=touch x',
    'ssh://-oProxyCommand=touch/x',
    '-x@github.com:acme',
    'git@-oProxyCommand:x',
    'git@github.com:-x/../y',
    'https://github.com/acme/../evil/x.git',
    'https://github.com/acme/./x',
    'https://github.com/..',
    'https://github.com/%2e%2e/x',
    'https://github.com/x?token=secret',
    'https://github.com/x#y',
    'https://github.com\\evil/x',
    'https://a@b@github.com/x',
    'https://github.com/x\nhttps://evil',
    'https://github.com/x y',
    'ssh://git:a@b:c@github.com/x',
    'github.com:acme/x.git',
    `https://github.com/${'x'.repeat(600)}`,
  ]) {
    it(`is not told if it is ${JSON.stringify(given).slice(0, 60)}`, () => {
      assert.equal(withoutSecrets(given), null);
      assert.equal(isRemoteUrl(given), false);
    });
  }

  it('is allowed by its beginning, up to the end of a part of it', () => {
    const url = 'https://github.com/acme/x.git';
    for (const beginning of [
      url,
      'https://github.com/acme',
      'https://github.com/acme/',
      'https://github.com',
    ])
      assert.equal(isBelow(url, ['ssh://other', beginning]), true, beginning);
    for (const beginning of ['https://github.co', 'https://github.com/ac', 'https://', 'github.com', ''])
      assert.equal(
        isBelow('https://github.community/acme-evil/x', [beginning]),
        beginning === 'https://',
        beginning,
      );
    assert.equal(isBelow(url, []), false);
    assert.equal(isBelow('git@github.com:acme/x', ['git@github.com:']), true);
    assert.equal(isBelow('git@github.com.evil.org:acme/x', ['git@github.com:', 'git@github.com']), false);
    assert.equal(isBelow('https://github.com:8443/acme/x', ['https://github.com']), false);
  });
});
