import { spawnSync } from 'node:child_process';
import { isAlive } from '../helpers/machines.ts';
import type { SeededRandom } from './dice.ts';

const bridge = `maos${process.pid}`;
const subnet = `10.231.${process.pid % 256}`;
/** Links and namespaces of campaigns. */
const own = /\bmaos(\d+)(?:n\d+)?\b/g;

/**
 * A network of this campaign, whose server is at one address and whose hosts have a network namespace each. Linux, as
 * root.
 */
export class Network {
  readonly address = `${subnet}.1`;
  /** Null: `tc netem` delays and loses messages; otherwise why it does not. */
  readonly calm: string | null;
  #places = 0;

  private constructor(calm: string | null) {
    this.calm = calm;
  }

  /** @returns why there can be none, if so */
  static make(): Network | string {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      return 'network namespaces need Linux and root';
    try {
      removeThose((pid) => !isAlive(pid));
      system('ip', 'link', 'add', bridge, 'type', 'bridge');
      system('ip', 'addr', 'add', `${subnet}.1/24`, 'dev', bridge);
      system('ip', 'link', 'set', bridge, 'up');
      const probe = new Network(null).place();
      try {
        probe.disturb('delay 1ms');
        return new Network(null);
      } catch (error) {
        return new Network(reasonOf(error));
      } finally {
        probe.remove();
      }
    } catch (error) {
      Network.remove();
      return reasonOf(error);
    }
  }

  /** Everything of this process. */
  static remove(): void {
    removeThose((pid) => pid === process.pid);
  }

  /** A namespace with a link to the server. */
  place(): Place {
    this.#places += 1;
    return new Place(`${bridge}n${this.#places}`, `${subnet}.${1 + (this.#places % 250) + 1}`);
  }

  /** Delays and loses what the links of a round carry. @returns how; '' for not at all */
  disturb(places: readonly Place[], dice: SeededRandom): string {
    const [delayMs, lost] = [dice.between(0, 150), dice.between(0, 50) / 10];
    if (this.calm !== null) return '';
    const weather = `delay ${delayMs}ms ${delayMs >> 2}ms loss ${lost}%`;
    for (const place of places) place.disturb(weather);
    return weather;
  }
}

/** A network namespace. */
export class Place {
  readonly #name: string;

  constructor(name: string, address: string) {
    this.#name = name;
    system('ip', 'netns', 'add', name);
    system('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    system('ip', 'link', 'set', name, 'master', bridge, 'up');
    system('ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) system('ip', '-n', name, 'link', 'set', device, 'up');
  }

  /** What runs a command there. */
  get runner(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.#name}`];
  }

  /** In both directions. @param weather arguments of `tc netem` */
  disturb(weather: string): void {
    const there = ['ip', 'netns', 'exec', this.#name, 'tc', 'qdisc', 'add', 'dev', 'eth0'];
    const here = ['tc', 'qdisc', 'add', 'dev', this.#name];
    for (const [program = '', ...args] of [here, there])
      system(program, ...args, 'root', 'netem', ...weather.split(' '));
  }

  /** Nobody is told: what is sent is gone. */
  cut(isCut: boolean): void {
    system('ip', 'link', 'set', this.#name, isCut ? 'down' : 'up');
  }

  remove(): void {
    spawnSync('ip', ['link', 'del', this.#name]);
    spawnSync('ip', ['netns', 'del', this.#name]);
  }
}

function removeThose(isMeant: (pid: number) => boolean): void {
  for (const [kind, list] of [
    ['netns', ['netns', 'list']],
    ['link', ['-brief', 'link']],
  ] as const) {
    const { stdout } = spawnSync('ip', list, { encoding: 'utf8' });
    for (const [name, pid] of (stdout ?? '').matchAll(own))
      if (isMeant(Number(pid))) spawnSync('ip', [kind, 'del', name]);
  }
}

function system(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`'${[program, ...args].join(' ')}' fails: ${error?.message ?? stderr.trim()}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
