import { marked, type Token, type Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { plain } from './clean.ts';
import { Terminal } from './terminal.tsx';

/** Longer texts, and those nested more deeply, are shown as they are: to read them takes too long, or never ends well. */
const maxLength = 60_000;
const maxLine = 8_000;
const maxDepth = 60;

/**
 * Markdown as elements. The text never becomes HTML: its HTML is shown as text, images by their description, and links
 * with their target.
 */
export function Markdown({ text }: { readonly text: string }) {
  const tokens = useMemo(() => tokensOf(plain(text)), [text]);
  if (tokens === null) return <Terminal text={text} />;
  return (
    <div class="markdown" dir="auto">
      {blocks(tokens)}
    </div>
  );
}

function tokensOf(text: string): readonly Token[] | null {
  if (text.length > maxLength || text.split('\n').some((line) => line.length > maxLine)) return null;
  try {
    const tokens = marked.lexer(text, { gfm: true });
    return isDeeper(tokens, maxDepth) ? null : tokens;
  } catch {
    // The lexer calls itself for each level, and thousands are too many for the stack.
    return null;
  }
}

function isDeeper(tokens: readonly Token[], levels: number): boolean {
  return tokens.some((token) => {
    const inner: readonly Token[] =
      token.type === 'list' ? token.items : ('tokens' in token && token.tokens) || [];
    return inner.length > 0 && (levels === 0 || isDeeper(inner, levels - 1));
  });
}

function blocks(tokens: readonly Token[]): ComponentChildren {
  return tokens.map((token) => block(token));
}

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case 'space':
    case 'def':
      return null;
    case 'hr':
      return <hr />;
    case 'heading':
      // The page has headings of its own; those of agents do not belong to its outline.
      return <p class={`md-heading md-h${Math.min(token.depth, 4)}`}>{inline(token.tokens)}</p>;
    case 'code':
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case 'blockquote':
      return <blockquote>{blocks(token.tokens ?? [])}</blockquote>;
    case 'list': {
      const list = token as Tokens.List;
      const items = list.items.map((item) => (
        <li>{item.task ? [item.checked ? '☑ ' : '☐ ', blocks(item.tokens)] : blocks(item.tokens)}</li>
      ));
      return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
    }
    case 'checkbox':
      return null;
    case 'table': {
      const table = token as Tokens.Table;
      return (
        <div class="scroll-x" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {table.header.map((cell) => (
                  <th>{inline(cell.tokens)}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row) => (
                <tr>
                  {row.map((cell) => (
                    <td>{inline(cell.tokens)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    }
    case 'paragraph':
      return <p>{inline(token.tokens)}</p>;
    case 'text':
      return 'tokens' in token && token.tokens !== undefined ? inline(token.tokens) : unescaped(token.raw);
    default:
      return <p>{token.raw}</p>;
  }
}

function inline(tokens: readonly Token[] | undefined): ComponentChildren {
  return (tokens ?? []).map((token) => {
    switch (token.type) {
      case 'strong':
        return <strong>{inline(token.tokens)}</strong>;
      case 'em':
        return <em>{inline(token.tokens)}</em>;
      case 'del':
        return <s>{inline(token.tokens)}</s>;
      case 'codespan':
        return <code>{token.text}</code>;
      case 'br':
        return <br />;
      case 'escape':
        return token.text;
      case 'link':
        return link(token as Tokens.Link);
      case 'image':
        return `[image: ${token.text || token.href}]`;
      case 'text':
        return 'tokens' in token && token.tokens !== undefined ? inline(token.tokens) : unescaped(token.raw);
      default:
        return token.raw;
    }
  });
}

function link({ href, text, tokens }: Tokens.Link): ComponentChildren {
  if (!/^https?:\/\//i.test(href)) return [inline(tokens), href === text ? '' : ` (${href})`];
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {inline(tokens)}
      {href === text ? '' : <span class="muted"> ({href})</span>}
    </a>
  );
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
  nbsp: '\u00a0',
};

function unescaped(text: string): string {
  return text.replaceAll(/&(amp|lt|gt|quot|#39|nbsp);/g, (whole, name: string) => entities[name] ?? whole);
}
