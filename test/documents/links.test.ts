import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, it } from 'node:test';
import { pages } from '../helpers/documents.ts';

const root = join(import.meta.dirname, '../..');
const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };

interface Link {
  readonly page: string;
  readonly path: string;
  readonly anchor: string | undefined;
}

const links: readonly Link[] = [...pages()].flatMap(([page, text]) =>
  [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/\]\(([^)\s]+)\)|srcset="([^"]+)"|src="([^"]+)"/g)]
    .map(([, link, sources, source]) => link ?? sources ?? source ?? '')
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      return { page, path: path === '' ? page : posix.join(posix.dirname(page), path), anchor };
    }),
);

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): ReadonlySet<string> {
  return new Set(
    [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

describe('the links of the documents', () => {
  it('lead to files and headings that exist', () => {
    const broken = links.filter(({ path, anchor }) => {
      if (!existsSync(join(root, path))) return true;
      return (
        anchor !== undefined &&
        path.endsWith('.md') &&
        !anchorsOf(readFileSync(join(root, path), 'utf8')).has(anchor)
      );
    });
    assert.ok(links.length > 100);
    assert.deepEqual(broken, []);
  });

  it('of the README lead to files of the package', () => {
    const packed = (path: string) =>
      files.some((name) => path === name || `${path}/`.startsWith(name.endsWith('/') ? name : `${name}/`));
    const missing = links.filter(({ page, path }) => page === 'README.md' && path !== page && !packed(path));
    assert.deepEqual(missing, []);
  });
});
