import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What of one connection waits for the answer before it. */
interface Queue {
  readonly waiting: (() => void)[];
  isAnswering: boolean;
}

/**
 * Problem: Node hands over every request that a connection has sent, and reads on, before the answer to the first one is
 * taken: a client that sends thousands and reads nothing makes the server hold thousands of requests and answers.
 *
 * Solution: HTTP/1.1 answers in order anyway, so the next request of a connection is begun when the answer before it has
 * been taken, and while one waits, the connection is not read. More than what was read at once never waits.
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const queues = new WeakMap<Socket, Queue>();

  const begin = (queue: Queue, request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    queue.isAnswering = true;
    response.once('close', () => {
      queue.isAnswering = false;
      if (socket.destroyed) queue.waiting.length = 0;
      queue.waiting.shift()?.();
      if (queue.waiting.length === 0) socket.resume();
    });
    handle(request, response);
  };

  return (request, response) => {
    const { socket } = request;
    const queue = queues.get(socket) ?? open(socket);
    queues.set(socket, queue);
    if (!queue.isAnswering) return begin(queue, request, response);
    queue.waiting.push(() => begin(queue, request, response));
    socket.pause();
  };
}

/** Node resumes a connection whenever a request is done with; here it stays as it is while another one waits. */
function open(socket: Socket): Queue {
  const queue: Queue = { waiting: [], isAnswering: false };
  const resume = socket.resume.bind(socket);
  socket.resume = () => (queue.waiting.length > 0 ? socket : resume());
  return queue;
}
