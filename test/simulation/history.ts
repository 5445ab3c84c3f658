import { type Random, randomOf } from '../helpers/random.ts';
import type { Weather } from './engine.ts';
import { type Errand, Home, HomeAgent, makeOrder } from './home.ts';
import type { Death } from './life.ts';
import { launchName, type Script } from './machine.ts';
import { checkEnds, recordsLeft } from './verdict.ts';
import { Box, World } from './world.ts';

/** When everything is mended, and stays so. */
const healedAtMs = 60_000;
/** How long everything may take to come to its end after that. */
const patienceMs = 480_000;
/** For what must not happen any more. */
const settledMs = 20_000;

/** What happened in a history, as far as statistics want to know. */
export interface Outcome {
  readonly seed: number;
  /** What is wrong; empty: nothing. */
  readonly complaints: readonly string[];
  readonly faults: readonly string[];
  readonly attempts: number;
  readonly ends: readonly string[];
  readonly virtualMs: number;
  readonly trace: readonly string[];
}

/** Plays one history, in which everything depends on the seed. */
export async function play(seed: number, prepare: (world: World) => void = () => {}): Promise<Outcome> {
  const random = randomOf(seed);
  // Small seeds begin alike.
  for (let skipped = 0; skipped < 4; skipped++) random(2);
  const scripts = new Map<string, Script>();
  const world = new World(random, weatherOf(random), (key) => {
    const name = launchName(key);
    const script =
      scripts.get(name) ?? scriptOf(random, endless.has(`${key.sessionId} ${key.agentId}`), key.attempt);
    scripts.set(name, script);
    return script;
  });
  const endless = new Set<string>();
  for (let home = 0, count = 1 + random(2); home < count; home++) {
    const agents = Array.from({ length: 1 + random(3) }, (_, number) => {
      const errand = errandOf(random);
      const agent = new HomeAgent(makeOrder(home, number), errand);
      if (errand.cancelAtMs !== null) endless.add(`${agent.order.session.id} ${agent.id}`);
      return agent;
    });
    world.homes.push(new Home(world, 'abcdef'.charAt(home).repeat(64), agents));
  }
  for (let box = 0, count = 1 + random(2); box < count; box++) {
    world.boxes.push(new Box(world, `box${box}`, 1 + random(3)));
  }
  prepare(world);
  const faults = drawFaults(world);
  await world.time.pass(healedAtMs);
  heal(world);
  const isDone = (): boolean => world.homes.every(({ agents }) => agents.every((agent) => agent.isDone));
  const inTime = await world.time.pass(patienceMs, isDone);
  // Hosts clean up; after that, nothing happens any more.
  const isQuiet = (): boolean =>
    recordsLeft(world).length === 0 && world.boxes.every(({ machine }) => machine.running.length === 0);
  await world.time.pass(patienceMs, isQuiet);
  await world.time.pass(settledMs);
  const complaints = checkEnds(world);
  if (!inTime) complaints.push('not everything came to its end');
  const ends = world.homes.flatMap(({ agents }) =>
    agents.flatMap(({ attempts }) =>
      attempts.map(({ end }) => (end === 'failed' ? end : (end?.how ?? 'none'))),
    ),
  );
  return {
    seed,
    complaints,
    faults,
    attempts: ends.length,
    ends,
    virtualMs: world.time.nowMs,
    trace: world.trace ?? [],
  };
}

function weatherOf(random: Random): Weather {
  const worst = [0, 10, 100][random(3)] as number;
  return { lost: random(worst + 1), slow: random(3 * worst + 1), repeated: random(worst + 1) };
}

function scriptOf(random: Random, isEndless: boolean, attempt: number): Script {
  const prints = Array.from({ length: random(6) }, (_, line) => ({
    afterMs: random(random(4) === 0 ? 15_000 : 1_500),
    stream: random(4) === 0 ? ('stderr' as const) : ('stdout' as const),
    text: `attempt ${attempt} line ${line} ${'.'.repeat(random(40))}\n`,
  }));
  return { prints, status: isEndless ? null : random(4) };
}

function errandOf(random: Random): Errand {
  const isEndless = random(3) === 0;
  const fromMs = random(40_000);
  return {
    isRerunOnLost: random(2) === 0,
    cancelAtMs: isEndless ? 5_000 + random(50_000) : null,
    pause: random(5) === 0 ? { fromMs, toMs: fromMs + random(20_000) } : null,
    sendAtMs: random(3) === 0 ? Array.from({ length: 1 + random(3) }, () => random(30_000)) : [],
  };
}

