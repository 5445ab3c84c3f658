import { createHmac } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock } from '../../application/ports/clock.ts';
import type { SendNotification, SendOutcome } from '../../application/ports/notifications.ts';

export interface WebhookOptions {
  readonly url: string;
  /** `whsec_` and the key in base64; null: no signature. */
  readonly secret: string | null;
  readonly version: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Time limit from the DNS lookup to the status of the response. Default: 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Sends notifications according to Standard Webhooks (https://www.standardwebhooks.com): `webhook-id`,
 * `webhook-timestamp` and `webhook-signature` over both and the body. Reads only the response's status and
 * `Retry-After`. Does not follow redirects, because a receiver could forward the signed body anywhere.
 */
export function makeWebhook({
  url,
  secret,
  version,
  clock,
  timeoutMs = 10_000,
}: WebhookOptions): SendNotification {
  const target = new URL(url);
  const request = target.protocol === 'https:' ? requestHttps : requestHttp;
  return (notification, signal) => {
    const body = Buffer.from(JSON.stringify(notification));
    const timestamp = String(Math.floor(Date.parse(clock.now()) / 1_000));
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      'user-agent': `maos/${version}`,
      'webhook-id': notification.id,
      'webhook-timestamp': timestamp,
      ...(secret === null
        ? {}
        : { 'webhook-signature': signatureOf(secret, notification.id, timestamp, body) }),
    };
    return new Promise<SendOutcome>((resolve) => {
      const whole = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      // No agent, because a kept connection would keep the process running.
      const sent = request(target, { method: 'POST', headers, agent: false, signal: whole });
      sent.once('response', (response) => {
        const { statusCode = 0, headers: answered } = response;
        resolve(outcomeOf(statusCode, answered['retry-after'], clock));
        response.on('error', () => {});
        response.destroy();
      });
      sent.once('error', (error) => {
        const reason = whole.aborted ? `no answer within ${timeoutMs / 1_000} s` : causeOf(error);
        resolve({ type: 'unreachable', reason: `${target.host}: ${reason}`, retryAfterMs: null });
      });
      // Also for errors after the response, such as a broken connection.
      sent.on('error', () => {});
      sent.end(body);
    });

    function outcomeOf(status: number, retryAfter: string | undefined, now: Pick<Clock, 'now'>): SendOutcome {
      if (status >= 200 && status < 300) return { type: 'sent' };
      const answered = `${target.host} answered ${status}`;
      if (status >= 500 || [408, 425, 429].includes(status)) {
        return { type: 'unreachable', reason: answered, retryAfterMs: pauseOf(retryAfter, now) };
      }
      const isRedirect = status >= 300 && status < 400;
      return {
        type: 'refused',
        reason: isRedirect
          ? `${answered}, and redirects are not followed: set notifications.webhook.url to where it points`
          : answered,
      };
    }
  };
}

function signatureOf(secret: string, id: string, timestamp: string, body: Buffer): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
  return `v1,${mac.digest('base64')}`;
}

/** `Retry-After`: seconds or a date (RFC 9110, 10.2.3). */
function pauseOf(text: string | undefined, clock: Pick<Clock, 'now'>): number | null {
  if (text === undefined) return null;
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.parse(clock.now()));
}

/** Only the system's error code, because messages of TLS and DNS can contain texts of the other side. */
function causeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'the connection failed';
}
