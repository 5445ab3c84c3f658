import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { it } from 'node:test';
import { HttpProcess, maosFolder } from './http-process.ts';

const count = 20_000;

/** Peak memory of a process, in MiB. */
function peakOf(pid: number | undefined): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

it('requests sent without waiting for answers hold little memory, and are all answered', {
  skip: process.platform !== 'linux' && 'peak memory is read from /proc',
}, async (t) => {
  const server = await HttpProcess.start(t, await maosFolder(t));
  const before = peakOf(server.child.pid);
  const socket = connect(server.port, '127.0.0.1').pause();
  t.after(() => socket.destroy());
  socket.write('GET /acp/ping HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(count - 1));
  socket.write('GET /acp/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  // Others still get responses in the meantime, even if only 429.
  for (let asked = 0; asked < 50; asked++) assert.ok((await server.ask('/health', [])).status > 0);
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) text += chunk;
  const answers = text.split('HTTP/1.1 ').length - 1;
  assert.equal(answers, count);
  const grown = peakOf(server.child.pid) - before;
  assert.ok(grown < 100, `${Math.round(grown)} MiB more than before`);
});
