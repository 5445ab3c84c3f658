import type { LaunchSpec } from '../../../application/ports/agent-host.ts';

const shell = '/bin/sh';

/** Replaces a placeholder in the arguments. */
export function filled(words: readonly string[], name: string, value: string): readonly string[] {
  return words.map((word) => word.split(`{${name}}`).join(value));
}

/**
 * Starts a program that takes its prompt as an argument or file: a shell reads the prompt from stdin, which allows any
 * size, and replaces itself with the program, whose stdin is empty.
 * @param words the command line; only the first `own` words can contain the placeholder
 * @param file where the prompt can be stored
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
  // No word becomes shell code: words are passed as parameters, with only the prompt inserted between their parts.
  const parts: string[] = [];
  const text = words.map((word, index) =>
    (index < own ? word.split(mark) : [word]).map((part) => `\${${parts.push(part)}}`).join('$p'),
  );
  const read = isFile ? 'p=$0; cat > "$p"' : 'p=$(cat)';
  const script = `${read} && exec "\${${parts.push(program)}}" ${text.map((word) => `"${word}"`).join(' ')} < /dev/null`;
  return { program: shell, args: ['-c', script, file, ...parts], stdin: 'prompt' };
}
