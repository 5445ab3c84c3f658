/** Cuts texts to so many UTF-16 code units, and never a character in two: half a surrogate pair is no text. */

/** The beginning of a text. */
export function startOf(text: string, max: number): string {
  return text.slice(0, isInside(text, max) ? max - 1 : max);
}

/** The end of a text. */
export function endOf(text: string, max: number): string {
  const at = Math.max(0, text.length - max);
  return text.slice(isInside(text, at) ? at + 1 : at);
}

/** The text, or as much of its beginning as fits before a mark that says it was cut. */
export function shorten(text: string, max: number, mark = '…'): string {
  return text.length > max ? `${startOf(text, max - mark.length)}${mark}` : text;
}

/** Between the two code units of one character. */
function isInside(text: string, at: number): boolean {
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(Math.max(0, at - 1), at + 1)) && at > 0;
}
