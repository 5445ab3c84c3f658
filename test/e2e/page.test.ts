import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { getText } from '../presentation/http/event-client.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

describe('the dashboard', () => {
  it('is served from the bundle with all its files, and may load nothing else', async (t) => {
    const folder = await maosFolder(t);
    const { port } = await HttpProcess.start(t, folder);
    const { token } = await folder.json<{ token: string }>('token');
    const get = (path: string, headers = {}) => getText({ port, token }, path, headers);
    const page = await get('/', { accept: 'text/html' });
    assert.equal(page.headers['content-type'], 'text/html; charset=UTF-8');
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    const named = Array.from(page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g), ([, path = '']) => path);
    assert.deepEqual(named.map((path) => path.replace(/-[0-9a-f]{12}\./, '-HASH.')).sort(), [
      '/assets/app-HASH.css',
      '/assets/app-HASH.js',
    ]);
    for (const path of named) {
      const { status, headers, text } = await get(path);
      assert.equal(status, 200, path);
      assert.match(
        String(headers['content-type']),
        path.endsWith('.css') ? /^text\/css/ : /^text\/javascript/,
      );
      assert.match(String(headers['cache-control']), /immutable/);
      assert.ok(text.length > 0);
    }
    const gone = await get('/assets/app-000000000000.js');
    assert.deepEqual([gone.status, JSON.parse(gone.text).code], [404, 'INVALID_INPUT']);
  });

  it('is under 250 KB compressed, all files together', () => {
    const script = readFileSync(join(import.meta.dirname, '../../dist/maos.js'), 'latin1');
    const [end, from] = /\/\/page (\d{10})\n$/.exec(script) ?? assert.fail('no page');
    const files = script.slice(Number(from), -end.length).trimEnd().split('\n');
    assert.equal(files.length, 3);
    const sizes = files.map((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64').length);
    const all = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(all > 10_000 && all < 250_000, `${all} bytes`);
  });
});
