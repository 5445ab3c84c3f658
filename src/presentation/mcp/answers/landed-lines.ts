import { shorten } from '../../../domain/cut-text.ts';
import type { LandedWork } from '../../../domain/landing-outcome.ts';
import { checkEndText, hasPassed } from '../../../domain/verification.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { countFitting } from './budget.ts';

const maxLine = 400;

/** A line for the work of each agent that a session lands: what became of it, with the evidence. */
export function landedLines(landed: readonly LandedWork[], room: number): string[] {
  return fitLines(landed.map(lineOf), room);
}

/** The first lines that fit, each shortened; the last one counts the rest. */
export function fitLines(lines: readonly string[], room: number): string[] {
  const short = lines.map((line) => shorten(oneLine(line), maxLine));
  const shown = countFitting(short, room - 40);
  const more = short.length - shown;
  return more === 0 ? short : [...short.slice(0, shown), `… ${more} more`];
}

function lineOf({ name, state, commit, reason, command, check, paths, between }: LandedWork): string {
  const parts = [
    `${name}: ${state.replace('_', ' ')}${commit === null ? '' : ` at ${commit}`}`,
    ...(paths.length === 0
      ? []
      : [`conflict with ${between.join(', ') || 'the target'} in ${paths.join(', ')}`]),
    ...(reason === null ? [] : [reason]),
    ...(command === null ? [] : [`take it with: ${command}`]),
    ...(check === null ? [] : [`${check.command}: ${hasPassed(check) ? 'passed' : checkEndText(check)}`]),
  ];
  return parts.join('; ');
}
