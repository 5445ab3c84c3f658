import { instructions } from './instructions.ts';

/** The server's part of the response to `initialize`. */
export interface ServerIdentity {
  readonly serverInfo: { readonly name: string; readonly title: string; readonly version: string };
  readonly capabilities: Partial<typeof capabilities>;
  readonly instructions: string;
}

/** Without listChanged, because nothing that the server offers changes while it runs. */
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
