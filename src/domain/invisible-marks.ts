/**
 * Invisible characters that change how the text around them is displayed or read: DEL and the C1 controls, Unicode
 * separators, bidirectional marks, zero-width spaces, invisible operators and tags. Excludes the joiners U+200C and
 * U+200D, which words and emoji need, and a leading byte order mark, with which programs begin their output.
 */
const invisible =
  /[\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufff9-\ufffb]|(?<!^)\ufeff|\udb40[\udc00-\udc7f]/g;

/** All ASCII control characters except tab and line feed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is shown
const controls = /[\u0000-\u0008\u000b-\u001f]/g;

/** Shows invisible marks as JSON escapes, such as `\u202e`; within JSON this keeps the value. */
export function showInvisible(text: string): string {
  return text.replace(invisible, escaped);
}

/** As {@link showInvisible}, and also shows control characters, so that the text cannot control a terminal. */
export function showControls(text: string): string {
  return showInvisible(text.replace(controls, escaped));
}

function escaped(mark: string): string {
  return [...Array(mark.length).keys()]
    .map((at) => `\\u${mark.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}

/** A path or other name with any characters, on one line, with invisible ones made visible. */
export function showName(name: string): string {
  return showControls(name.replaceAll('\n', '\\n').replaceAll('\t', '\\t'));
}

/** With one space for several in a row, which could push what follows out of sight. */
export function collapseSpaces(text: string): string {
  return text.replaceAll(/[\p{Zs}\t]+/gu, ' ');
}

/**
 * An action that somebody is asked to allow, on one line, without hiding what a shell would see: a line break, which
 * begins another command, and control characters are shown as escapes.
 */
export function showAction(action: string): string {
  return showName(collapseSpaces(action.trim()));
}
