import type { z } from 'zod';
import { showInvisible } from '../../../domain/invisible-marks.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import type { Content } from '../answers/content.ts';
import type { RequestContext } from './context.ts';

/**
 * What MCP calls ToolAnnotations. They are hints to the client: keep them honest. Whether a
 * change destroys or may be repeated is a question only for tools that change something.
 */
type Annotations =
  | { readonly readOnlyHint: true; readonly openWorldHint: boolean }
  | {
      readonly readOnlyHint: false;
      readonly destructiveHint: boolean;
      readonly idempotentHint: boolean;
      readonly openWorldHint: boolean;
    };

/** A read of MAOS's own records: clients may run such calls side by side and need not ask the user. */
export const readsOnly: Annotations = { readOnlyHint: true, openWorldHint: false };

export interface ProgressUpdate {
  /** Must grow from one update of a call to the next. */
  readonly progress: number;
  readonly total: number;
  readonly message: string;
}

export interface ToolContext extends RequestContext {
  /** Does nothing when the client asked for no progress. */
  notifyProgress(update: ProgressUpdate): void;
}

/** An answer, in both forms in which clients show it. */
interface ToolAnswer {
  readonly structured?: Readonly<Record<string, unknown>>;
  readonly content: readonly Content[];
}

/** A tool as the servers see it. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodType;
  readonly output?: z.ZodType;
  readonly annotations: Annotations;
  readonly meta?: Readonly<Record<string, unknown>>;
  /** @throws MaosError INVALID_INPUT for arguments the input schema refuses, and what the tool itself throws */
  call(args: unknown, context: ToolContext): Promise<ToolAnswer>;
}

/**
 * Makes a tool of its parts. Both schemas must be strict objects: unknown arguments are refused by name, and what is
 * answered is exactly what is advertised.
 * @param definition `run` is given checked arguments; `text` says the whole answer as text (default: its JSON)
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

/** JSON of the same value, in which no invisible mark changes how it is read. */
function jsonText(answer: unknown): string {
  return showInvisible(JSON.stringify(answer));
}
