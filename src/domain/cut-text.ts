/** Cuts texts to a number of UTF-16 code units without splitting a surrogate pair. */

export function startOf(text: string, max: number): string {
  return text.slice(0, isInside(text, max) ? max - 1 : max);
}

export function endOf(text: string, max: number): string {
  const at = Math.max(0, text.length - max);
  return text.slice(isInside(text, at) ? at + 1 : at);
}

/** The text, or its beginning followed by a mark that it was cut. */
export function shorten(text: string, max: number, mark = '…'): string {
  return text.length > max ? `${startOf(text, max - mark.length)}${mark}` : text;
}

/** Whether the position is within a surrogate pair. */
function isInside(text: string, at: number): boolean {
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(Math.max(0, at - 1), at + 1)) && at > 0;
}
