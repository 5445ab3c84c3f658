import { MaosError } from './errors.ts';

/** For every state, the states that it may change to. */
export type TransitionTable<S extends string> = Readonly<Record<S, readonly S[]>>;

export function canTransition<S extends string>(table: TransitionTable<S>, from: S, to: S): boolean {
  return table[from].includes(to);
}

export function isFinal<S extends string>(table: TransitionTable<S>, state: S): boolean {
  return table[state].length === 0;
}

/** @throws MaosError INVALID_TRANSITION naming both states and what would be possible. */
export function assertTransition<S extends string>(
  table: TransitionTable<S>,
  subject: string,
  from: S,
  to: S,
): void {
  if (canTransition(table, from, to)) return;
  const possible = table[from];
  const hint =
    possible.length === 0 ? `'${from}' is final` : `from '${from}' it can only become ${possible.join(', ')}`;
  throw new MaosError('INVALID_TRANSITION', `${subject} cannot go from '${from}' to '${to}': ${hint}.`, {
    details: { subject, from, to, possible },
  });
}
