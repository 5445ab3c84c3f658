/** A real receiver of webhooks on 127.0.0.1 with scripted responses. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Notification } from '../../src/domain/notification.ts';
import { until } from './waiting.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Notification;
}

/** @param answer receives the response to the nth request, from 0 */
export type Answer = (response: ServerResponse, index: number) => void;

export const answerWith =
  (...statuses: readonly number[]): Answer =>
  (response, index) =>
    void response.writeHead(statuses[index] ?? 200).end();

export class WebhookReceiver {
  readonly received: Received[] = [];
  readonly url: string;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/hook/s3cret-path`;
  }

  static async start(t: TestContext, answer: Answer = answerWith()): Promise<WebhookReceiver> {
    const server = createServer((request, response) => {
      response.on('error', () => {});
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { url: path = '', headers } = request;
        receiver.received.push({ path, headers, text, body: JSON.parse(text) });
        answer(response, receiver.received.length - 1);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const receiver = new WebhookReceiver((server.address() as AddressInfo).port);
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return receiver;
  }

  async has(count: number): Promise<readonly Received[]> {
    await until(() => this.received.length >= count, `${count} requests`);
    return this.received;
  }
}

/** The signature as receivers compute it (https://www.standardwebhooks.com). */
export function signatureFor({ headers, text }: Received, secret: string): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}
