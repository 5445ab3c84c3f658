import type { TransitionTable } from './transitions.ts';

export const agentStages = ['preparing', 'executing', 'verifying', 'awaiting', 'collecting'] as const;
/** Every agent in state `running` has exactly one stage; no other agent has one. */
export type AgentStage = (typeof agentStages)[number];

/**
 * `preparing`: folders, prompt and launch. `executing`: the program runs. `verifying`: the program has finished, and
 * checks of its work run. `awaiting`: it waits for a permission or an answer. `collecting`: everything has ended, and
 * MAOS checks its processes and files. `settled` is not a stage: the agent leaves the state `running` with its outcome.
 *
 * Only an agent whose program never started is settled from `preparing`, because it has no processes or results. Only a
 * request to people enters `awaiting`.
 */
export const stageTransitions: TransitionTable<AgentStage | 'settled'> = {
  /** Straight to `verifying` if its program has already finished, and only the proof of its work is missing. */
  preparing: ['executing', 'verifying', 'settled'],
  executing: ['verifying', 'awaiting', 'collecting'],
  /** Back to `preparing` so that the agent can fix what a check found. */
  verifying: ['preparing', 'collecting'],
  /** A program may end without waiting for its answer. */
  awaiting: ['executing', 'verifying', 'collecting'],
  collecting: ['settled'],
  settled: [],
};

/** The stage of a running agent, for people. */
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
