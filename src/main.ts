import manifest from '../package.json' with { type: 'json' };
import type { LogLevel } from './application/ports.ts';
import type { OpenProject, Runtime } from './application/runtime.ts';
import { findJsonError } from './infrastructure/config/json-position.ts';
import type { PartialConfig } from './infrastructure/config/settings-table.ts';
import { maosHome } from './infrastructure/files/maos-home.ts';
import type { MaosRuntime } from './maos-runtime.ts';
import { runCli } from './presentation/cli/cli.ts';

/**
 * Problem: a client waits for `initialize`, for which nothing of stores, processes and settings is needed.
 * Solution: they are loaded when the runtime is first asked for something.
 */
class LateRuntime implements Runtime {
  readonly version = manifest.version;
  readonly home = maosHome(process.env);
  readonly #flags: PartialConfig;
  #loading: Promise<MaosRuntime> | null = null;
  #loaded: MaosRuntime | null = null;

  constructor(flags: PartialConfig) {
    this.#flags = flags;
  }

  async prepare(): Promise<void> {
    await this.#load();
  }

  async openProject(path: string): Promise<OpenProject> {
    return (await this.#load()).openProject(path);
  }

  async findProject(path: string): Promise<OpenProject | null> {
    return (await this.#load()).findProject(path);
  }

  async *allProjects(): AsyncIterable<OpenProject> {
    yield* (await this.#load()).allProjects();
  }

  async probeBackends() {
    return (await this.#load()).probeBackends();
  }

  async settings(path: string) {
    return (await this.#load()).settings(path);
  }

  async checkStore(path: string) {
    return (await this.#load()).checkStore(path);
  }

  async supervise(path: string, from: string): Promise<void> {
    await (await this.#load()).supervise(path, from);
  }

  /** What was never loaded owns no session. */
  async handOver(): Promise<void> {
    await this.#loaded?.handOver();
  }

  /** A server that nobody asked for anything leaves no log behind, unless it has something to complain about. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#loaded !== null) this.#loaded.log(level, message, fields);
    else if (level === 'error' || level === 'warn') {
      void this.#load().then((runtime) => runtime.log(level, message, fields));
    }
  }

  close(): void {
    this.#loaded?.close();
  }

  #load(): Promise<MaosRuntime> {
    this.#loading ??= import('./maos-runtime.ts').then((module) => {
      this.#loaded = new module.MaosRuntime(this.#flags);
      return this.#loaded;
    });
    return this.#loading;
  }
}

process.exitCode = await runCli(process.argv.slice(2), (flags) => new LateRuntime(flags), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  findJsonError,
});
