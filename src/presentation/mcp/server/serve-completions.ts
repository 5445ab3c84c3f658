import * as z from 'zod';
import type { RequestContext } from './context.ts';
import { type Methods, method, type Offer } from './methods.ts';
import type { Registry } from './registry.ts';
import { noResource } from './request-error.ts';
import { findPrompt } from './serve-prompts.ts';

const completeParams = z.looseObject({
  ref: z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('ref/prompt'), name: z.string() }),
    z.looseObject({ type: z.literal('ref/resource'), uri: z.string() }),
  ]),
  argument: z.looseObject({ name: z.string(), value: z.string() }),
  context: z.looseObject({ arguments: z.record(z.string(), z.string()).default({}) }).optional(),
});

/** The specification's limit for one response. */
const mostValues = 100;

/** `completion/complete`: variables of resource templates, and arguments of prompts. */
export function completionMethods({ loadRegistry }: Pick<Offer, 'loadRegistry'>): Methods {
  return {
    'completion/complete': method(completeParams, async (params, call) => {
      const all = await valuesOf(await loadRegistry(), params, call);
      const values = all.slice(0, mostValues);
      return { completion: { values, total: all.length, hasMore: all.length > values.length } };
    }),
  };
}

async function valuesOf(
  { prompts, resources }: Registry,
  { ref, argument, context: given }: z.infer<typeof completeParams>,
  context: RequestContext,
): Promise<readonly string[]> {
  if (ref.type === 'ref/prompt') {
    const known = findPrompt(prompts, ref.name).arguments.find(({ name }) => name === argument.name);
    return (known?.suggestions ?? []).filter((value) => value.startsWith(argument.value));
  }
  const resource = resources.find(({ uri }) => uri === ref.uri);
  if (resource === undefined) throw noResource(ref.uri);
  return (await resource.complete?.(argument.name, argument.value, given?.arguments ?? {}, context)) ?? [];
}
