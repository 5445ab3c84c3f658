import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * Plays Claude Code's part with live input: it takes each message at once, asks for a permission then, and takes the
 * answer. The file `stamps` gets a line for each: what, and when. After ROUNDS messages it gives its result.
 */

const rounds = Number(process.env.ASKING_ROUNDS ?? 1);
const session_id = '11111111-2222-4333-8444-555555555555';
const print = (line) => process.stdout.write(`${JSON.stringify({ session_id, ...line })}\n`);
const stamp = (what) => appendFileSync('stamps', `${what} ${Date.now()}\n`);
let messages = -1;

if (process.argv.includes('--version')) {
  process.stdout.write('9.9.9 (Claude Code)\n');
  process.exit();
}
for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text);
  if (line.type === 'user') {
    if (messages >= 0) stamp('heard');
    messages += 1;
    if (messages === 0) print({ type: 'system', subtype: 'init' });
    print({ ...line, isReplay: true });
    if (messages === 0) continue;
    const request = { subtype: 'can_use_tool', tool_name: 'Bash', input: { command: `make ${messages}` } };
    stamp('asked');
    print({ type: 'control_request', request_id: `ask-${messages}`, request });
  } else {
    stamp('answered');
    if (messages < rounds) continue;
    const message = { id: 'msg_1', model: 'claude-x', usage: {}, content: [{ type: 'text', text: 'Done.' }] };
    print({ type: 'assistant', message });
    print({ type: 'result', subtype: 'success', is_error: false, result: 'Done.', num_turns: 1 });
  }
}
