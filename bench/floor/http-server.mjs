// The floor of HTTP mode: bare node:http that answers with JSON of the requested size, and sends every client of /events
// an event of `bytes` bytes, `perSecond` times per second.
import { createServer } from 'node:http';

const [perSecond, bytes] = process.argv.slice(2).map(Number);
const listeners = new Set();
const filler = (size) => JSON.stringify({ x: 'x'.repeat(Math.max(0, size - 8)) });
let place = 0;

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://floor');
  if (pathname === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`id: floor-${place}\nevent: snapshot\ndata: {}\n\n`);
    listeners.add(response);
    response.once('close', () => listeners.delete(response));
    return;
  }
  request.resume();
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(filler(Number(searchParams.get('bytes'))));
});

let ticking;
process.on('message', (wish) => {
  if (wish === 'stop') {
    clearInterval(ticking);
    process.send({ last: place });
  } else {
    ticking = setInterval(() => {
      place += 1;
      const data = { at: new Date().toISOString(), x: 'x'.repeat(bytes) };
      const text = `id: floor-${place}\nevent: tick\ndata: ${JSON.stringify(data)}\n\n`;
      for (const listener of listeners) listener.write(text);
    }, 1_000 / perSecond);
  }
});
process.once('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
