/** A unified diff of git as lines, file by file. */

export interface DiffLine {
  readonly kind: 'add' | 'remove' | 'same' | 'hunk' | 'note';
  readonly text: string;
  readonly oldLine: number | null;
  readonly newLine: number | null;
}

export interface DiffFile {
  readonly name: string;
  readonly added: number;
  readonly removed: number;
  readonly lines: readonly DiffLine[];
}

export function readDiff(text: string): readonly DiffFile[] {
  const files: { name: string; added: number; removed: number; lines: DiffLine[] }[] = [];
  let [oldLine, newLine] = [0, 0];
  let isHead = true;
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const line of lines) {
    if (line.startsWith('diff --git ')) {
      files.push({ name: nameIn(line), added: 0, removed: 0, lines: [] });
      isHead = true;
      continue;
    }
    const file = files.at(-1);
    if (file === undefined) continue;
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
    if (hunk !== null) {
      [oldLine, newLine] = [Number(hunk[1]), Number(hunk[2])];
      isHead = false;
      file.lines.push({ kind: 'hunk', text: line, oldLine: null, newLine: null });
    } else if (isHead) {
      if (line.startsWith('+++ ') && line !== '+++ /dev/null') file.name = line.slice(4).replace(/^b\//, '');
      else if (/^(new|deleted) file|^rename |^Binary |^old mode|^new mode/.test(line))
        file.lines.push({ kind: 'note', text: line, oldLine: null, newLine: null });
    } else if (line.startsWith('+')) {
      file.added += 1;
      file.lines.push({ kind: 'add', text: line.slice(1), oldLine: null, newLine });
      newLine += 1;
    } else if (line.startsWith('-')) {
      file.removed += 1;
      file.lines.push({ kind: 'remove', text: line.slice(1), oldLine, newLine: null });
      oldLine += 1;
    } else if (line.startsWith('\\')) {
      file.lines.push({ kind: 'note', text: line.slice(2), oldLine: null, newLine: null });
    } else {
      file.lines.push({ kind: 'same', text: line.slice(1), oldLine, newLine });
      oldLine += 1;
      newLine += 1;
    }
  }
  return files;
}

/** Of a file without changed lines; the others are named by their `+++` line, which is not ambiguous. */
function nameIn(line: string): string {
  const both = line.slice('diff --git '.length);
  const half = both.slice(0, (both.length - 1) / 2);
  return half.replace(/^a\//, '') === both.slice(half.length + 1).replace(/^b\//, '')
    ? half.replace(/^a\//, '')
    : both;
}
