/**
 * Asks the launcher to save V8's compiled code of what has run so far, so that later processes start faster.
 * @param use what has just run; the code is saved once per use
 */
export function keepCode(use: string): void {
  const keep: unknown = Reflect.get(process, Symbol.for('maos.keepCode'));
  if (typeof keep === 'function') keep(use);
}
