import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { agentRequest, planRequest } from '../../../domain/samples.ts';
import { getText } from '../event-client.ts';
import { type HttpBench, openHttpBench } from '../http-bench.ts';

let bench: HttpBench;
let session_id: string;
let results: string;
before(async () => {
  bench = await openHttpBench();
  session_id = bench.store(planRequest([agentRequest()])).session.id;
  results = join(bench.project.files.describe(session_id as never), 'results', 'qa');
  mkdirSync(results, { recursive: true });
});
after(() => bench.close());

const fetchFile = (path: string, query = '') =>
  fetch(`${bench.url}/api/sessions/${session_id}/artifacts/${path}${query}`, {
    headers: { authorization: `Bearer ${bench.place.token}` },
  });

describe('a file of an agent over HTTP', () => {
  it('comes as a download that no browser runs, byte by byte', async () => {
    const name = 'naïve "x".html';
    const bytes = Buffer.from([60, 115, 99, 114, 105, 112, 116, 62, 0, 255, 254]);
    writeFileSync(join(results, name), bytes);
    for (const path of [`results/qa/${encodeURIComponent(name)}`, encodeURIComponent(`results/qa/${name}`)]) {
      const response = await fetchFile(path);
      assert.equal(response.status, 200, path);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
      assert.deepEqual(
        ['content-type', 'x-content-type-options', 'content-security-policy', 'cache-control'].map((header) =>
          response.headers.get(header),
        ),
        ['application/octet-stream', 'nosniff', "sandbox; default-src 'none'", 'no-store'],
      );
      assert.equal(
        response.headers.get('content-disposition'),
        `attachment; filename="na_ve _x_.html"; filename*=UTF-8''na%C3%AFve%20%22x%22.html`,
      );
    }
  });

  it('is shown as text, cut where it is long, unless it is none', async () => {
    writeFileSync(join(results, 'long.md'), 'ö'.repeat(300_000));
    writeFileSync(join(results, 'data.bin'), Buffer.from([0, 1, 2]));
    const text = async (path: string) => {
      const query = { as: 'text' };
      return (await bench.http.call('getArtifact', { params: { session_id, path }, query })).body;
    };
    const long = await text('results/qa/long.md');
    assert.deepEqual([long.size_bytes, long.text.length, long.truncated], [600_000, 262_144, true]);
    const { path: _, ...data } = await text('results/qa/data.bin');
    assert.deepEqual(data, { size_bytes: 3, text: null, truncated: false });
  });

  it('is nothing outside of the folders of agents, whatever the path', async () => {
    writeFileSync(join(bench.runtime.home, 'secret'), 'secret');
    symlinkSync(join(bench.runtime.home, 'secret'), join(results, 'link'));
    const tricks = [
      '..%2f..%2fmetadata.json',
      'results%2f..%2fmetadata.json',
      'results/qa/..%2f..%2f..%2fmetadata.json',
      'results/%2e%2e%2fmetadata.json',
      '%2fetc%2fpasswd',
      'metadata.json',
      'results/qa/link',
      'results/qa/%00',
      'results/qa/none.md',
      'results//qa',
      'results',
      '%ff',
      `results/${'x'.repeat(5_000)}`,
    ];
    for (const path of tricks) {
      const response = await fetchFile(path);
      const { message } = (await response.json()) as { message: string };
      assert.ok(
        [400, 403, 404].includes(response.status),
        `${path.slice(0, 80)}: ${response.status} ${message}`,
      );
    }
    // As sent by a client that does not resolve dots itself. No id has the letters of 'nothing'.
    for (const path of [
      '../../../../etc/passwd',
      'results/../../../nothing',
      'results/qa/../../metadata.json',
    ]) {
      const { status } = await getText(bench.place, `/api/sessions/${session_id}/artifacts/${path}`);
      assert.ok([400, 403, 404].includes(status), `${path}: ${status}`);
    }
  });
});
