import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/waiting.ts';

const maos = fileURLToPath(new URL('../../bin/maos.js', import.meta.url));
const page = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
const [, lines = '', plan = ''] =
  /\n## Two machines in ten commands\n+```\n(.*?)\n```.*?```json\n(.*?)\n```/s.exec(page) ?? [];

/** One computer in the place of a network: each machine is a home and a terminal. */
class Network {
  readonly #folder = mkdtempSync(join(tmpdir(), 'maos-ten-'));
  readonly #running: ChildProcess[] = [];

  constructor(t: TestContext) {
    for (const name of ['bin', 'server', 'host', 'home']) mkdirSync(join(this.#folder, name));
    const start = `#!/bin/sh\nexec '${process.execPath}' '${maos}' "$@"\n`;
    writeFileSync(join(this.#folder, 'bin', 'maos'), start, { mode: 0o755 });
    writeFileSync(join(this.#folder, 'home', 'team.json'), plan);
    t.after(async () => {
      for (const child of this.#running.reverse()) await end(child);
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  /** Where the server stores. */
  get store(): string {
    return join(this.#folder, 'store');
  }

  /** Types a line into the terminal of a machine. @returns what it has printed so far */
  type(machine: string, line: string): { readonly child: ChildProcess; readonly printed: () => string } {
    const cwd = join(this.#folder, machine);
    const { PATH = '' } = process.env;
    const child = spawn('sh', ['-c', line], {
      cwd,
      // A group of its own, to end it with what it has started.
      detached: true,
      env: { PATH: `${join(this.#folder, 'bin')}:${PATH}:/usr/sbin`, HOME: cwd },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.push(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text += chunk;
      });
    }
    return { child, printed: () => text };
  }

  /** Types a line that runs until it is ended, and waits for its text. */
  async begin(machine: string, line: string, sign: string): Promise<void> {
    const { child, printed } = this.type(machine, line);
    await until(() => printed().includes(sign) || child.exitCode !== null, printed);
    assert.equal(child.exitCode, null, `${line}: ${printed()}`);
  }

  async run(machine: string, line: string): Promise<string> {
    const { child, printed } = this.type(machine, line);
    if (child.exitCode === null) await once(child, 'close');
    assert.equal(child.exitCode, 0, `${line}: ${printed()}`);
    return printed();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-(child.pid as number), 'SIGKILL');
  await once(child, 'exit');
}

/** The lines to type, by the machine to type them on. */
function typed(network: Network): Readonly<Record<'server' | 'host' | 'home', readonly string[]>> {
  // A loopback address of its own, so that the port can stay.
  const address = `127.77.${Math.floor(process.pid / 250) % 250}.${(process.pid % 250) + 1}`;
  const own = lines.replaceAll('10.0.0.1', address).replaceAll('/var/lib/maos-nats', network.store);
  const parts = own.split(/^# (?:on |at )(?:the )?(server|host|home).*$/m);
  const of = (machine: string): string[] =>
    (parts[parts.indexOf(machine) + 1] ?? '').split('\n').filter((line) => line !== '');
  return { server: of('server'), host: of('host'), home: of('home') };
}

describe('two machines in ten commands', { timeout: 120_000 }, () => {
  it('run a team as the page says', async (t) => {
    const network = new Network(t);
    const { server, host, home } = typed(network);
    assert.equal([...server, ...host, ...home].length, 10, lines);
    const [install = '', serve = ''] = server;
    assert.match(install, /^apt-get install nats-server$/);
    await network.begin('server', serve, 'Server is ready');

    const takes = host.at(-1) ?? '';
    for (const line of host.slice(0, -1)) await network.run('host', line);
    await network.begin('host', takes, 'takes agents of gpu');

    const [configure = '', list = '', run = '', status = '', logs = '', ...more] = home;
    assert.deepEqual(more, []);
    await network.run('home', configure);
    assert.match(await network.run('home', list), / free +0 of 2 +gpu /);
    const ran = await network.run('home', run);
    assert.match(ran, /completed/);
    assert.match(await network.run('home', status), /completed.*\n(.*\n)*.*WHERE(.*\n)*.*there .*host /);
    assert.match(await network.run('home', logs), new RegExp(`Linux ${hostname()}`));
  });
});
