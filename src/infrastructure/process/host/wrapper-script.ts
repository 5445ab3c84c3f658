import { protocolVersion } from './launch-record.ts';

/** The repeated option changes nothing, but distinguishes it from a `tail` of the agent. */
const followArguments = '-f -f -c +1';

/** The options change nothing, but distinguish a reader from a `cat` of the agent. */
const readerArguments = '-u -u -';

/**
 * Runs the program at most once per attempt, and records how it ended even after MAOS is gone. docs/wrapper-protocol.md
 * defines its side of the contract and what each file means after a crash.
 *
 * - The program's streams are pipes, each with a reader that appends to the log file. Given the file itself, a program
 *   could reopen it (`/dev/stdout`) and truncate it. The readers end when no process can print any more, and the
 *   wrapper ends after them: then all output is in the files.
 * - The C locale spares the readers from loading another one, which is a sixth of their start-up time.
 * - The readers' file size limit bounds the log files; beyond it the pipe breaks.
 * - The wrapper and its readers ignore signals sent to the whole group; the program gets the default actions back.
 * - The soft limit on file locks, which Linux has not enforced since 2.4, marks the agent's processes. All descendants
 *   of the program inherit it, and unlike an environment or a descriptor it is never lost on the way.
 * - `set -C` lets only one wrapper create the claim; exit status 125 reports that another one did.
 * - Descriptor 3 leads to the MAOS that spawned the wrapper, if it still runs. It reports the claim and the program's
 *   end even when the records cannot be written or read, for example because the agent removed the folder.
 * - Variables whose names a shell would drop or overwrite are passed as `MAOS_KEPT_N='NAME=VALUE'`; env(1) restores
 *   them.
 * - The shells' stderr is closed, because their messages about children ("Terminated") would end up in the agent's.
 */
const begin = `trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE
attempt=$1 folder=$2 from=$3 errorsFrom=$4 mask=$5 mark=$6 blocks=$7 errorBlocks=$8 kept=$9
shift 9
reader=$1 place=$2 tail=$3
shift 3
umask 077
set -C
{ echo "{\\"protocol\\":${protocolVersion},\\"pid\\":$$,\\"stdoutFrom\\":$from,\\"stderrFrom\\":$errorsFrom,\\"place\\":\\"$place\\"}" >"$folder/launch.$attempt"; } 2>/dev/null || exit 125
set +C
exec 5>&2 2>/dev/null
echo claimed >&3
ulimit -S -w "$mark" || ulimit -S -x "$mark"
if [ "$kept" -gt 0 ]; then
  while [ "$kept" -gt 0 ]; do
    kept=$((kept - 1))
    eval "set -- \\"\\$MAOS_KEPT_$kept\\" \\"\\$@\\"; unset MAOS_KEPT_$kept"
  done
  set -- /usr/bin/env "$@"
fi`;

const run = `(trap - HUP INT QUIT TERM USR1 USR2 ALRM PIPE; umask "$mask"; exec "$@" 2>&1 >&4 3>&- 4>&- 5>&-)
    status=$?
    echo "{\\"attempt\\":$attempt,\\"status\\":$status}" >"$folder/exit.json"
    echo "$status" >&3`;

/**
 * The program reads from a pipe that the feeder writes to: a shell loop that reads the lines of the input file from
 * `tail -f` and prints each entry that is complete and has the next number.
 *
 * - It waits in `tail`, which the system wakes, and prints with a shell builtin: no process per entry.
 * - `tail` cannot notice that the program has ended, so the wrapper kills it then, which ends the loop. Until then the
 *   loop keeps reading even if nothing reads the input: this keeps `tail` alive, so that its pid stays valid.
 * - The first line through the pipes is the pid of `tail`; `read` takes no byte beyond that line.
 */
const feed = `{ exec /bin/sh -c 'echo "$$"; exec "$@"' sh "$tail" ${followArguments} "$folder/input.$attempt" 3>&- 4>&- 5>&-; } | {
      exec 3>&- 4>&- 5>&-
      LC_ALL=C next=0
      IFS= read -r text && echo "$text"
      while IFS=: read -r number id text; do
        case $number:$text in
        "$next:"*'~')
          next=$((next + 1))
          if [ -n "$id" ]; then printf %b "\${text%'~'}" || exec >&-; else exec >&-; fi ;;
        esac
      done
    } | {
    IFS= read -r feeder
    ${run}
    kill -KILL "$feeder"
    }`;

function makeScript(program: string): string {
  return `${begin}
{
  {
    ${program}
  } | { ulimit -c 0; ulimit -f "$errorBlocks"; LC_ALL=C exec "$reader" ${readerArguments} >&5 3>&- 4>&- 5>&-; }
} 4>&1 | { ulimit -c 0; ulimit -f "$blocks"; LC_ALL=C exec "$reader" ${readerArguments} 3>&- 5>&-; }`;
}

export const script = makeScript(run);
/** For a program that reads an input file. */
export const streamScript = makeScript(feed);

/** Variables that a shell or the script above sets itself. */
export const shellVariable =
  /^(?:IFS|OPTIND|PPID|PS[124]|LINENO|RANDOM|SECONDS|SHELLOPTS|BASH\w*|EPOCH\w*|attempt|folder|from|errorsFrom|mask|mark|blocks|errorBlocks|kept|reader|place|tail|feeder|next|number|id|text|status)$/;

/** @param command a command line as shown by `ps`, or by procfs with NUL between the arguments */
export function isWrapperCommand(command: string): boolean {
  // With `:` in an earlier version of MAOS, whose agents wrote to the files directly.
  return /^\/bin\/sh[ \0]-c[ \0]trap (?::|'') HUP INT QUIT /.test(command);
}

/** Whether it reads the program's output or its input file. @param command as for {@link isWrapperCommand} */
export function isReaderCommand(command: string): boolean {
  const line = command.replaceAll('\0', ' ').trimEnd();
  return line.endsWith(`/cat ${readerArguments}`) || /\/tail -f -f -c \+1 \/.*\/input\.\d+$/s.test(line);
}
