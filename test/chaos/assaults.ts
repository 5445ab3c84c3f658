import type { SeededRandom } from './dice.ts';
import { isWrapper, maosAmong, type SeenProcess } from './processes.ts';
import { lockStore } from './records.ts';
import { kill, pause, type World } from './world.ts';

const kinds = {
  /** kill -9 of one MAOS process: foreground, server or detached. */
  'maos killed': 10,
  /** All of them at the same time. */
  'all maos killed': 4,
  /** MAOS and every agent at the same time, like a power failure. */
  blackout: 3,
  /** SIGTERM, SIGINT or SIGHUP. */
  'maos asked to end': 5,
  /** Like Claude Code: SIGINT, after 100 ms SIGTERM, after 500 ms SIGKILL. */
  'maos ended by its client': 3,
  /** A server's stdin ends. */
  'client gone': 3,
  /** SIGSTOP, later SIGCONT. */
  'maos stopped for a while': 2,
  'agent killed': 4,
  'wrapper killed': 3,
  'agent and wrapper killed': 3,
  /** Another program holds the write lock of the store. */
  'store locked': 3,
  /** `maos list` where it sees no other processes; Linux, as root. */
  'looked at from elsewhere': 3,
} as const;
export type AssaultKind = keyof typeof kinds;

/** One assault and its victims. */
export interface Assault {
  readonly kind: AssaultKind;
  /** Agents with a killed process. */
  readonly agents: ReadonlySet<string>;
  /** Sizes of the ledger just before and just after the assault. */
  readonly from: number;
  readonly to: number;
}

/** A random assault on what is running. @returns null when there was no victim */
export async function assault(world: World, dice: SeededRandom): Promise<Assault | null> {
  const kind = dice.weighted<AssaultKind>(kinds);
  const processes = world.processes();
  const maos = maosAmong(processes);
  const agents = processes.filter(({ agentId }) => agentId !== null);
  const from = world.ledgerSize;
  const hit = new Set<string>();
  const strike = (targets: readonly SeenProcess[], signal: NodeJS.Signals): boolean => {
    const struck = targets.filter(({ pid }) => kill(pid, signal));
    for (const { agentId } of struck) if (agentId !== null) hit.add(agentId);
    for (const { pid, agentId, command } of struck) {
      world.note(`${kind}: ${signal} to ${pid} ${agentId ?? command.split('maos.js ')[1] ?? command}`);
    }
    return struck.length > 0;
  };
  const one = (candidates: readonly SeenProcess[]): readonly SeenProcess[] => {
    const chosen = dice.pick(candidates);
    return chosen === null ? [] : [chosen];
  };
  async function act(): Promise<boolean> {
    switch (kind) {
      case 'maos killed':
        return strike(one(maos), 'SIGKILL');
      case 'all maos killed':
        return strike(maos, 'SIGKILL');
      case 'blackout':
        return strike([...maos, ...agents], 'SIGKILL');
      case 'maos asked to end':
        return strike(one(maos), dice.pick(['SIGTERM', 'SIGINT', 'SIGHUP']) ?? 'SIGTERM');
      case 'maos ended by its client': {
        const target = one(maos);
        if (!strike(target, 'SIGINT')) return false;
        await pause(100);
        strike(
          target.filter(({ pid }) => isStill(world, pid)),
          'SIGTERM',
        );
        await pause(400);
        strike(
          target.filter(({ pid }) => isStill(world, pid)),
          'SIGKILL',
        );
        return true;
      }
      case 'client gone': {
        const server = dice.pick(
          world.launched.filter((each) => each.name.endsWith('serve') && world.isRunning(each)),
        );
        server?.child.stdin?.end();
        if (server !== null) world.note(`${kind}: end of stdin for ${server.child.pid}`);
        return server !== null;
      }
      case 'maos stopped for a while': {
        const target = one(maos);
        // Rarely so long that its leases expire.
        const ms = dice.chance(0.05) ? 17_000 : dice.between(50, 1_500);
        if (!strike(target, 'SIGSTOP')) return false;
        await pause(ms);
        return strike(target, 'SIGCONT') || true;
      }
      case 'agent killed':
        return strike(one(agents.filter((each) => !isWrapper(each))), 'SIGKILL');
      case 'wrapper killed':
        return strike(one(agents.filter(isWrapper)), 'SIGKILL');
      case 'agent and wrapper killed': {
        const [leader] = one(agents.filter(isWrapper));
        return (
          leader !== undefined &&
          strike(
            agents.filter(({ pgid }) => pgid === leader.pgid),
            'SIGKILL',
          )
        );
      }
      case 'store locked': {
        const ms = dice.chance(0.2) ? dice.between(5_000, 8_000) : dice.between(20, 1_500);
        const release = lockStore(world.home);
        if (release === null) return false;
        world.note(`${kind} for ${ms} ms`);
        await pause(ms);
        release();
        return true;
      }
      case 'looked at from elsewhere': {
        if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
        await world.startApart('list', '--json').exited;
        return true;
      }
    }
  }
  const done = await act();
  return done ? { kind, agents: hit, from, to: world.ledgerSize } : null;
}

function isStill(world: World, pid: number): boolean {
  return world.processes().some((each) => each.pid === pid);
}
