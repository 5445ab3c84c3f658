import { instructions } from './instructions.ts';

/** What the server says of itself in its answer to `initialize`. */
export interface ServerIdentity {
  readonly serverInfo: { readonly name: string; readonly title: string; readonly version: string };
  readonly capabilities: typeof capabilities;
  readonly instructions: string;
}

/** What is offered does not change while the server runs: there are no listChanged notifications. */
const capabilities = {
  tools: {},
  resources: { subscribe: true },
  prompts: {},
  completions: {},
  logging: {},
} as const;

export function serverIdentity(version: string): ServerIdentity {
  return { serverInfo: { name: 'maos', title: 'MAOS', version }, capabilities, instructions };
}
