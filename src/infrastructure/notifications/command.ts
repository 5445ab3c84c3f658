import { spawn } from 'node:child_process';
import type { SendNotification, SendOutcome } from '../../application/ports/notifications.ts';
import { startOf } from '../../domain/cut-text.ts';
import { showControls } from '../../domain/invisible-marks.ts';
import type { Notification } from '../../domain/notification.ts';
import { redactText } from '../logging/redact.ts';

export interface CommandOptions {
  /** The program and its arguments, run without a shell. */
  readonly command: readonly string[];
  /** The folder to run it in. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: 30 s. */
  readonly timeoutMs?: number;
}

const killAfterMs = 2_000;
const maxStderr = 4_096;
const maxReason = 300;

/**
 * Runs a program of the user for each notification. The program gets the notification as JSON on stdin, and parts of it
 * in variables. No text of an agent becomes part of the command line. Ends the program's process group after the time
 * limit.
 */
export function makeCommand({ command, cwd, env, timeoutMs = 30_000 }: CommandOptions): SendNotification {
  const [program = '', ...args] = command;
  return (notification) =>
    new Promise<SendOutcome>((resolve) => {
      const child = spawn(program, args, {
        cwd,
        env: { ...withoutAgent(env), ...variablesOf(notification) },
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
      });
      let said = '';
      let isLate = false;
      const kill = (signal: NodeJS.Signals): void => {
        if (child.pid === undefined) return;
        try {
          process.kill(-child.pid, signal);
        } catch {
          // It has already ended.
        }
      };
      const timers = [
        setTimeout(() => {
          isLate = true;
          kill('SIGTERM');
        }, timeoutMs),
        setTimeout(() => kill('SIGKILL'), timeoutMs + killAfterMs),
      ];
      for (const timer of timers) timer.unref();
      const done = (reason: string | null): void => {
        for (const timer of timers) clearTimeout(timer);
        child.stderr.destroy();
        resolve(reason === null ? { type: 'sent' } : { type: 'refused', reason: `${program} ${reason}` });
      };
      child.stderr.on('data', (piece: Buffer) => {
        said = (said + piece).slice(-maxStderr);
      });
      child.once('error', (error: NodeJS.ErrnoException) => done(`cannot be started: ${error.code}`));
      // 'exit' instead of 'close': processes that it leaves running may keep its stderr open forever.
      child.once('exit', (status, signal) => {
        if (status === 0) return done(null);
        const how = isLate
          ? `took longer than ${timeoutMs / 1_000} s`
          : signal === null
            ? `exited with status ${status}`
            : `was ended by ${signal}`;
        done(`${how}${lastLineOf(said)}`);
      });
      // Fails if the program does not read its input.
      child.stdin.on('error', () => {});
      child.stdin.end(`${JSON.stringify(notification)}\n`);
    });
}

/** Without an agent's variables, because the command acts for the user, even if this process runs inside an agent. */
function withoutAgent(env: CommandOptions['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MAOS_AGENT_')));
}

function variablesOf({ id, kind, type, text, session }: Notification): Record<string, string> {
  return {
    MAOS_NOTIFICATION_ID: id,
    MAOS_NOTIFICATION_KIND: kind,
    MAOS_NOTIFICATION_TYPE: type,
    MAOS_NOTIFICATION_TEXT: text,
    ...(session === null ? {} : { MAOS_SESSION_ID: session.id, MAOS_PROJECT_ROOT: session.project }),
  };
}

function lastLineOf(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${startOf(showControls(redactText(line)), maxReason)}`;
}
