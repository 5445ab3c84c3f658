import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { RequestContext } from '../server/context.ts';
import { latestWins } from '../server/latest-wins.ts';
import type { Registry } from '../server/registry.ts';
import { invalidParams } from '../server/request-error.ts';
import { findResource } from '../server/serve-resources.ts';
import { maxSubscriptions } from '../server/subscriptions.ts';
import { metaKey } from './claim.ts';

export const listenMethod = 'subscriptions/listen';

/** The lists never change while the server runs, so only resources can be listened to. */
export const listenParams = z.looseObject({
  notifications: z.looseObject({
    resourceSubscriptions: z.array(z.string()).max(maxSubscriptions).optional(),
  }),
});

/**
 * `subscriptions/listen`: tells which resources it follows, then each change of one, until the client or the server ends
 * it. A resource that does not exist or never changes is left out of what it acknowledges.
 * @param tell sends a message on the request's own stream
 * @returns when the server ends
 */
export async function listen(
  { id }: JSONRPCRequest,
  { notifications }: z.infer<typeof listenParams>,
  { resources }: Registry,
  context: RequestContext,
  tell: (message: JSONRPCMessage) => Promise<void>,
): Promise<void> {
  const asked = notifications.resourceSubscriptions;
  const followed: string[] = [];
  const stops: (() => void)[] = [];
  const _meta = { [metaKey.subscription]: id };
  const say = (method: string, params: object): Promise<void> =>
    tell({ jsonrpc: '2.0', method, params: { _meta, ...params } });
  const acknowledged = Promise.withResolvers<void>();
  try {
    for (const uri of new Set(asked)) {
      const changed = latestWins(async () => {
        await acknowledged.promise;
        if (!context.signal.aborted) await say('notifications/resources/updated', { uri });
      });
      const stop = await follow(resources, uri, () => changed(null), context);
      if (stop === null) continue;
      followed.push(uri);
      stops.push(stop);
    }
    const honoured = asked === undefined ? {} : { resourceSubscriptions: followed };
    await say('notifications/subscriptions/acknowledged', { notifications: honoured });
    acknowledged.resolve();
    await new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve();
      else context.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    for (const stop of stops) stop();
  }
}

async function follow(
  resources: Registry['resources'],
  uri: string,
  changed: () => void,
  context: RequestContext,
): Promise<(() => void) | null> {
  try {
    const { resource, variables } = findResource(resources, uri);
    return (await resource.follow?.(variables, changed, context)) ?? null;
  } catch {
    return null;
  }
}

/** @throws RequestError beyond the limit of open streams of one client */
export function checkRoom(open: number): void {
  if (open < maxSubscriptions) return;
  throw invalidParams(`There are ${maxSubscriptions} subscriptions already: end one first.`);
}
