import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testNotification } from '../../../src/domain/notification.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';
import { makeWebhook } from '../../../src/infrastructure/notifications/webhook.ts';
import { type Answer, answerWith, signatureFor, WebhookReceiver } from '../../helpers/webhook-receiver.ts';

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const notification = testNotification('ntf_1', '2026-01-01T00:00:00.000Z');

async function sendTo(url: string, timeoutMs = 10_000, signal = new AbortController().signal) {
  const send = makeWebhook({ url, secret, version: '1.2.3', clock: systemClock, timeoutMs });
  return send(notification, signal);
}

describe('a webhook', () => {
  it('is posted once, signed, as JSON', async (t) => {
    const receiver = await WebhookReceiver.start(t);
    assert.deepEqual(await sendTo(receiver.url), { type: 'sent' });
    const [only, ...more] = receiver.received;
    assert.ok(only !== undefined && more.length === 0);
    const { headers, body } = only;
    assert.equal(headers['webhook-signature'], signatureFor(only, secret));
    assert.equal(headers['webhook-id'], 'ntf_1');
    assert.ok(Math.abs(Number(headers['webhook-timestamp']) * 1_000 - Date.now()) < 60_000);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['user-agent'], 'maos/1.2.3');
    assert.deepEqual(body, notification);
  });

  it('tells what another try may mend from what it may not, and not where it was posted to', async (t) => {
    const redirect: Answer = (response) =>
      void response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    const later: Answer = (response) => void response.writeHead(429, { 'retry-after': '7' }).end();
    const cases: [answer: Answer, type: string, reason: RegExp, retryAfterMs?: number | null][] = [
      [answerWith(500), 'unreachable', /^127\.0\.0\.1:\d+ answered 500$/, null],
      [later, 'unreachable', /answered 429$/, 7_000],
      [answerWith(404), 'refused', /answered 404$/],
      [redirect, 'refused', /answered 307, and redirects are not followed: set notifications\.webhook\.url/],
      [(response) => void response.destroy(), 'unreachable', /ECONNRESET$/, null],
    ];
    for (const [answer, type, reason, retryAfterMs] of cases) {
      const receiver = await WebhookReceiver.start(t, answer);
      const outcome = await sendTo(receiver.url);
      assert.equal(outcome.type, type);
      assert.ok(outcome.type !== 'sent');
      assert.match(outcome.reason, reason);
      assert.doesNotMatch(outcome.reason, /s3cret|whsec/);
      if (outcome.type === 'unreachable') assert.equal(outcome.retryAfterMs, retryAfterMs);
      assert.equal(receiver.received.length, 1);
    }
    const nobody = await sendTo('http://127.0.0.1:1/');
    assert.ok(nobody.type === 'unreachable' && /ECONNREFUSED/.test(nobody.reason), JSON.stringify(nobody));
  });

  it('does not wait for a receiver that never answers', async (t) => {
    const receiver = await WebhookReceiver.start(t, () => {});
    const late = await sendTo(receiver.url, 200);
    assert.ok(late.type === 'unreachable' && /no answer within 0\.2 s/.test(late.reason));
    const stopped = new AbortController();
    const pending = sendTo(receiver.url, 60_000, stopped.signal);
    await receiver.has(2);
    stopped.abort();
    assert.equal((await pending).type, 'unreachable');
  });

  it('does not read an answer that has no end', async (t) => {
    let closed: Promise<void> | null = null;
    const receiver = await WebhookReceiver.start(t, (response) => {
      closed = new Promise((resolve) => response.on('close', resolve));
      response.writeHead(200);
      const flood = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', flood);
      flood();
    });
    assert.deepEqual(await sendTo(receiver.url), { type: 'sent' });
    await closed;
  });
});
