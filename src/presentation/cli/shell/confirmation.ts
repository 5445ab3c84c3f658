import type { CommandContext } from '../command.ts';

/** Whether somebody at a terminal can answer a question. */
export function canAsk({ json, stdin, terminal }: CommandContext): boolean {
  return !json && stdin.isTTY === true && terminal.hasReader;
}

/** Asks a question that has the answers yes and no, which is the default. */
export async function confirms({ terminal, stdin }: CommandContext, question: string): Promise<boolean> {
  terminal.question(`${question} [y/N] `);
  return /^y(es)?$/i.test((await firstLine(stdin)).trim());
}

async function firstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
  }
}
