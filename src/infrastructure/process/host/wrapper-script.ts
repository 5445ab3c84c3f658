import { protocolVersion } from './launch-record.ts';

/** Once would do; twice tells it from a `tail` of the agent's. */
const followArguments = '-f -f -c +1';

/** They change nothing, and tell a reader from a `cat` of the agent's. */
const readerArguments = '-u -u -';

/**
 * Runs the program at most once per attempt, and writes down how it ended even when MAOS is gone by then. Its side of
 * the contract, and what each file means after a crash, is docs/wrapper-protocol.md.
 *
 * - The program's streams are pipes, each with a reader that appends to the log file: a program can open a file anew
 *   (`/dev/stdout`) and empty it by that. The readers end when nobody can print any more, and the wrapper after them:
 *   once it is gone, all that was printed is in the files.
 * - The C locale saves the readers the loading of another: a sixth of their start.
 * - A file size limit of the readers is the system's own bound for the log files; beyond it the pipe is broken.
 * - The wrapper and its readers ignore signals sent to the whole group; the program has them at their default.
 * - The soft limit on file locks, which Linux has not enforced since 2.4, is the agent's mark: all processes that come
 *   from the program have it, and unlike an environment or a descriptor none loses it on its way.
 * - `set -C` lets only one wrapper create the claim; exit status 125 says that another did.
 * - Descriptor 3 leads to the MAOS that spawned it, which hears of the claim and of the program's end also where the
 *   records cannot be written or read, such as in a folder that the agent removed. That MAOS may be gone.
 * - Variables whose names a shell would drop or set come as `MAOS_KEPT_N='NAME=VALUE'`; env(1) gives them back.
 * - The shells' own remarks on their children ('Terminated') would end up in the agent's stderr: theirs is closed.
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
 * What the program reads comes from a pipe that the feeder writes to: a loop of the shell that reads the input file's lines
 * from a `tail -f`, and prints each entry that is whole and has the next number.
 *
 * - It waits in `tail`, which the system wakes, and prints with what the shell has built in: no process per entry.
 * - `tail` cannot tell that the program has ended, so the wrapper kills it then, and the loop ends with it. Until then the
 *   loop reads on, also when nobody reads the input any more: that keeps `tail` there, and its pid its own.
 * - The pid is the first line that passes through the pipes: `read` takes no byte beyond it.
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

/** What a shell sets itself, and what the script above does. */
export const shellVariable =
  /^(?:IFS|OPTIND|PPID|PS[124]|LINENO|RANDOM|SECONDS|SHELLOPTS|BASH\w*|EPOCH\w*|attempt|folder|from|errorsFrom|mask|mark|blocks|errorBlocks|kept|reader|place|tail|feeder|next|number|id|text|status)$/;

/** @param command a command line as `ps` or, with NUL between the arguments, procfs shows it */
export function isWrapperCommand(command: string): boolean {
  // With ':' in the version of MAOS whose agents printed into the files themselves.
  return /^\/bin\/sh[ \0]-c[ \0]trap (?::|'') HUP INT QUIT /.test(command);
}

/** What reads the program's output or its input file. @param command as for {@link isWrapperCommand} */
export function isReaderCommand(command: string): boolean {
  const line = command.replaceAll('\0', ' ').trimEnd();
  return line.endsWith(`/cat ${readerArguments}`) || /\/tail -f -f -c \+1 \/.*\/input\.\d+$/s.test(line);
}