/** @returns what is going to happen, for people */
function drawFaults(world: World): string[] {
  const { random } = world;
  const told: string[] = [];
  for (const [index, box] of world.boxes.entries()) {
    const death = deathOf(random);
    if (death !== null) told.push(`host ${index} dies ${death.when} call ${death.at}`);
    box.start(death);
    if (death !== null && random(3) > 0)
      whenDead(
        world,
        () => box.life.isDead,
        () => box.start(null),
      );
  }
  for (const [index, home] of world.homes.entries()) {
    const death = deathOf(random);
    if (death !== null) told.push(`home ${index} dies ${death.when} call ${death.at}`);
    home.start(death);
    if (death !== null)
      whenDead(
        world,
        () => home.life.isDead,
        () => home.start(null),
      );
  }
  for (let count = random(5); count > 0; count--) told.push(drawFault(world));
  return told;
}

function deathOf(random: Random): Death | null {
  return random(2) === 0 ? null : { at: 1 + random(60), when: random(2) === 0 ? 'before' : 'after' };
}

/** Looks every second, because a process may die at any call. */
function whenDead(world: World, isDead: () => boolean, then: () => void): void {
  const pauseMs = 100 + world.random(world.random(4) === 0 ? 40_000 : 3_000);
  const look = (): void => {
    if (world.time.nowMs >= healedAtMs) return;
    if (isDead()) world.time.after(pauseMs, () => isDead() && then());
    else world.time.after(1_000, look);
  };
  look();
}

function drawFault(world: World): string {
  const { random, time, engine } = world;
  const atMs = random(45_000);
  const forMs = 100 + random(random(2) === 0 ? 45_000 : 4_000);
  const box = world.boxes[random(world.boxes.length)] as Box;
  const home = world.homes[random(world.homes.length)] as Home;
  const party = random(2) === 0 ? box : home;
  const fault = (begin: () => void, end: () => void): void => {
    time.after(atMs, begin);
    time.after(Math.min(atMs + forMs, healedAtMs - 1), end);
  };
  const kinds: [string, () => void][] = [
    [
      'a host is killed',
      () =>
        fault(
          () => box.life.kill(),
          () => box.life.isDead && box.start(null),
        ),
    ],
    [
      'a home is killed',
      () =>
        fault(
          () => home.life.kill(),
          () => home.life.isDead && home.start(null),
        ),
    ],
    [
      'a host sleeps',
      () => {
        let life = box.life;
        fault(
          () => {
            life = box.life;
            life.freeze();
          },
          () => life.thaw(),
        );
      },
    ],
    [
      'another process takes a home over from one that sleeps',
      () => {
        let life = home.life;
        fault(
          () => {
            life = home.life;
            life.freeze();
            time.after(Math.min(5_000, forMs), () => home.life === life && home.start(null));
          },
          () => life.thaw(),
        );
      },
    ],
    [
      'power fails at a host',
      () =>
        fault(
          () => {
            box.life.kill();
            box.machine.loseProcesses();
          },
          () => box.life.isDead && box.start(null),
        ),
    ],
    [
      'the engine is killed',
      () =>
        fault(
          () => engine.kill(),
          () => engine.restart(),
        ),
    ],
    [
      'the engine is wiped',
      () =>
        fault(
          () => {
            engine.kill();
            engine.wipe();
          },
          () => engine.restart(),
        ),
    ],
    [
      'the engine is wiped and back at once',
      () =>
        fault(
          () => {
            engine.kill();
            engine.wipe();
            engine.restart();
          },
          () => {},
        ),
    ],
    [
      'a connection is cut',
      () => {
        let { link } = party;
        fault(
          () => {
            link = party.link;
            link.cut();
          },
          () => link.mend(),
        );
      },
    ],
    [
      'queues are stuck',
      () =>
        fault(
          () => {
            engine.stuckUntilMs = atMs + forMs;
          },
          () => {},
        ),
    ],
    [
      'a clock is set',
      () =>
        fault(
          () => {
            party.wall.skewMs = random(200_000) - 100_000;
          },
          () => {},
        ),
    ],
  ];
  const [name, draw] = kinds[random(kinds.length)] as (typeof kinds)[number];
  draw();
  return `${name} at ${atMs} for ${forMs}`;
}

function heal(world: World): void {
  world.engine.restart();
  for (const party of [...world.boxes, ...world.homes]) {
    if (party.life.isDead) party.start(null);
    else {
      party.life.spare();
      party.life.thaw();
      if (party.link.isCut) party.link.mend();
    }
  }
}
