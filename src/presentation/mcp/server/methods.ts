import * as z from 'zod';
import type { Runtime } from '../../../application/runtime.ts';
import type { RequestContext } from './context.ts';
import type { Registry } from './registry.ts';
import type { RepeatedCalls } from './repeated-calls.ts';
import type { Tool } from './tool.ts';

/** What one request brings. */
export interface MethodCall extends RequestContext {
  /** With it, the client asks for progress of this request. */
  readonly progressToken: string | number | undefined;
}

/** A method that a server answers, the same in every version of the protocol and over every transport. */
export interface Method {
  readonly params: z.ZodType;
  /** @param params as `params` returns them */
  handle(params: unknown, call: MethodCall): Promise<Readonly<Record<string, unknown>>>;
}

/** By name. */
export type Methods = Readonly<Record<string, Method>>;

/** What the methods work on. */
export interface Offer {
  readonly runtime: Runtime;
  /** Loaded at the first request that needs it. */
  readonly loadRegistry: () => Promise<Registry>;
  /** Called with every tool call. */
  readonly onCall?: (call: Promise<unknown>, tool: Tool) => void;
  /** Default: this server's own. */
  readonly repeatedCalls?: RepeatedCalls;
}

export function method<Params>(
  params: z.ZodType<Params>,
  handle: (params: Params, call: MethodCall) => Promise<Readonly<Record<string, unknown>>>,
): Method {
  return { params, handle: handle as Method['handle'] };
}

/** Parameters of the list methods. */
export const listParams = z.looseObject({ cursor: z.string().optional() });
