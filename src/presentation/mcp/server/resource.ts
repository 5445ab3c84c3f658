import type { ResourceContents } from '../answers/content.ts';
import type { RequestContext } from './context.ts';

/** A resource in the form of resources/list. */
export interface ResourceEntry {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description?: string;
  readonly mimeType?: string;
  /** In bytes. */
  readonly size?: number;
  readonly annotations?: { readonly lastModified?: string };
}

/** Values of a template's variables, decoded. */
export type Variables = Readonly<Record<string, string>>;

/** One resource, or all resources of a template. */
export interface Resource {
  /** A URI, or a template (RFC 6570) with variables in braces. The last variable may contain several path segments. */
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Missing if it varies between the resources of a template. */
  readonly mimeType?: string;
  /** The resources of a template to list. */
  list?(context: RequestContext): Promise<readonly ResourceEntry[]>;
  /** @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, … when the resource does not exist */
  read(variables: Variables, uri: string, context: RequestContext): Promise<ResourceContents>;
  /** Values of a variable with the typed prefix. `given` holds the values of the other variables. */
  complete?(
    variable: string,
    typed: string,
    given: Variables,
    context: RequestContext,
  ): Promise<readonly string[]>;
  /**
   * Calls `changed` after every change by any process, until the returned function is called. Missing if the resource
   * never changes.
   */
  follow?(variables: Variables, changed: () => void, context: RequestContext): Promise<() => void>;
}

const variable = /\{([a-z_]+)\}/g;

export function isTemplate({ uri }: Resource): boolean {
  return uri.includes('{');
}

/** The variables of a URI that matches the resource; null if it does not match. */
export function matchUri(resource: Resource, uri: string): Variables | null {
  const names: string[] = [];
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  let pattern = '';
  let end = 0;
  for (const found of resource.uri.matchAll(variable)) {
    names.push(found[1] as string);
    pattern += literal(resource.uri.slice(end, found.index));
    end = found.index + found[0].length;
    pattern += end === resource.uri.length ? '(.+)' : '([^/]+)';
  }
  const values = new RegExp(`^${pattern}${literal(resource.uri.slice(end))}$`).exec(uri);
  if (values === null) return null;
  try {
    return Object.fromEntries(
      names.map((name, index) => [name, decodeURIComponent(values[index + 1] ?? '')]),
    );
  } catch {
    // An invalid percent encoding matches nothing.
    return null;
  }
}

/** Inserts the variables into the template. */
export function expandUri({ uri }: Pick<Resource, 'uri'>, variables: Variables): string {
  return uri.replace(variable, (_, name: string) => encodeURIComponent(variables[name] ?? ''));
}
