import { homedir } from 'node:os';
import { showName } from '../../../domain/invisible-marks.ts';
import type { Cell } from './table.ts';

/** The path for people, with `~` for the home folder. */
export function homePath(path: string, home = homedir()): string {
  const isInside = home !== '' && home !== '/' && `${path}/`.startsWith(`${home}/`);
  return showName(isInside ? `~${path.slice(home.length)}` : path);
}

/** A path in a table: whole where nothing is cut, so that programs can use it. */
export function pathCell(path: string): Cell {
  return { text: showName(path), short: homePath(path) };
}
