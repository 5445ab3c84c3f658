import type { ResourceContents } from '../answers/content.ts';
import type { RequestContext } from './context.ts';

/** A resource as resources/list names it. */
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

/** What the variables of a template stand for; decoded. */
export type Variables = Readonly<Record<string, string>>;

/** One resource, or all that a template stands for. */
export interface Resource {
  /** A URI, or a template (RFC 6570) with variables in braces. The last variable may stand for several path segments. */
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Absent where it differs from one to the next. */
  readonly mimeType?: string;
  /** Those of a template worth naming, in full. */
  list?(context: RequestContext): Promise<readonly ResourceEntry[]>;
  /** @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, … when there is none by that name */
  read(variables: Variables, uri: string, context: RequestContext): Promise<ResourceContents>;
  /** Values for a variable that begin with what was typed so far. `given` holds those filled in already. */
  complete?(
    variable: string,
    typed: string,
    given: Variables,
    context: RequestContext,
  ): Promise<readonly string[]>;
  /**
   * Calls `changed` after every change, by any process, until the returned function is called.
   * Absent where there is nothing to subscribe to.
   */
  follow?(variables: Variables, changed: () => void, context: RequestContext): Promise<() => void>;
}

const variable = /\{([a-z_]+)\}/g;

export function isTemplate({ uri }: Resource): boolean {
  return uri.includes('{');
}

/** The variables of a URI that the resource's template makes; null when it makes no such URI. */
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
    // A broken percent sequence names nothing.
    return null;
  }
}

/** The URI a template makes of its variables. */
export function expandUri({ uri }: Pick<Resource, 'uri'>, variables: Variables): string {
  return uri.replace(variable, (_, name: string) => encodeURIComponent(variables[name] ?? ''));
}
