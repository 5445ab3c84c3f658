import { instructions } from './instructions.ts';

/** What the server says of itself in its answer to `initialize`. */
export interface ServerIdentity {
  readonly serverInfo: { readonly name: string; readonly title: string; readonly version: string };
  readonly capabilities: { readonly tools: Record<string, never> };
  readonly instructions: string;
}

export function serverIdentity(version: string): ServerIdentity {
  return { serverInfo: { name: 'maos', title: 'MAOS', version }, capabilities: { tools: {} }, instructions };
}
