import { plainText } from '../../../application/queries/agent-output.ts';

/** The lines of others' text that are not blank, without control characters. */
export function textLines(text: string): string[] {
  return plainText(text)
    .replaceAll('\t', '    ')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}
