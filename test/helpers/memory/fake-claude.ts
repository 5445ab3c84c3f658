import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../fake-claude.ts';
import type { Program } from './program.ts';

/** Polling interval. */
const lookMs = 5;

interface UserLine {
  readonly type: string;
  readonly uuid: string;
  readonly message: { readonly content: string };
  readonly response: { readonly request_id: string; readonly response: object };
}

/** The counterpart of test/fixtures/programs/fake-claude.mjs, as a program of the in-memory machine. */
export const fakeClaudeProgram: Program = async ({ args, cwd, input, files, print }, process) => {
  const inbox: UserLine[] = [];
  const answers = new Map<string, object>();
  let next = 0;
  let isClosed = false;
  let conversation: string | null = null;
  const say = (line: object): void =>
    print('stdout', Buffer.from(`${JSON.stringify({ session_id: conversation, ...line })}\n`));
  const read = (): void => {
    for (let bytes = input?.read(next); bytes !== undefined; bytes = input?.read(next)) {
      if (bytes === null) {
        isClosed = true;
        return;
      }
      next += 1;
      const line: UserLine = JSON.parse(bytes.toString());
      if (line.type === 'control_response') {
        say(line);
        answers.set(line.response.request_id, line.response.response);
      } else inbox.push(line);
    }
  };
  while (inbox.length === 0 && !isClosed) {
    read();
    await process.sleep(lookMs);
  }
  const first = inbox.shift();
  const name = /^play (\S+)$/m.exec(first?.message.content ?? '')?.[1];
  if (first === undefined || name === undefined) throw new Error('no line "play NAME" in the prompt');
  const argument = (flag: string): string | null => args[args.indexOf(flag) + 1 || args.length] ?? null;
  const resumed = argument('--resume');
  conversation = resumed ?? argument('--session-id');
  const append = (what: string, value: unknown): void =>
    files.write(join(cwd, `${name}.${what}`), Buffer.from(`${JSON.stringify(value)}\n`), true);

  append('starts', resumed);
  const starts = readFileSync(join(cwd, `${name}.starts`), 'utf8')
    .trimEnd()
    .split('\n').length;
  const heard: string[] = [];
  const hear = (): readonly UserLine[] => {
    read();
    const said = inbox.splice(0);
    for (const { uuid, message } of said) {
      const path = join(cwd, `${name}.heard`);
      const known = existsSync(path) ? readFileSync(path, 'utf8') : '';
      if (!known.includes(uuid)) append('heard', { conversation, uuid, text: message.content });
      heard.push(message.content);
      say({ type: 'user', message, uuid, isReplay: true });
    }
    return said;
  };
  const ask = async ({ tool, input: given }: { tool: string; input: object }): Promise<void> => {
    const request_id = `ask-${starts}-${answers.size}`;
    const request = { subtype: 'can_use_tool', tool_name: tool, input: given };
    say({ type: 'control_request', request_id, request });
    while (!answers.has(request_id) && !isClosed) {
      await process.sleep(lookMs);
      read();
    }
    append('answers', answers.get(request_id) ?? null);
  };

  const plays: Step[][] = JSON.parse(readFileSync(join(cwd, `${name}.play.json`), 'utf8'));
  say({ type: 'system', subtype: 'init' });
  say({ type: 'user', message: first.message, uuid: first.uuid, isReplay: true });
  let status = 0;
  let hasResult = false;
  for (const step of plays[Math.min(starts, plays.length) - 1] ?? []) {
    hear();
    if ('line' in step) {
      say(step.line);
      hasResult ||= 'type' in step.line && step.line.type === 'result';
    }
    if ('make' in step) writeFileSync(join(cwd, step.make), '');
    if ('ms' in step) await process.sleep(step.ms);
    if ('wait' in step)
      for (let i = 0; i < 600 && !existsSync(join(cwd, step.wait)); i++) await process.sleep(50);
    if ('ask' in step) await ask(step.ask);
    while ('hear' in step && !isClosed) {
      hear();
      if (heard.some((text) => text.includes(step.hear))) break;
      await process.sleep(lookMs);
    }
    if ('exit' in step) status = step.exit;
  }
  for (let turns = 0; hasResult; ) {
    read();
    if (inbox.length === 0 && isClosed) break;
    if (inbox.length === 0) {
      await process.sleep(lookMs);
      continue;
    }
    turns += 1;
    say({ type: 'system', subtype: 'init' });
    const result = `Heard: ${hear()
      .map(({ message }) => message.content)
      .join(' ')}`;
    const message = {
      ...{ id: `msg_heard_${starts}_${turns}`, model: 'claude-x', usage: { input_tokens: 1 } },
      content: [{ type: 'text', text: result }],
    };
    say({ type: 'assistant', message });
    say({ type: 'result', subtype: 'success', is_error: false, result, num_turns: 1, modelUsage: {} });
  }
  return status;
};
