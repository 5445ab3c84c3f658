import type { z } from 'zod';
import { showInvisible } from '../../../domain/invisible-marks.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import type { Content } from '../answers/content.ts';
import type { RequestContext } from './context.ts';

/**
 * MCP's ToolAnnotations: hints for the client, which must be honest. destructiveHint and idempotentHint apply only to
 * tools that change something.
 */
type Annotations =
  | { readonly readOnlyHint: true; readonly openWorldHint: boolean }
  | {
      readonly readOnlyHint: false;
      readonly destructiveHint: boolean;
      readonly idempotentHint: boolean;
      readonly openWorldHint: boolean;
    };

/** For tools that only read MAOS's records: clients may call them in parallel and need not ask the user. */
export const readsOnly: Annotations = { readOnlyHint: true, openWorldHint: false };

export interface ProgressUpdate {
  /** Must grow with every update of a call. */
  readonly progress: number;
  readonly total: number;
  readonly message: string;
}

export interface ToolContext extends RequestContext {
  /** No effect if the client did not request progress. */
  notifyProgress(update: ProgressUpdate): void;
}

/** A result in both forms that clients use. */
interface ToolAnswer {
  readonly structured?: Readonly<Record<string, unknown>>;
  readonly content: readonly Content[];
}

/** A tool as servers use it. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodType;
  readonly output?: z.ZodType;
  readonly annotations: Annotations;
  readonly meta?: Readonly<Record<string, unknown>>;
  /** @throws MaosError INVALID_INPUT for arguments that the input schema rejects, and the tool's own errors */
  call(args: unknown, context: ToolContext): Promise<ToolAnswer>;
}

/**
 * Creates a tool. Both schemas must be strict objects, so that unknown arguments are refused by name and results match
 * the declared output exactly.
 * @param definition `run` receives validated arguments; `text` returns the whole result as text (default: its JSON)
 */
export function defineTool<Input, Output extends Readonly<Record<string, unknown>>>(
  definition: Omit<Tool, 'input' | 'output' | 'call'> & {
    readonly input: z.ZodType<Input>;
    readonly output: z.ZodType<Output>;
    run(input: Input, context: ToolContext): Promise<Output>;
    text?(answer: Output): string;
  },
): Tool & { readonly output: z.ZodType } {
  const { run, text = jsonText, ...rest } = definition;
  return {
    ...rest,
    async call(args, context) {
      const structured = await run(parseInput(definition.input, args, definition.name), context);
      return { structured, content: [{ type: 'text', text: text(structured) }] };
    },
  };
}

/** JSON with invisible marks made visible, so that they cannot change how it is read. */
function jsonText(answer: unknown): string {
  return showInvisible(JSON.stringify(answer));
}
