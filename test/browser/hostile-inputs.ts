/** Where a request that a text has caused would go. */
export const evilHost = 'evil.example';

const evil = `http://${evilHost}`;
let marks = 0;
/** A script that is noticed when it runs. */
const script = (): string => {
  marks += 1;
  return `globalThis.pwned=${marks}`;
};

/** Texts of agents that a page could take for markup, for an address, or for something else that acts; by what they try. */
export const hostileInputs: Readonly<Record<string, string>> = {
  script: `<script>${script()}</script>`,
  'script, after what could end its quotation': `"'></textarea></title></style></pre></code><script>${script()}</script>`,
  'script, after the end of another': `</script><script>${script()}</script>`,
  'script of another host': `<script src="${evil}/script.js"></script>`,
  'module, preload and prefetch': `<link rel="modulepreload" href="${evil}/m.js"><link rel="prefetch" href="${evil}/p">`,
  'image with a handler': `<img src=x onerror="${script()}">`,
  'image of another host': `<img src="${evil}/pixel.png"><picture><source srcset="${evil}/source.png"></picture>`,
  'SVG with a handler': `<svg onload="${script()}"><script>${script()}</script><animate onbegin="${script()}" attributeName=x dur=1s></svg>`,
  'SVG that uses another file': `<svg><use href="${evil}/sprite.svg#a"/><image href="${evil}/image.png"/><foreignObject><body onload="${script()}"></foreignObject></svg>`,
  'mathematics that changes the parser': `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${script()}&gt;">`,
  frames: `<iframe src="javascript:parent.${script()}"></iframe><iframe srcdoc="<script>parent.${script()}</script>"></iframe><object data="${evil}/o"></object><embed src="${evil}/e">`,
  'base, refresh and style': `<base href="${evil}/"><meta http-equiv="refresh" content="0;url=${evil}/"><style>*{display:none}@import "${evil}/s.css"</style>`,
  form: `<form action="${evil}/"><input name=q autofocus onfocus="${script()}"><button>Continue</button></form>`,
  'details, video and marquee': `<details open ontoggle="${script()}"><video src="${evil}/v" onerror="${script()}"></video><marquee onstart="${script()}">`,
  'an element that shadows': '<a id="app"></a><a id="main" name="route"></a><form name="location"></form>',
  'comment and CDATA': `<!--><script>${script()}</script>--><![CDATA[<script>${script()}</script>]]>`,
  template: `{{constructor.constructor("${script()}")()}} \${${script()}} <%= pwned %>`,
  'names of every object': '__proto__ constructor toString hasOwnProperty',
  'JSON of the page': '{"type":"h","props":{"dangerouslySetInnerHTML":{"__html":"<b>"}}}',
  'event stream': '\nid: 999999\nevent: snapshot\ndata: {"sessions":[]}\n\n',
  'entities of HTML': `&lt;script&gt;${script()}&lt;/script&gt; &#60;b&#62; &#x202e;abc`,
  'Markdown: script address': `[click](javascript:${script()}) [click](JaVa\tScRiPt:${script()}) <javascript:${script()}>`,
  'Markdown: data address': `[click](data:text/html,<script>${script()}</script>) ![image](data:image/svg+xml,<svg/onload=${script()}>)`,
  'Markdown: other schemes':
    '[click](vbscript:x) [click](file:///etc/passwd) [click](blob:x) [click](//evil.example/)',
  'Markdown: image of another host': `![pixel](${evil}/pixel.png) ![a][b]\n\n[b]: ${evil}/b.png`,
  'Markdown: quotes in addresses': `![x](x"onerror="${script()}) [x](<${evil}/"onmouseover="${script()}>) <${evil}/?"onclick=${script()}>`,
  'Markdown: reference': `[click]\n\n[click]: javascript:${script()} "title"`,
  'Markdown: HTML in table, list and code': `| a |\n|---|\n| <img src=x onerror=${script()}> |\n\n- [ ] <script>${script()}</script>\n\n\`\`\`html"><script>${script()}</script>\n<b>\n\`\`\``,
  'Markdown: nesting': `${'>'.repeat(3_000)} deep\n\n${'['.repeat(3_000)}\n\n${'- '.repeat(1_000)}x`,
  'Markdown: slow patterns': `${'*a'.repeat(2_000)}\n\n${'`'.repeat(2_000)}\n\n${'<a '.repeat(1_000)}\n\n${'|'.repeat(3_000)}`,
  'terminal: colours':
    '\u001b[31mred\u001b[0m \u001b[38;2;1;2;3mrgb\u001b[0m \u001b[8mhidden\u001b[28m \u001b[999999999m',
  'terminal: link, title and clipboard': `\u001b]8;;${evil}/\u0007link\u001b]8;;\u0007 \u001b]0;title\u0007 \u001b]52;c;cm0gLXJm\u0007`,
  'terminal: screen and cursor':
    '\u001b[2J\u001b[H\u001b[10A\u001bc\u001b[?1049h \u009b2J kept\rwritten over\b\b\u0007\u007f',
  'terminal: unfinished': '\u001b[31 \u001b]8;; \u001bP never ended',
  'direction: overrides': 'photo_\u202egnp.exe \u2067reordered\u2069 \u202d\u202aopen',
  'direction: right to left': 'שלום <b>עולם</b> مرحبا (1, 2) \u061c\u200f!',
  'invisible: spaces, joiners and tags': 'a\u200bb\u2060c\u00add\ufeff\u{e0041}\u{e007f}\u115f\u3164\u180e',
  'line ends of every kind': 'a\u0085b\u2028c\u2029d\ve\ff',
  'half a character': 'a\ud800b\udc00c\ufffe\uffff',
  'marks on one letter': `Z${'\u0301\u0489'.repeat(500)}`,
  'a word without an end': 'W'.repeat(20_000),
  'tabs and blanks': `${'\t'.repeat(500)}x${' '.repeat(5_000)}y`,
  'wide and joined': '👨‍👩‍👧‍👦﷽𒐫🏴󠁧󠁢󠁥󠁮󠁧󠁿'.repeat(20),
};

/** All of them, one a paragraph. */
export const hostileText = Object.values(hostileInputs).join('\n\n');

/** Short enough for names and titles. */
export const hostileName = `<img src=x onerror=${script()}>\u202e"'&amp;\u001b[31m`;
