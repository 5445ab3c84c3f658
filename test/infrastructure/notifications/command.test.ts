import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Notification, testNotification } from '../../../src/domain/notification.ts';
import { makeCommand } from '../../../src/infrastructure/notifications/command.ts';
import { until } from '../../helpers/waiting.ts';

const signal = new AbortController().signal;
const node = process.execPath;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'maos-notify-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe('a command for notifications', () => {
  it('gets all of it on stdin and in variables, with no shell between', async (t) => {
    const cwd = folder(t);
    const script = join(cwd, 'note.cjs');
    writeFileSync(
      script,
      `const fs = require('fs');
       const { env, argv } = process;
       fs.writeFileSync('seen.json', JSON.stringify({ argv: argv.slice(2), env, input: fs.readFileSync(0, 'utf8') }));`,
    );
    const evil = '"; touch pwned; $(touch pwned) `touch pwned` \u001b]0;x\u0007';
    const sent: Notification = {
      ...testNotification('ntf_1', '2026-01-01T00:00:00.000Z'),
      text: evil,
      data: { action: evil },
    };
    const env = {
      PATH: process.env.PATH,
      MAOS_AGENT_ID: 'agent-1',
      MAOS_AGENT_TOKEN: 'token',
      MAOS_HOME: '/h',
    };
    const send = makeCommand({ command: [node, script, '$HOME;', 'a b'], cwd, env });
    assert.deepEqual(await send(sent, signal), { type: 'sent' });
    const seen = JSON.parse(readFileSync(join(cwd, 'seen.json'), 'utf8'));
    assert.deepEqual(seen.argv, ['$HOME;', 'a b']);
    assert.deepEqual(JSON.parse(seen.input), sent);
    assert.equal(seen.env.MAOS_NOTIFICATION_TEXT, evil);
    assert.equal(seen.env.MAOS_HOME, '/h');
    assert.equal(seen.env.MAOS_AGENT_ID, undefined);
    assert.equal(seen.env.MAOS_AGENT_TOKEN, undefined);
    assert.throws(() => readFileSync(join(cwd, 'pwned')), /ENOENT/);
  });

  it('says how it failed, in one harmless line', async (t) => {
    const cwd = folder(t);
    const outcome = (command: string[], timeoutMs = 30_000) =>
      makeCommand({ command, cwd, env: process.env, timeoutMs })(testNotification('ntf_1', ''), signal);
    const failing =
      'console.error("first\\n\\u001b[31mno such channel, key sk-0123456789abcdefghij"); process.exit(3)';
    assert.deepEqual(await outcome([node, '-e', failing]), {
      type: 'refused',
      reason: `${node} exited with status 3: \\u001b[31mno such channel, key [redacted]`,
    });
    assert.deepEqual(await outcome(['/no/such/program']), {
      type: 'refused',
      reason: '/no/such/program cannot be started: ENOENT',
    });
    assert.deepEqual(await outcome([node, '-e', 'process.stdin.destroy()']), { type: 'sent' });
  });

  it('ends what takes too long, with all it started', async (t) => {
    const cwd = folder(t);
    const hang = `const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      require('fs').writeFileSync('pid', String(child.pid)); setInterval(() => {}, 1000)`;
    const send = makeCommand({ command: [node, '-e', hang], cwd, env: process.env, timeoutMs: 1_500 });
    const outcome = await send(testNotification('ntf_1', ''), signal);
    assert.ok(
      outcome.type === 'refused' && /took longer than 1\.5 s/.test(outcome.reason),
      JSON.stringify(outcome),
    );
    const pid = Number(readFileSync(join(cwd, 'pid'), 'utf8'));
    await until(() => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    });
  });
});
