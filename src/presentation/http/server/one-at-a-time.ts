import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The requests of one connection that wait for the previous response. */
interface Queue {
  readonly waiting: (() => void)[];
  isAnswering: boolean;
}

/**
 * Problem: Node passes on every request that a connection has sent, and reads further, before the client has taken the
 * first response. A client that sends thousands and reads nothing makes the server hold thousands of requests and
 * responses.
 *
 * Solution: HTTP/1.1 responses are in order anyway, so start the next request of a connection only when the client has
 * taken the previous response, and stop reading from the connection while a request waits. Only requests that were read
 * in one piece ever wait.
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

/** Node resumes a connection whenever a request has ended; prevent that while another one waits. */
function open(socket: Socket): Queue {
  const queue: Queue = { waiting: [], isAnswering: false };
  const resume = socket.resume.bind(socket);
  socket.resume = () => (queue.waiting.length > 0 ? socket : resume());
  return queue;
}
