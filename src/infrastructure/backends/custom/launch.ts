import type { LaunchSpec } from '../../../application/ports/agent-host.ts';

const shell = '/bin/sh';

/** The arguments with a value in the place of its name. */
export function filled(words: readonly string[], name: string, value: string): readonly string[] {
  return words.map((word) => word.split(`{${name}}`).join(value));
}

/**
 * How a program is started that wants its prompt as an argument, or in a file: a shell reads it from stdin, where it is
 * whatever its size, and replaces itself by the program, whose stdin is empty.
 * @param words of the command line; only the first `own` of them can name the prompt
 * @param file where the prompt can be put
 */
export function withPrompt(
  program: string,
  words: readonly string[],
  own: number,
  file: string,
): Pick<LaunchSpec, 'program' | 'args' | 'stdin'> {
  const named = words.slice(0, own).find((word) => /\{prompt(File)?\}/.test(word));
  if (named === undefined) return { program, args: words, stdin: 'prompt' };
  const isFile = named.includes('{promptFile}');
  const mark = isFile ? '{promptFile}' : '{prompt}';
  // Nothing of the words is shell: they are its parameters, and only the prompt is put between their parts.
  const parts: string[] = [];
  const text = words.map((word, index) =>
    (index < own ? word.split(mark) : [word]).map((part) => `\${${parts.push(part)}}`).join('$p'),
  );
  const read = isFile ? 'p=$0; cat > "$p"' : 'p=$(cat)';
  const script = `${read} && exec "\${${parts.push(program)}}" ${text.map((word) => `"${word}"`).join(' ')} < /dev/null`;
  return { program: shell, args: ['-c', script, file, ...parts], stdin: 'prompt' };
}
