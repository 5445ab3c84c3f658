import * as z from 'zod';
import type { RequestContext } from './context.ts';
import { listParams, type Methods, method, type Offer } from './methods.ts';
import { pageOf } from './page.ts';
import { noResource } from './request-error.ts';
import { isTemplate, matchUri, type Resource, type ResourceEntry, type Variables } from './resource.ts';

const uriParams = z.looseObject({ uri: z.string() });

/** The methods below `resources/` that every version of the protocol has. */
export function resourceMethods({ loadRegistry }: Pick<Offer, 'loadRegistry'>): Methods {
  return {
    'resources/list': method(listParams, async ({ cursor }, call) => {
      const { resources } = await loadRegistry();
      const entries = await Promise.all(resources.map((resource) => entriesOf(resource, call)));
      return pageOf('resources', entries.flat(), cursor, 'resources/list');
    }),

    'resources/templates/list': method(listParams, async ({ cursor }) => {
      const { resources } = await loadRegistry();
      const templates = resources.filter(isTemplate).map((resource) => {
        const { uri: uriTemplate, ...description } = describe(resource);
        return { uriTemplate, ...description };
      });
      return pageOf('resourceTemplates', templates, cursor, 'resources/templates/list');
    }),

    'resources/read': method(uriParams, async ({ uri }, call) => {
      const { resource, variables } = findResource((await loadRegistry()).resources, uri);
      return { contents: [await resource.read(variables, uri, call)] };
    }),
  };
}

async function entriesOf(resource: Resource, context: RequestContext): Promise<readonly ResourceEntry[]> {
  if (!isTemplate(resource)) return [describe(resource)];
  return (await resource.list?.(context)) ?? [];
}

function describe({ uri, name, title, description, mimeType }: Resource): ResourceEntry {
  return { uri, name, title, description, ...(mimeType === undefined ? {} : { mimeType }) };
}

/** @throws RequestError when no resource matches */
export function findResource(
  resources: readonly Resource[],
  uri: string,
): { readonly resource: Resource; readonly variables: Variables } {
  for (const resource of resources) {
    const variables = matchUri(resource, uri);
    if (variables !== null) return { resource, variables };
  }
  throw noResource(uri);
}
