/**
 * The position after the quote that ends a JSON string whose opening quote has `escapes` backslashes before it, because
 * the JSON is nested in strings of other JSON. Each level of nesting doubles the backslashes of the content, so the
 * closing quote has `escapes` backslashes, plus a multiple of `2 * (escapes + 1)` for backslashes at the end of the
 * content.
 */
export function endOfText(text: string, from: number, escapes: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (first > from && text[first - 1] === '\\') first -= 1;
    if ((quote - first) % (2 * (escapes + 1)) === escapes) return quote + 1;
  }
  return text.length;
}

/** The same for both kinds of quotes. @param escapes the backslashes before the opening quote */
export function endOfQuoted(text: string, from: number, escapes: string, quote: string): number {
  if (quote === '"') return endOfText(text, from, escapes.length);
  const end = text.indexOf(escapes + quote, from);
  return end < 0 ? text.length : end + escapes.length + 1;
}
