import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { bundle, type MaosFolder } from '../presentation/cli/maos-process.ts';
import { until } from './waiting.ts';

const execute = promisify(execFile);
const isMissing = spawnSync('tmux', ['-V']).status !== 0;

/** For the option `skip` of tests. In CI nothing is skipped, and a test that lacks tmux fails. */
export const withoutTmux: string | false =
  isMissing && !process.env.CI ? 'needs tmux: install the package tmux of your system' : false;

const serverSettings = `
set -g history-limit 100000
set -g status off
set -g default-terminal tmux-256color
`;

export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

export interface WindowOptions extends WindowSize {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Default: an interactive bash without configuration, whose prompt is {@link promptWith}. */
  readonly shell?: readonly string[];
}

/** The prompt of the window's bash: it shows the exit status of the last command. */
export function promptWith(status: number): RegExp {
  return new RegExp(`^${status}\\$ *$`, 'm');
}

/** A window of a private tmux server: a real terminal, with job control, history and resizing. */
export class TmuxWindow {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens a window, which is closed after the test, and waits for the first prompt of bash. */
  static async open(t: TestContext, options: WindowOptions): Promise<TmuxWindow> {
    const folder = mkdtempSync(join(tmpdir(), 'tmux-'));
    const window = new TmuxWindow(folder);
    t.after(async () => {
      await window.#tmux('kill-server').catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    });
    const { columns, rows, cwd, shell = ['bash', '--norc', '--noprofile', '-i'] } = options;
    const settings = join(folder, 'tmux.conf');
    writeFileSync(settings, serverSettings);
    const size = ['-x', String(columns), '-y', String(rows)];
    await execute(
      'tmux',
      ['-u', '-S', window.#socket, '-f', settings, 'new-session', '-d', ...size, '-c', cwd, '--', ...shell],
      { env: environment(options.env) },
    );
    if (options.shell === undefined) await window.waitFor(promptWith(0));
    return window;
  }

  /** Types a line and presses Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', '--', line);
    await this.keys('Enter');
  }

  /** Presses keys, by their names in tmux: `C-c`, `Enter`, `Down`, `q`. */
  async keys(...names: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', '--', ...names);
  }

  /** Waits until the screen shows the text, and returns the screen. */
  async waitFor(text: string | RegExp): Promise<string> {
    let shown = '';
    await until(
      async () => {
        shown = await this.screen();
        return typeof text === 'string' ? shown.includes(text) : text.test(shown);
      },
      () => `${text} on the screen:\n${shown}`,
    );
    return shown;
  }

  /** The lines that are visible now, without trailing blanks and blank lines. */
  async screen(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p')).trimEnd();
  }

  /** The lines that have scrolled out at the top, oldest first. */
  async scrollback(): Promise<readonly string[]> {
    if (Number(await this.format('#{history_size}')) === 0) return [];
    return (await this.#tmux('capture-pane', '-p', '-S', '-', '-E', '-1')).replace(/\n$/, '').split('\n');
  }

  /** Begins with an empty screen, without a prompt, and no history. */
  async begin(): Promise<void> {
    await this.#tmux('send-keys', '-R', ';', 'clear-history');
  }

  /** All lines since then as they were printed, also where the terminal has wrapped them. */
  async printed(): Promise<readonly string[]> {
    const lines = (await this.#tmux('capture-pane', '-p', '-J', '-S', '-', '-E', '-')).trimEnd().split('\n');
    return lines.map((line) => line.trimEnd());
  }

  async resize({ columns, rows }: WindowSize): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The value of a tmux format, such as `#{cursor_flag}` (1 while the cursor is shown) or `#{alternate_on}`. */
  async format(format: string): Promise<string> {
    return (await this.#tmux('display-message', '-p', format)).trimEnd();
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    // What the server is started with, all windows have. Of the variables of MAOS, maos would complain of unknown ones.
    const env = Object.entries(process.env).filter(([name]) => !name.startsWith('MAOS_'));
    const { stdout } = await execute('tmux', ['-u', '-S', this.#socket, ...words], {
      env: { ...Object.fromEntries(env), TMUX: '' },
      maxBuffer: 2 ** 28,
    });
    return stdout;
  }

  get #socket(): string {
    return join(this.#folder, 'socket');
  }
}

/** A window in the project of a test, where `maos` is the built program. */
export function maosWindow(
  t: TestContext,
  folder: MaosFolder,
  size: WindowSize,
  env: NodeJS.ProcessEnv = {},
): Promise<TmuxWindow> {
  const bin = mkdtempSync(join(tmpdir(), 'maos-bin-'));
  t.after(() => rmSync(bin, { recursive: true, force: true }));
  symlinkSync(bundle, join(bin, 'maos'));
  const path = [bin, dirname(process.execPath), process.env.PATH].join(delimiter);
  return TmuxWindow.open(t, { ...size, cwd: folder.project, env: { ...folder.env, PATH: path, ...env } });
}

/** Without what would make programs believe that they are not on a terminal of their own. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, TMUX: ____, COLUMNS: _____, LINES: ______, ...others } = env;
  // Of the test run, which maos does not know.
  const { MAOS_TEST_BUNDLE_COVERAGE: _______, ...rest } = others;
  // A shell that a killed test leaves behind ends by itself.
  return { ...rest, LC_ALL: 'C.UTF-8', PS1: '$?$ ', TMOUT: '600', HISTFILE: '' };
}
