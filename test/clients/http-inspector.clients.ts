/** The command line of the official Inspector against the built server over HTTP, in both transports. */
import { test } from 'node:test';
import { serveHttp, transports } from './http-bench.ts';
import { inspectEverything } from './inspector-tour.ts';

for (const { transport, path } of transports) {
  const name = `the Inspector reads what MAOS offers and what it answers, by --transport ${transport}`;
  test(name, { concurrency: 2 }, (t) =>
    inspectEverything(t, async (workplace) => {
      const { url, header, end } = await serveHttp(workplace);
      const args = ['--transport', transport, '--server-url', `${url}${path}`];
      return { args: [...args, '--header', `Authorization: ${header.Authorization}`], end };
    }),
  );
}
