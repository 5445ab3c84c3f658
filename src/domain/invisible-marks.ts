/**
 * Characters that nobody sees and that change how text around them is shown or read: DEL and the C1 controls, the
 * Unicode separators, bidirectional marks, zero-width space, invisible operators and tags. Not among them are the joiners
 * U+200C and U+200D, which words and emoji need, and the byte order mark, which programs begin their output with.
 */
const invisible =
  /[\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/** The text with its invisible marks shown as JSON writes them, such as `\u202e`; inside JSON its value stays the same. */
export function showInvisible(text: string): string {
  return text.replace(invisible, (mark) =>
    [...Array(mark.length).keys()]
      .map((at) => `\\u${mark.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
