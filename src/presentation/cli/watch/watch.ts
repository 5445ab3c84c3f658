import { isMaosError } from '../../../domain/errors.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { FullScreen } from './full-screen.ts';
import { Keyboard } from './keyboard.ts';
import { perform } from './perform.ts';
import { WatchSources } from './sources.ts';
import { type Effect, initialState } from './state.ts';
import { update, type WatchEvent } from './update.ts';
import { renderWatch } from './view.ts';

/** Shortest time between two drawings. */
const frameMs = 100;
/** Elapsed times advance by the second. */
const tickMs = 1_000;

/**
 * Shows sessions on the whole terminal until the user leaves. Sessions that this process had to take over continue in
 * the background.
 * @param session opened at once; null: begins with the list
 * @returns the exit status
 */
export async function watchSessions(context: CommandContext, session: OpenSession | null): Promise<number> {
  const { terminal, stdin } = context;
  const interrupted = context.watchInterrupts();
  const over = new AbortController();
  const all = context.options.flag('all');
  const size = (): { columns: number; rows: number } => ({ columns: terminal.columns, rows: terminal.rows });
  let state = initialState(size(), Date.now(), { all, session: session?.id ?? null });
  const screen = new FullScreen(terminal);
  let frame: NodeJS.Timeout | null = null;
  const draw = (): void => {
    frame = null;
    // The next frame is newer anyway.
    if (screen.isBehind) drawSoon();
    else screen.draw(renderWatch(state, terminal.canvas.paint));
  };
  const drawSoon = (): void => {
    if (!over.signal.aborted) frame ??= setTimeout(draw, frameMs);
  };
  const apply = (event: WatchEvent): void => {
    if (over.signal.aborted) return;
    const next = update(state, event);
    state = next.state;
    sources.follow(state);
    for (const effect of next.effects) run(effect);
    // Keys are answered at once, those that arrived together by one frame.
    if (event.type === 'input' && frame !== null) clearTimeout(frame);
    if (event.type === 'input') frame = setTimeout(draw);
    else drawSoon();
  };
  const sources = new WatchSources(context, { all, session }, apply);
  const keyboard = new Keyboard(
    stdin,
    (input) => apply({ type: 'input', input }),
    () => over.abort(),
  );
  const show = (): void => {
    keyboard.start();
    screen.enter(state.mouse);
    screen.forget();
    apply({ type: 'resized', size: size() });
  };
  const onResize = (): void => {
    screen.forget();
    apply({ type: 'resized', size: size() });
  };
  const onContinue = (): void => {
    keyboard.stop();
    screen.leave();
    show();
  };
  /** The terminal is the shell's while this process is stopped, by Ctrl-Z or from elsewhere. */
  const onStop = (): void => {
    keyboard.stop();
    screen.leave();
    void terminal.drained().then(() => {
      // Without a listener the signal stops the process here; the next line runs when it continues, or at once where
      // nobody could let it continue.
      process.removeListener('SIGTSTP', onStop);
      process.kill(0, 'SIGTSTP');
      process.on('SIGTSTP', onStop);
      onContinue();
    });
  };
  function run(effect: Effect): void {
    switch (effect.type) {
      case 'quit':
        over.abort();
        return;
      case 'mouse':
        screen.setMouse(effect.on);
        return;
      case 'suspend':
        // The whole foreground job, so that the shell notices also behind a starter such as npx.
        process.kill(0, 'SIGTSTP');
        return;
      default:
        void change(effect);
    }
  }
  async function change(effect: Parameters<typeof perform>[0]): Promise<void> {
    const target = sources.opened(effect.id);
    if (target === null) return;
    try {
      const { runtime, env, projectPath } = context;
      const caller = { runtime, env, projectPath, terminal: { notice: () => {} } };
      const text = await perform(effect, target, caller, over.signal);
      sources.readNow();
      apply({ type: 'told', text, failed: false });
    } catch (error) {
      if (!isMaosError(error)) context.runtime().log('error', 'an action failed', { error });
      apply({ type: 'told', text: error instanceof Error ? error.message : String(error), failed: true });
    }
  }
  const tick = setInterval(() => apply({ type: 'ticked', now: Date.now() }), tickMs);
  process.on('SIGWINCH', onResize);
  process.on('SIGTSTP', onStop);
  process.on('SIGCONT', onContinue);
  try {
    show();
    await sources.start();
    await ended(AbortSignal.any([over.signal, interrupted, terminal.outputLost]));
  } finally {
    over.abort();
    process.removeListener('SIGWINCH', onResize);
    process.removeListener('SIGTSTP', onStop);
    process.removeListener('SIGCONT', onContinue);
    clearInterval(tick);
    if (frame !== null) clearTimeout(frame);
    sources.stop();
    keyboard.stop();
    screen.dispose();
  }
  if (sources.ownsSessions) await context.detach('keep');
  return interrupted.aborted ? exitStatus.interrupted : exitStatus.done;
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}
