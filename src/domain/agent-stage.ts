import type { TransitionTable } from './transitions.ts';

export const agentStages = ['preparing', 'executing', 'verifying', 'awaiting', 'collecting'] as const;
/** Only agents in state `running` have a stage, and each of them has exactly one. */
export type AgentStage = (typeof agentStages)[number];

/**
 * `preparing`: its folders, its prompt and its launch. `executing`: its program runs. `verifying`: a check of its work runs.
 * `awaiting`: a permission or an answer it asked for is outstanding. `collecting`: its program has ended, and MAOS looks at
 * its processes and files. `settled` is no stage: the agent leaves the state `running`, with its outcome.
 *
 * Only an agent whose program never started is settled from `preparing`: it has left no processes or results.
 * A check enters `verifying` and a request for a permission `awaiting`, as soon as there are such; nothing else does.
 */
export const stageTransitions: TransitionTable<AgentStage | 'settled'> = {
  preparing: ['executing', 'settled'],
  executing: ['verifying', 'awaiting', 'collecting'],
  /** Back to `executing` for a round in which the agent mends what the check found. */
  verifying: ['executing', 'collecting'],
  /** A program may end without waiting for its answer. */
  awaiting: ['executing', 'collecting'],
  collecting: ['settled'],
  settled: [],
};

/** What a running agent is at, for people. */
export function stageText(stage: AgentStage): string {
  const texts: Readonly<Record<AgentStage, string>> = {
    preparing: 'preparing',
    executing: 'executing',
    verifying: 'verifying its work',
    awaiting: 'awaiting an answer',
    collecting: 'collecting its files',
  };
  return texts[stage];
}
