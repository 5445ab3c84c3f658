import { readFileSync } from 'node:fs';

/**
 * Whether this process may draw over its terminal: not as a background job of its shell. True where the system does not
 * say (elsewhere than on Linux).
 */
export function isInForeground(): boolean {
  let stat: string;
  try {
    stat = readFileSync('/proc/self/stat', 'utf8');
  } catch {
    return true;
  }
  // proc(5): after the program's name, which may contain spaces: state, parent, group, session, terminal, its group.
  const [, , group, , , ofTerminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ofTerminal === '-1' || ofTerminal === group;
}
