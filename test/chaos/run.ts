import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ViolationKind, violationKinds } from './checks.ts';
import { SeededRandom } from './dice.ts';
import { hostsCampaign } from './hosts.ts';
import { playRound, type RoundReport } from './round.ts';
import { World } from './world.ts';

const usage = `Breaks the built MAOS in many ways, lets it recover, and checks that nothing was lost, nothing ran twice,
nothing is left running and every session tells the truth.

  npm run chaos -- [--rounds N] [--seed N] [--short] [--verbose] [--maos FILE]
  npm run chaos -- --scale
  npm run chaos -- --messages [--seed N] [--short]
  npm run chaos -- --hosts [--rounds N] [--seed N] [--only N] [--short] [--wipe]

  --rounds N   how many rounds (default: 200)
  --seed N     repeats the choices of a run; the moments they hit differ a little
  --only N     only this round of the seed
  --short      15 rounds and at most a minute, or 11 agents and 200 messages, for CI
  --scale      instead: 200 agents alive at once, and 20 sessions at once in one project
  --messages   instead: 25 agents, 1,000 messages between them; MAOS, senders, servers of the team and a wrapper are killed
  --hosts      instead: two homes and two hosts of one pool, with a NATS server; each of them and wrappers are killed or sleep,
               the server is away for minutes or loses all it has stored (neither with --short), and clocks of hosts are
               minutes or hours apart, or set.
               On Linux as root, half the rounds have their hosts in network namespaces, whose links are cut, slow and lossy.
               Ctrl-C ends it with the figures so far
  --wipe       with --hosts: the server loses all it has stored more often
  --verbose    a line per round
  --maos FILE  the launcher (default: bin/maos.js)

Exit status 1 on any violation; what was found is kept in its folder.`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    messages: { type: 'boolean', default: false },
    hosts: { type: 'boolean', default: false },
    wipe: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    maos: { type: 'string', default: fileURLToPath(new URL('../../bin/maos.js', import.meta.url)) },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

if (values.help) say(usage);
else if (values.scale) process.exitCode = campaign('scale.ts', { MAOS_LAUNCHER: values.maos });
else if (values.messages) {
  process.exitCode = campaign('messages.ts', {
    ...(values.short ? { MAOS_CHAOS_AGENTS: '6', MAOS_CHAOS_MESSAGES: '200' } : {}),
    ...(values.seed === undefined ? {} : { MAOS_CHAOS_SEED: values.seed }),
  });
} else if (values.hosts) {
  process.exitCode = await hostsCampaign({
    launcher: values.maos,
    seed: seed(),
    rounds: Number(values.rounds),
    only: values.only === undefined ? null : Number(values.only),
    seconds: values.short ? 30 : Number.POSITIVE_INFINITY,
    wipes: values.wipe,
    isPatient: !values.short,
    isVerbose: values.verbose,
    say,
  });
} else process.exitCode = await chaos();

function campaign(name: string, variables: Readonly<Record<string, string>>): number {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const env = { ...process.env, ...variables };
  return (
    spawnSync(process.execPath, ['--test', '--test-timeout=600000', file], { stdio: 'inherit', env })
      .status ?? 1
  );
}

function seed(): number {
  return values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
}

/** @returns the exit status */
async function chaos(): Promise<number> {
  const chosen = seed();
  const rounds = values.short ? 15 : Number(values.rounds);
  const until = performance.now() + (values.short ? 60_000 : Number.POSITIVE_INFINITY);
  const wanted = values.only === undefined ? null : Number(values.only);
  say(`chaos: seed ${chosen}, ${rounds} rounds, ${availableParallelism()} cores, Node ${process.version}`);
  const begunAt = performance.now();
  const reports: RoundReport[] = [];
  for (let round = wanted ?? 1; round <= (wanted ?? rounds) && performance.now() < until; round++) {
    const report = await play(chosen, round);
    reports.push(report);
  }
  const seconds = Math.round((performance.now() - begunAt) / 1000);
  for (const line of summary(chosen, reports, seconds)) say(line);
  return reports.some(({ violations }) => violations.length > 0) ? 1 : 0;
}

async function play(seed: number, round: number): Promise<RoundReport> {
  const world = new World(values.maos);
  const begunAt = performance.now();
  let report: RoundReport | null = null;
  try {
    // Every round has its own seed, so that it can be repeated without the earlier ones.
    report = await playRound(world, new SeededRandom(seed + round * 0x9e3779b1));
    return report;
  } finally {
    await world.end();
    const broken = report === null || report.violations.length > 0;
    if (broken) world.keepDiary();
    if (values.verbose || broken) {
      const { sessions = 0, agents = 0, starts = 0, assaults = [] } = report ?? {};
      const done = assaults.map(({ kind }) => kind).join(', ') || 'nothing done';
      const took = ((performance.now() - begunAt) / 1000).toFixed(1);
      say(`round ${round}: ${sessions} sessions, ${agents} agents, ${starts} starts, ${took} s: ${done}`);
    }
    for (const { kind, what } of report?.violations ?? []) say(`  ${kind.toUpperCase()}: ${what}`);
    if (broken) say(`  kept: ${world.folder}; again: npm run chaos -- --seed ${seed} --only ${round}`);
    else await world.remove();
  }
}

function summary(seed: number, reports: readonly RoundReport[], seconds: number): readonly string[] {
  const sum = (of: (report: RoundReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const done = new Map<string, number>();
  for (const { kind } of reports.flatMap(({ assaults }) => assaults))
    done.set(kind, (done.get(kind) ?? 0) + 1);
  const found = (kind: ViolationKind): number =>
    sum(({ violations }) => violations.filter((violation) => violation.kind === kind).length);
  const assaults = [...done].sort((a, b) => b[1] - a[1]).map(([kind, times]) => `${kind} ${times}`);
  return [
    `chaos: ${sum(() => 1)} rounds in ${seconds} s, seed ${seed}: ${sum((each) => each.sessions)} sessions, ${sum((each) => each.agents)} agents started ${sum((each) => each.starts)} times, ${sum((each) => each.resumed)} resumed, ${sum((each) => each.retried)} retried, ${sum((each) => each.events)} events (${sum((each) => each.acknowledged)} acknowledged before)`,
    `chaos: ${sum((each) => each.assaults.length)} assaults: ${assaults.join(', ')}`,
    `chaos: ${violationKinds.map((kind) => `${kind} ${found(kind)}`).join(', ')}`,
  ];
}
