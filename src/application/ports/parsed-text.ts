/** Both from 1; columns count UTF-16 code units, like editors. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** `json` is what `JSON.parse` accepts; `jsonc` adds comments and trailing commas. */
export type TextFormat = 'json' | 'jsonc' | 'yaml';

/** A parsed text with the position of every value. */
export interface ParsedText {
  readonly value: unknown;
  /** Position of the key or list item at the path, or of the innermost existing one above it. */
  readonly positionOf: (path: readonly PropertyKey[]) => TextPosition;
}

/** A position where a text violates its format. The message continues "line 3, column 5: …" and has no full stop. */
export class TextFormatError extends Error {
  readonly position: TextPosition;

  constructor(position: TextPosition, message: string) {
    super(message);
    this.position = position;
  }
}

/** @throws TextFormatError */
export type ParseText = (source: string, format: TextFormat) => Promise<ParsedText>;
