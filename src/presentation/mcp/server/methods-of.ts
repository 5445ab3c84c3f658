import type { ServerIdentity } from './identity.ts';
import type { Methods, Offer } from './methods.ts';
import { completionMethods } from './serve-completions.ts';
import { promptMethods } from './serve-prompts.ts';
import { resourceMethods } from './serve-resources.ts';
import { toolMethods } from './serve-tools.ts';

/** The methods of a server with these capabilities. */
export function methodsOf(offer: Offer, capabilities: ServerIdentity['capabilities']): Methods {
  return {
    ...toolMethods(offer),
    ...(capabilities.resources === undefined ? {} : resourceMethods(offer)),
    ...(capabilities.prompts === undefined ? {} : promptMethods(offer)),
    ...(capabilities.completions === undefined ? {} : completionMethods(offer)),
  };
}
