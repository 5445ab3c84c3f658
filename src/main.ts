import manifest from '../package.json' with { type: 'json' };
import type { LogLevel } from './application/ports/log.ts';
import type { LogListener, OpenProject, Runtime, UnreadProject } from './application/runtime.ts';
import { showPath } from './domain/errors.ts';
import { showControls } from './domain/invisible-marks.ts';
import { bridgeCommand } from './infrastructure/backends/agent-client/bridge-options.ts';
import { mayTrace } from './infrastructure/config/may-trace.ts';
import type { PartialConfig } from './infrastructure/config/settings-table.ts';
import { isRelativeHome, maosHome } from './infrastructure/files/home/maos-home.ts';
import type { IdleProjectWatcher } from './infrastructure/instances/idle-project-watcher.ts';
import type { InstanceRegistration } from './infrastructure/instances/instance-registration.ts';
import type { MaosRuntime } from './maos-runtime.ts';
import { runCli } from './presentation/cli/cli.ts';
import { crashReport } from './presentation/cli/shell/error-report.ts';
import { keepIgnoring } from './presentation/ending-signals.ts';

/**
 * Problem: a client waits for `initialize`, which needs neither stores nor processes nor settings.
 * Solution: load those when the runtime is first used.
 */
class EarlyRuntime {
  readonly version = manifest.version;
  readonly home = maosHome(process.env);
  readonly #flags: PartialConfig;
  readonly #logListeners = new Set<LogListener>();
  #loading: Promise<MaosRuntime> | null = null;
  #loaded: MaosRuntime | null = null;
  #registration: InstanceRegistration | null = null;
  #idleWatcher: IdleProjectWatcher | null = null;

  constructor(flags: PartialConfig) {
    this.#flags = flags;
  }

  async prepare(): Promise<void> {
    await this.load();
  }

  async *allProjects(onUnread?: (project: UnreadProject) => void): AsyncIterable<OpenProject> {
    yield* (await this.load()).allProjects(onUnread);
  }

  /** Loads the supervising code only when there are sessions. */
  async watchProject(path: string): Promise<void> {
    if (this.#loading !== null) return (await this.load()).watchProject(path);
    const [{ IdleProjectWatcher }, registration] = await Promise.all([
      import('./infrastructure/instances/idle-project-watcher.ts'),
      this.#loadRegistration(),
    ]);
    this.#idleWatcher = new IdleProjectWatcher(registration, this.home, path);
    await this.#idleWatcher.begin(() => {
      const watched = this.load().then((runtime) => runtime.watchProject(path));
      watched.catch((error: unknown) =>
        this.log('error', 'cannot watch the sessions of the project', { error }),
      );
    });
  }

  /** Without the loaded runtime, this process owns no session. */
  async detach(how?: 'keep'): Promise<void> {
    this.#idleWatcher?.end();
    if (this.#loaded !== null) await this.#loaded.detach(how);
    else this.#registration?.withdraw();
  }

  async finishNotifications(): Promise<void> {
    await this.#loaded?.finishNotifications();
  }

  /** For `trace`, loads the settings only if they may enable it. */
  async logs(level: LogLevel): Promise<boolean> {
    if (this.#loading === null && level === 'trace' && !mayTrace(this.home, process.env)) return false;
    return (await this.load()).logs(level);
  }

  /** A server that receives no request writes no log, except for warnings and errors. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#loaded !== null) this.#loaded.log(level, message, fields);
    else if (level === 'error' || level === 'warn') {
      void this.load().then((runtime) => runtime.log(level, message, fields));
    }
  }

  watchLog(listener: LogListener): () => void {
    this.#logListeners.add(listener);
    return () => this.#logListeners.delete(listener);
  }

  close(): void {
    this.#idleWatcher?.end();
    this.#loaded?.close();
  }

  async #loadRegistration(): Promise<InstanceRegistration> {
    const { InstanceRegistration } = await import('./infrastructure/instances/instance-registration.ts');
    this.#registration ??= new InstanceRegistration(this.home, this.version, (file, mode) =>
      this.log('warn', 'a file was readable by other users; removed the permission', {
        file,
        from: mode.toString(8),
      }),
    );
    return this.#registration;
  }

  load(): Promise<MaosRuntime> {
    this.#loading ??= Promise.all([import('./maos-runtime.ts'), this.#loadRegistration()]).then(
      ([module, registration]) => {
        this.#loaded = new module.MaosRuntime(this.#flags, registration, this.#logListeners);
        return this.#loaded;
      },
    );
    return this.#loading;
  }
}

// Node would print the source line, which contains most of the bundle.
process.on('uncaughtException', (error) => {
  const { status, text } = crashReport(error);
  process.stderr.write(text);
  process.exit(status);
});

/** Methods that only need the loaded runtime; {@link EarlyRuntime} has all others. */
type Deferred = {
  [Name in Exclude<keyof Runtime, keyof EarlyRuntime>]: Runtime[Name] extends (
    ...args: never[]
  ) => Promise<unknown>
    ? Name
    : never;
}[Exclude<keyof Runtime, keyof EarlyRuntime>];

function lateRuntime(early: EarlyRuntime): Runtime {
  const proxy: object = new Proxy(early, {
    get(target, name) {
      if (name in target) {
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      }
      // `await` checks whether the runtime is a promise.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      return async (...args: never[]) => {
        const runtime = await target.load();
        const method = runtime[name as Deferred] as (...args: never[]) => Promise<unknown>;
        return method.apply(runtime, args);
      };
    },
  });
  return proxy as Pick<Runtime, Deferred> & EarlyRuntime;
}

/** Makes MAOS_HOME absolute, because agents and other MAOS processes inherit it and run in other folders. */
function makeRuntime(flags: PartialConfig): Runtime {
  const runtime = lateRuntime(new EarlyRuntime(flags));
  if (isRelativeHome(process.env)) {
    const chosen = showPath(process.env.MAOS_HOME ?? '');
    process.stderr.write(
      `maos: MAOS_HOME is a relative path, ${chosen}: using ${showControls(runtime.home)}. Set it to an absolute path.\n`,
    );
  }
  if (process.env.MAOS_HOME) process.env.MAOS_HOME = runtime.home;
  return runtime;
}

/** No top-level `await`, because the bundle is a script (see tsup.config.ts). */
async function main(): Promise<void> {
  // Node writes to a terminal synchronously: one stopped by Ctrl-S would block everything until Ctrl-Q, even starting
  // and ending agents. Where output must be complete, the program waits for it, so writes can be asynchronous.
  if (process.stdout.isTTY) {
    const { _handle: handle } = process.stdout as {
      _handle?: { setBlocking?: (isBlocking: boolean) => unknown };
    };
    handle?.setBlocking?.(false);
  }

  if (process.argv[2] === bridgeCommand) {
    const { runBridge } = await import('./infrastructure/backends/agent-client/bridge.ts');
    process.exit(await runBridge(process.argv.slice(3), manifest.version));
  }

  process.exitCode = await runCli(process.argv.slice(2), makeRuntime, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    endingSignals: keepIgnoring(process.env, process),
    parseText: async (source, format) => {
      const { parseText } = await import('./infrastructure/text-formats/parse-text.ts');
      return parseText(source, format);
    },
    replaceFile: async (path, text, mode) => {
      const { writeFileAtomic } = await import('./infrastructure/files/disk/atomic.ts');
      await writeFileAtomic(path, text, { mode });
    },
  });
}

void main();
