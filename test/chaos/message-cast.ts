import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentJson } from '../../src/presentation/contracts/plan-input.ts';
import { player, type Step, success, turn } from '../helpers/fake-claude.ts';
import { type RealProject, shell } from '../helpers/real-project.ts';
import { bundle } from '../presentation/cli/maos-process.ts';

/** Makes the agents that live to its end finish. */
export const end = 'end';
/** Makes a crasher end without a result. */
export const crash = 'Crash now.';

/** The agents of a campaign, by how messages come to them and what happens to them. */
export interface Cast {
  readonly agents: readonly AgentJson[];
  readonly names: readonly string[];
  readonly crashers: readonly string[];
  readonly live: readonly string[];
  /** Its wrapper is killed. */
  readonly orphan: string;
  /** Reads messages only with the results of its team's tools; the servers are killed. */
  readonly tool: string;
  /** Reads messages only in its prompt. */
  readonly prompt: string;
  /** A program that runs `maos message read --ack`. */
  readonly lease: string;
  /** Asks for permissions all the time. */
  readonly asker: string;
}

export function castOf(real: RealProject, liveCount: number, asks: number): Cast {
  const { root, home } = real;
  const live = Array.from({ length: liveCount }, (_, index) => `w${index}`);
  const crashers = live.slice(0, 2);
  const [orphan, tool, prompt, lease, asker] = ['orphan', 'tool', 'prompt', 'lease', 'asker'] as const;
  const listening: readonly Step[] = [turn(5), { listen: end }, success('Heard all.')];
  const crashing: readonly Step[] = [turn(5), { hear: crash }, { exit: 1 }];
  const calls: Step = { calls: { tool: 'team', bundle, home, until: end } };
  const asking = Array.from(
    { length: asks },
    (_, index): Step => ({ ask: { tool: 'Bash', input: { command: `touch made-${index}` } } }),
  );
  const read = `MAOS_HOME='${home}' '${process.execPath}' '${bundle}' message read --ack --json`;
  const reading = `until [ -e ${end} ]; do ${read} --wait 2 >>${lease}.read; done; ${read} >>${lease}.read; true`;
  const agents = [
    ...live.map((name) => player(root, name, crashers.includes(name) ? [crashing, listening] : [listening])),
    player(root, orphan, [listening]),
    player(root, tool, [[turn(5), calls, success('Heard all.')]], { backend: 'codex' }),
    player(root, prompt, [listening], { backend: 'codex' }),
    shell(lease, reading),
    player(root, asker, [[turn(5), ...asking, { listen: end }, success('Done.')]]),
  ];
  const names = [...live, orphan, tool, prompt, lease, asker];
  return { agents, names, crashers, live, orphan, tool, prompt, lease, asker };
}

export const finish = (real: RealProject): void => writeFileSync(join(real.root, end), '');
