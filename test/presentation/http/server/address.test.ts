import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseListenAddress } from '../../../../src/presentation/http/server/address.ts';

describe('where to listen', () => {
  for (const [text, host, port] of [
    ['4711', '127.0.0.1', 4711],
    ['0', '127.0.0.1', 0],
    ['localhost:80', 'localhost', 80],
    ['127.0.0.2:65535', '127.0.0.2', 65_535],
    ['[::1]:80', '::1', 80],
  ] as const) {
    it(`is understood: ${text}`, () => {
      assert.deepEqual(parseListenAddress(text, false), { host, port });
    });
  }

  for (const text of ['', 'x', '65536', ':80', 'a:', 'a b:80', '::1:80', '[zz]:80', '-1', '80/']) {
    it(`is refused: ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseListenAddress(text, true), {
        code: 'INVALID_INPUT',
        message: /is not a valid address/,
      });
    });
  }

  for (const text of ['0.0.0.0:80', '[::]:80', '192.168.0.1:80', 'example.org:80', '128.0.0.1:80']) {
    it(`beyond this machine only when that is meant: ${text}`, () => {
      assert.throws(() => parseListenAddress(text, false), {
        code: 'INVALID_INPUT',
        message: /--allow-remote/,
      });
      assert.equal(parseListenAddress(text, true).port, 80);
    });
  }
});
