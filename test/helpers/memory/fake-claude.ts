import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../fake-claude.ts';
import type { Program } from './program.ts';

/** What test/fixtures/programs/fake-claude.mjs does, as a program of the machine in memory. */
export const fakeClaudeProgram: Program = async ({ args, cwd, stdin, files, print }, process) => {
  const name = /^play (\S+)$/m.exec(stdin)?.[1];
  if (name === undefined) throw new Error('no line "play NAME" in the prompt');
  const argument = (flag: string): string | null => args[args.indexOf(flag) + 1 || args.length] ?? null;
  const resumed = argument('--resume');
  const conversation = resumed ?? argument('--session-id');
  const say = (line: object): void =>
    print('stdout', Buffer.from(`${JSON.stringify({ session_id: conversation, ...line })}\n`));

  const record = join(cwd, `${name}.starts`);
  files.write(record, Buffer.from(`${JSON.stringify(resumed)}\n`), true);
  const starts = readFileSync(record, 'utf8').trimEnd().split('\n').length;
  const plays: Step[][] = JSON.parse(readFileSync(join(cwd, `${name}.play.json`), 'utf8'));
  say({ type: 'system', subtype: 'init' });
  let status = 0;
  for (const step of plays[Math.min(starts, plays.length) - 1] ?? []) {
    if ('line' in step) say(step.line);
    if ('make' in step) writeFileSync(join(cwd, step.make), '');
    if ('ms' in step) await process.sleep(step.ms);
    if ('wait' in step)
      for (let i = 0; i < 600 && !existsSync(join(cwd, step.wait)); i++) await process.sleep(50);
    if ('exit' in step) status = step.exit;
  }
  return status;
};
