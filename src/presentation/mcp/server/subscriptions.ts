import * as z from 'zod';
import type { Connection } from './connection.ts';
import { latestWins } from './latest-wins.ts';
import { invalidParams } from './request-error.ts';
import { answer } from './requests.ts';
import { findResource } from './serve-resources.ts';

const uriParams = z.looseObject({ uri: z.string() });

/** More than any client needs; each subscription can mean that a file is polled. */
export const maxSubscriptions = 100;

/** `resources/subscribe` and `resources/unsubscribe`, of the versions with a handshake. */
export function serveSubscriptions({ server, loadRegistry, contextOf, ending }: Connection): void {
  const subscribed = new Map<string, Promise<() => void>>();

  answer(server, 'resources/subscribe', uriParams, async ({ uri }, extra) => {
    const { resource, variables } = findResource((await loadRegistry()).resources, uri);
    if (resource.follow === undefined) {
      throw invalidParams(`${resource.name} never changes, so it cannot be subscribed to.`);
    }
    if (subscribed.has(uri)) return {};
    if (subscribed.size >= maxSubscriptions) {
      throw invalidParams(`There are ${maxSubscriptions} subscriptions already: unsubscribe from one first.`);
    }
    const tell = latestWins(async (changed: string) => {
      if (!subscribed.has(changed)) return;
      await server.notification({ method: 'notifications/resources/updated', params: { uri: changed } });
    });
    const following = resource.follow(variables, () => tell(uri), contextOf(extra));
    subscribed.set(uri, following);
    await following.catch((error: unknown) => {
      subscribed.delete(uri);
      throw error;
    });
    return {};
  });

  answer(server, 'resources/unsubscribe', uriParams, async ({ uri }) => {
    const following = subscribed.get(uri);
    subscribed.delete(uri);
    (await following)?.();
    return {};
  });

  ending.addEventListener('abort', () => {
    for (const following of subscribed.values())
      void following.then(
        (stop) => stop(),
        () => {},
      );
    subscribed.clear();
  });
}
