import { fc } from '../../helpers/properties.ts';

export interface Entry {
  readonly mode: '100644' | '100755' | '120000' | '160000';
  /** Content, target of a link, or id of a commit. */
  readonly content: Buffer;
}

export type Tree = ReadonlyMap<string, Entry>;

export type Edit =
  | { readonly do: 'put'; readonly path: string; readonly entry: Entry }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'move'; readonly path: string; readonly to: string }
  | { readonly do: 'mode'; readonly path: string };

/** Few names, so that histories meet: files that are folders elsewhere, names that differ in case alone. */
const paths = [
  'a.txt',
  'A.txt',
  'b.bin',
  'd',
  'd/x.txt',
  'd/x.txt/y',
  'd/e/z',
  'ä b',
  'm',
  'sub',
  '.gitattributes',
  'd/.gitattributes',
];
const path = fc.constantFrom(...paths);

const lines = Array.from({ length: 12 }, (_, line) => `line ${line}`);

/** A text of which some lines are changed, with either line end. */
const someText = fc
  .record({
    changes: fc.array(fc.record({ line: fc.nat(11), word: fc.constantFrom('x', 'y', 'longer') }), {
      maxLength: 3,
    }),
    end: fc.constantFrom('\n', '\n', '\n', '\r\n'),
    isCut: fc.boolean(),
  })
  .map(({ changes, end, isCut }) => {
    const changed = [...lines];
    for (const { line, word } of changes) changed[line] = `line ${line} ${word}`;
    return Buffer.from(changed.join(end) + (isCut ? '' : end));
  });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((some) => Buffer.from([0, ...some]));
const attributes = fc
  .constantFrom('*.txt merge=union\n', '*.txt -merge\n', '*.txt text\n', '* -text\n', '*.bin binary\n')
  .map((some) => Buffer.from(some));

const entry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ mode: fc.constantFrom('100644', '100644', '100755'), content: someText }),
  },
  { weight: 2, arbitrary: fc.record({ mode: fc.constant('100644'), content: bytes }) },
  {
    weight: 1,
    arbitrary: fc.record({
      mode: fc.constant('120000'),
      content: fc.constantFrom('a.txt', 'd', '/nowhere').map((to) => Buffer.from(to)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      mode: fc.constant('160000'),
      content: fc.constantFrom('1', '2', '3').map((digit) => Buffer.from(digit.repeat(40))),
    }),
  },
) as fc.Arbitrary<Entry>;

const put = fc
  .record({ do: fc.constant('put'), path, entry, attributes })
  .map(({ path: at, entry: some, attributes: own }) =>
    // Rules are a file of their own kind.
    ({ do: 'put', path: at, entry: at.endsWith('.gitattributes') ? { mode: '100644', content: own } : some }),
  );

/** The edits of a commit; none: an empty commit. */
export const edits = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: put },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('remove'), path }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('move'), path, to: path }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('mode'), path }) },
  ) as fc.Arbitrary<Edit>,
  { maxLength: 5 },
);

export function edited(tree: Tree, some: readonly Edit[]): Tree {
  const result = new Map(tree);
  for (const edit of some) {
    const found = result.get(edit.path);
    if (edit.do === 'put') place(result, edit.path, edit.entry);
    else if (found === undefined) continue;
    else if (edit.do === 'remove') result.delete(edit.path);
    else if (edit.do === 'move') {
      result.delete(edit.path);
      if (edit.to.endsWith('.gitattributes') === edit.path.endsWith('.gitattributes'))
        place(result, edit.to, found);
    } else if (found.mode.startsWith('100')) {
      result.set(edit.path, { ...found, mode: found.mode === '100644' ? '100755' : '100644' });
    }
  }
  return result;
}

/** A file cannot be at the place of a folder. */
function place(tree: Map<string, Entry>, at: string, some: Entry): void {
  for (const other of tree.keys()) {
    if (other.startsWith(`${at}/`) || at.startsWith(`${other}/`)) tree.delete(other);
  }
  tree.set(at, some);
}
