import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bundles the page of HTTP mode, and appends its files to the bundle of MAOS, behind the script. */
export async function appendPage(bundle: string): Promise<void> {
  const files = await pageFiles('src/presentation/page');
  const { size } = await stat(bundle);
  // Each file is a comment of the script, for whoever runs or reads it as a whole. The launcher and the server look at the last line first.
  const lines = files.map(
    ([name, content]) => `//${name} ${gzipSync(content, { level: 9 }).toString('base64')}\n`,
  );
  const end = `//page ${String(size).padStart(10, '0')}\n`;
  await writeFile(bundle, [...lines, end].join(''), { flag: 'a' });
}

/** The names of scripts and styles change with their content, so that browsers can keep them. */
async function pageFiles(folder: string): Promise<readonly (readonly [name: string, content: Uint8Array])[]> {
  const { outputFiles } = await build({
    entryPoints: { app: `${folder}/main.tsx` },
    outdir: 'dist',
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['chrome120', 'firefox121', 'safari17'],
    tsconfig: `${folder}/tsconfig.json`,
    legalComments: 'none',
    logLevel: 'warning',
  });
  const named = outputFiles.map(({ path, contents }) => {
    const hash = createHash('sha256').update(contents).digest('hex').slice(0, 12);
    return [`app-${hash}${path.slice(path.lastIndexOf('.'))}`, contents] as const;
  });
  const name = (ending: string): string => named.find(([given]) => given.endsWith(ending))?.[0] ?? '';
  const index = (await readFile(`${folder}/index.html`, 'utf8'))
    .replace('app.js', name('.js'))
    .replace('app.css', name('.css'));
  return [['index.html', Buffer.from(index)], ...named];
}
