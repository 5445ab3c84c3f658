/** Both from 1; columns count UTF-16 code units, as editors do. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** `json` is what `JSON.parse` takes; `jsonc` also has comments and trailing commas. */
export type TextFormat = 'json' | 'jsonc' | 'yaml';

/** A text that people write and MAOS reads, with the place of every value in it. */
export interface ParsedText {
  readonly value: unknown;
  /** Of the key or list item at the path, or of the innermost one above it that exists. */
  readonly positionOf: (path: readonly PropertyKey[]) => TextPosition;
}

/** Where a text does not follow its format. The message continues "line 3, column 5: …" and has no full stop. */
export class TextFormatError extends Error {
  readonly position: TextPosition;

  constructor(position: TextPosition, message: string) {
    super(message);
    this.position = position;
  }
}

/** @throws TextFormatError */
export type ParseText = (source: string, format: TextFormat) => Promise<ParsedText>;
