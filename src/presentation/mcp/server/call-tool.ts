import { createHash } from 'node:crypto';
import { explained } from '../../../application/system-error.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { costOf } from '../answers/budget.ts';
import type { Content } from '../answers/content.ts';
import { InputNeeded } from './input-needed.ts';
import { RequestError } from './request-error.ts';
import type { Tool, ToolContext } from './tool.ts';

/** The result of `tools/call`. */
export interface CallResult {
  readonly content: readonly Content[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: true;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** The `_meta` key with an error's code and details, for programs. */
export const errorMetaKey = 'maos/error';

/** Equal for calls that do the same. */
export function workOf({ name }: Tool, args: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([name, args]))
    .digest('base64url');
}

const maxDetailBytes = 4_000;

/**
 * Calls a tool. Every failure becomes a tool error, which a model can read and act on.
 * @throws InputNeeded, RequestError for the client instead of the model
 */
export async function callTool(tool: Tool, args: unknown, context: ToolContext): Promise<CallResult> {
  try {
    const { structured, content } = await tool.call(args, context);
    return { content, ...(structured === undefined ? {} : { structuredContent: structured }) };
  } catch (error) {
    if (error instanceof InputNeeded || error instanceof RequestError) throw error;
    return errorResult(explained(error) ?? internalError(error, tool, context));
  }
}

/**
 * Without structured content: clients validate it against the output schema even for errors (MCP SDK 1.32), and would
 * report the mismatch instead of the error.
 */
function errorResult({ code, message, details }: MaosError): CallResult {
  const said = shorten(message, 2_000);
  const bounded = costOf(details) > maxDetailBytes ? { omitted: 'too large' } : details;
  return {
    content: [{ type: 'text', text: `${code}: ${said}` }],
    isError: true,
    _meta: { [errorMetaKey]: { code, message: said, details: bounded } },
  };
}

function internalError(error: unknown, tool: Tool, { runtime }: ToolContext): MaosError {
  runtime.log('error', 'tool failed', { tool: tool.name, error });
  return new MaosError(
    'INTERNAL',
    `${tool.name} failed because of a bug in MAOS. See the logs in ${quote(runtime.home)} for details. No stored data is lost.`,
  );
}
