/**
 * The place behind the next quote that ends a text begun with so many backslashes before its quote. One more level of
 * escaping doubles what is within: a quote of the same level has as many before it, or whole such pairs more.
 */
export function endOfText(text: string, from: number, escapes: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (first > from && text[first - 1] === '\\') first -= 1;
    if ((quote - first) % (2 * (escapes + 1)) === escapes) return quote + 1;
  }
  return text.length;
}

/** The same for quotes of either kind. @param escapes the backslashes before the quote that began the text */
export function endOfQuoted(text: string, from: number, escapes: string, quote: string): number {
  if (quote === '"') return endOfText(text, from, escapes.length);
  const end = text.indexOf(escapes + quote, from);
  return end < 0 ? text.length : end + escapes.length + 1;
}
