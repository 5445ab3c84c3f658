import * as z from 'zod';
import type { Connection } from './connection.ts';
import type { RequestContext } from './context.ts';
import { latestWins } from './latest-wins.ts';
import { invalidParams, noResource } from './request-error.ts';
import { answer, listParams, pageOf } from './requests.ts';
import { isTemplate, matchUri, type Resource, type ResourceEntry, type Variables } from './resource.ts';

const uriParams = z.looseObject({ uri: z.string() });

/** More than any client needs; each subscription can mean that a file is polled. */
const maxSubscriptions = 100;

/** The methods below `resources/`. */
export function serveResources(connection: Connection): void {
  const { server, loadRegistry, contextOf, ending } = connection;
  const subscribed = new Map<string, Promise<() => void>>();

  answer(server, 'resources/list', listParams, async ({ cursor }, extra) => {
    const { resources } = await loadRegistry();
    const context = contextOf(extra);
    const entries = await Promise.all(resources.map((resource) => entriesOf(resource, context)));
    return pageOf('resources', entries.flat(), cursor, 'resources/list');
  });

  answer(server, 'resources/templates/list', listParams, async ({ cursor }) => {
    const { resources } = await loadRegistry();
    const templates = resources.filter(isTemplate).map((resource) => {
      const { uri: uriTemplate, ...description } = describe(resource);
      return { uriTemplate, ...description };
    });
    return pageOf('resourceTemplates', templates, cursor, 'resources/templates/list');
  });

  answer(server, 'resources/read', uriParams, async ({ uri }, extra) => {
    const { resource, variables } = find((await loadRegistry()).resources, uri);
    return { contents: [await resource.read(variables, uri, contextOf(extra))] };
  });

  answer(server, 'resources/subscribe', uriParams, async ({ uri }, extra) => {
    const { resource, variables } = find((await loadRegistry()).resources, uri);
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

async function entriesOf(resource: Resource, context: RequestContext): Promise<readonly ResourceEntry[]> {
  if (!isTemplate(resource)) return [describe(resource)];
  return (await resource.list?.(context)) ?? [];
}

function describe({ uri, name, title, description, mimeType }: Resource): ResourceEntry {
  return { uri, name, title, description, ...(mimeType === undefined ? {} : { mimeType }) };
}

function find(
  resources: readonly Resource[],
  uri: string,
): { readonly resource: Resource; readonly variables: Variables } {
  for (const resource of resources) {
    const variables = matchUri(resource, uri);
    if (variables !== null) return { resource, variables };
  }
  throw noResource(uri);
}
