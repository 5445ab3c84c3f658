import { homedir } from 'node:os';
import { showName } from '../../../domain/invisible-marks.ts';
import type { Cell } from './table.ts';

/** The path for people, with `~` for the home folder. */
export function homePath(path: string, home = homeFolder()): string {
  const isInside = home !== null && home !== '' && home !== '/' && `${path}/`.startsWith(`${home}/`);
  return showName(isInside ? `~${path.slice(home.length)}` : path);
}

/** A text with paths for people, with `~/` for the home folder. */
export function homePaths(text: string): string {
  const home = homeFolder();
  return home === null ? text : text.replaceAll(`${home}/`, '~/');
}

/** Null for a user without a home folder: without HOME, Node reads the passwd entry, which may not exist. */
function homeFolder(): string | null {
  try {
    const home = homedir();
    return home === '/' ? null : home;
  } catch {
    return null;
  }
}

/** A path in a table: whole where nothing is cut, so that programs can use it. */
export function pathCell(path: string): Cell {
  return { text: showName(path), short: homePath(path) };
}
