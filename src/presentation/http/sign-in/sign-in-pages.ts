/** Pages for browsers that are not signed in: without scripts, styles and links, and never in a frame. */

export const pageHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  Vary: 'Accept, Cookie',
};

const how =
  'Run <code>maos open</code> in a terminal. It opens this page with a link that works once, within a minute.';

export const signInNeededPage = page('Sign in', how);

export const linkNotValidPage = page(
  'This link is not valid',
  `It was used already, or is older than a minute. ${how}`,
);

export const otherPagePage = page(
  'Opened from another page',
  'MAOS does not open from links on other pages, which could act in your name. Select the address of this page and press Enter.',
);

/** @param text of HTML, both */
function page(title: string, text: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>${title} · MAOS</title></head>
<body>
<h1>${title}</h1>
<p>${text}</p>
</body>
</html>
`;
}
