/**
 * Has the launcher keep the compiled code of what has run so far, for the processes after this one.
 * @param use for what it ran: each is kept once
 */
export function keepCode(use: string): void {
  const keep: unknown = Reflect.get(process, Symbol.for('maos.keepCode'));
  if (typeof keep === 'function') keep(use);
}
