import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { SettingScope } from '../../../application/runtime.ts';
import { isMaosError, MaosError, quote } from '../../../domain/errors.ts';
import type { CommandContext } from '../command.ts';
import { homePath } from '../render/home-path.ts';

const emptySettings = '{\n}\n';

/**
 * Opens a copy of a settings file in the user's editor, and replaces the file once the copy is valid. A copy that is
 * not stays beside the file, and the next edit goes on with it.
 * @returns the file, and whether it was changed
 * @throws MaosError CONFIG_INVALID, INVALID_INPUT (no editor, or it failed), and errors of writing
 */
export async function editSettings(context: CommandContext, scope: SettingScope) {
  const { terminal, projectPath, env } = context;
  const runtime = context.runtime();
  const { file, text: before } = await runtime.openSettings(projectPath, scope);
  const copy = `${file}.edited`;
  const shownCopy = homePath(copy, env.HOME);
  if ((await textOf(copy)) === null) await writeFile(copy, before ?? emptySettings, { mode: 0o600 });
  else terminal.notice(`Continuing with the text that was not valid: ${shownCopy}`);
  const interrupted = context.watchInterrupts();
  for (;;) {
    await openEditor(copy, context);
    const text = (await textOf(copy)) ?? '';
    if (text === (before ?? emptySettings)) {
      await rm(copy, { force: true });
      return { file, changed: false };
    }
    try {
      await runtime.replaceSettings(projectPath, scope, { before, text });
      await rm(copy, { force: true });
      return { file, changed: true };
    } catch (error) {
      if (!isMaosError(error, 'CONFIG_INVALID')) throw error;
      if (await wantsAgain(context, error.message, interrupted)) continue;
      throw new MaosError(
        'CONFIG_INVALID',
        `${error.message}\nNothing was changed. Your text is kept in ${shownCopy}: '${context.program} config edit' continues with it; remove it to start over.`,
        { details: { ...error.details, kept: copy }, cause: error },
      );
    }
  }
}

/** Ctrl-C is a no. */
async function wantsAgain(
  { terminal, stdin }: CommandContext,
  problem: string,
  interrupted: AbortSignal,
): Promise<boolean> {
  if (!terminal.live || stdin.isTTY !== true || interrupted.aborted) return false;
  terminal.notice(problem);
  terminal.question('Edit it again? [Y/n] ');
  const lines = createInterface({ input: stdin });
  try {
    return !/^n/i.test((await lines.question('', { signal: interrupted })).trim());
  } catch (error) {
    if (!interrupted.aborted) throw error;
    terminal.question('\n');
    return false;
  } finally {
    lines.close();
  }
}

async function openEditor(file: string, context: CommandContext): Promise<void> {
  const { env, terminal, stdin } = context;
  const isTerminal = terminal.live && stdin.isTTY === true;
  const editor = env.VISUAL || env.EDITOR || (isTerminal ? 'vi' : '');
  if (editor === '') {
    throw new MaosError('INVALID_INPUT', 'No editor is set: set VISUAL or EDITOR, such as EDITOR=nano.', {
      details: { variables: ['VISUAL', 'EDITOR'] },
    });
  }
  // As git does, so that the variable can contain options. The trap keeps a Ctrl-C in the editor from ending the shell.
  const child = spawn('/bin/sh', ['-c', `trap : INT; ${editor} "$@"`, editor, file], {
    stdio: isTerminal ? 'inherit' : ['ignore', 'ignore', 'inherit'],
    env: { ...env },
  });
  const takeBack = context.lendTerminal();
  const [status, signal] = await once(child, 'close').finally(takeBack);
  if (status === 0) return;
  const how = signal === null ? `with status ${status}` : `by ${signal}`;
  throw new MaosError(
    'INVALID_INPUT',
    `The editor ${quote(editor)} ended ${how}, so nothing was changed. Your text is kept in ${homePath(file, env.HOME)}.`,
    { details: { editor, status, signal } },
  );
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
