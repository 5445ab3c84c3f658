import { plainText } from '../../../application/queries/agent-output.ts';
import { explained } from '../../../application/system-error.ts';
import { type ErrorCode, isMaosError } from '../../../domain/errors.ts';
import { showInvisible } from '../../../domain/invisible-marks.ts';
import { withSnakeCase } from '../../contracts/snake-case.ts';
import { exitStatus, statusOfCode } from './exit-status.ts';

/** An error in the form that the command line shows. */
export interface ErrorReport {
  readonly status: number;
  /** For stderr, with a line feed at the end. */
  readonly text: string;
}

/**
 * The only form in which the command line reports an error: `maos: message`, or with `--json` one line
 * `{"error":{code,message,details}}`. An error that neither MAOS nor the system raised on purpose is reported as a bug.
 */
export function reportError(error: unknown, json: boolean): ErrorReport {
  const { code, message, details } = factsOf(error);
  const isUnknown = isMaosError(error) && error.details.problem === 'not_found';
  const status = isUnknown ? exitStatus.notFound : statusOfCode(code);
  if (json)
    return {
      status,
      text: `${showInvisible(JSON.stringify({ error: { code, message, details: withSnakeCase(details) } }))}\n`,
    };
  return { status, text: `maos: ${plainText(message)}\n${helpLine(error)}` };
}

/** Reports an uncaught error. Includes the stack of a bug, because the log does not have it. */
export function crashReport(error: unknown): ErrorReport {
  if (explained(error) !== null) return reportError(error, false);
  const stack = error instanceof Error ? error.stack : undefined;
  const text = `maos: This is a bug in MAOS: ${plainText(stack ?? String(error))}\n`;
  return { status: exitStatus.bug, text };
}

/** Refers to the help for a command line that could not be parsed. */
function helpLine(error: unknown): string {
  if (!isMaosError(error, 'INVALID_INPUT') || !('command' in error.details)) return '';
  const { command } = error.details;
  return `Try 'maos help${typeof command === 'string' ? ` ${command}` : ''}'.\n`;
}

function factsOf(error: unknown): { code: ErrorCode; message: string; details: unknown } {
  const known = explained(error);
  if (known !== null) return { code: known.code, message: known.message, details: known.details };
  const said = error instanceof Error ? error.message : String(error);
  return {
    code: 'INTERNAL',
    message: `This is a bug in MAOS: ${said}. See the log in the folder 'logs' of MAOS_HOME (~/.maos) for details.`,
    details: error instanceof Error ? { name: error.name, stack: error.stack } : {},
  };
}
