/**
 * Characters that nobody sees and that change how text around them is shown or read: DEL and the C1 controls, the
 * Unicode separators, bidirectional marks, zero-width spaces, invisible operators and tags. Not among them are the joiners
 * U+200C and U+200D, which words and emoji need, and a byte order mark at the start, where programs begin their output with it.
 */
const invisible =
  /[\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufff9-\ufffb]|(?<!^)\ufeff|\udb40[\udc00-\udc7f]/g;

/** All of ASCII's but tab and line feed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is shown
const controls = /[\u0000-\u0008\u000b-\u001f]/g;

/** The text with its invisible marks shown as JSON writes them, such as `\u202e`; inside JSON its value stays the same. */
export function showInvisible(text: string): string {
  return text.replace(invisible, escaped);
}

/** As {@link showInvisible}, with control characters shown as well: nothing in it steers a terminal. */
export function showControls(text: string): string {
  return showInvisible(text.replace(controls, escaped));
}

function escaped(mark: string): string {
  return [...Array(mark.length).keys()]
    .map((at) => `\\u${mark.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}

/** A path or another name that may hold any character, on one line: what cannot be seen in it is shown. */
export function showName(name: string): string {
  return showControls(name.replaceAll('\n', '\\n').replaceAll('\t', '\\t'));
}
