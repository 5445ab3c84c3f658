/** What passes between a client and MAOS, kept by `fixtures/wire-tap.ts` in the workplace's folder. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { maosProgram, readJsonLines, type Workplace } from './workplace.ts';

export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** The arguments with which Node runs MAOS behind the tap. */
export function tapped({ folder }: Workplace): string[] {
  const tap = fileURLToPath(new URL('fixtures/wire-tap.ts', import.meta.url));
  return [tap, folder, process.execPath, maosProgram, 'serve'];
}

/** The client's messages (`sent`) or MAOS's, in order; none before the first. */
export function passed({ folder }: Workplace, file: 'sent' | 'received'): Message[] {
  try {
    const whole = readFileSync(join(folder, `${file}.jsonl`), 'utf8');
    return readJsonLines<Message>(whole.slice(0, whole.lastIndexOf('\n') + 1));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The request and what came back for it. */
export function exchange(
  workplace: Workplace,
  matches: (message: Message) => boolean,
): { readonly request: Message | undefined; readonly answer: Message | undefined } {
  const request = passed(workplace, 'sent').find(matches);
  const answer = passed(workplace, 'received').find(({ id }) => id !== undefined && id === request?.id);
  return { request, answer };
}

/** A tool as MAOS tells the client of it. */
export interface ToldTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: unknown;
}

/** What MAOS answered to `tools/list`. */
export function toldTools(workplace: Workplace): readonly ToldTool[] {
  const { answer } = exchange(workplace, ({ method }) => method === 'tools/list');
  return (answer?.result?.tools ?? []) as readonly ToldTool[];
}

/** What MAOS told of the progress of a request: nothing, unless the client wants to know. */
export function progressOf(
  workplace: Workplace,
  request: Message | undefined,
  received = passed(workplace, 'received'),
): Message[] {
  const { progressToken } = (request?.params?._meta ?? {}) as { readonly progressToken?: number | string };
  if (progressToken === undefined) return [];
  return received.filter(
    ({ method, params }) => method === 'notifications/progress' && params?.progressToken === progressToken,
  );
}

export const isWait = ({ params }: Message): boolean => params?.name === 'wait-session';

/** The process id of the MAOS that was started last. */
export async function serverPid({ folder }: Workplace): Promise<number> {
  return Number(await readFile(join(folder, 'server.pid'), 'utf8'));
}
