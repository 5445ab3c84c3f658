import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { defineConfig, type Options } from 'tsup';
import { predefinedRoleNames } from './src/domain/roles/catalog.ts';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/**
 * Keeps Ajv out of the bundle. The MCP SDK imports its Ajv validator at start, which makes every start about 20 ms
 * slower, but calls it only to check the answers to form elicitations. Code that needs those passes the SDK a
 * `jsonSchemaValidator`; without one, it fails with the message below. Any other import of Ajv fails the build.
 */
const withoutAjv: Plugin = {
  name: 'without-ajv',
  setup(build) {
    build.onResolve({ filter: /\/(ajv-provider\.js|validation\/ajv)$/ }, () => ({
      path: 'ajv-provider',
      namespace: 'without-ajv',
    }));
    build.onResolve({ filter: /^ajv(-formats)?(\/|$)/ }, ({ importer, path }) => ({
      errors: [{ text: `${path} must stay out of the bundle, but ${importer} imports it.` }],
    }));
    build.onLoad({ filter: /.*/, namespace: 'without-ajv' }, () => ({
      contents: `export class AjvJsonSchemaValidator {
        getValidator() {
          throw new Error('MAOS is built without Ajv: pass a jsonSchemaValidator to the MCP SDK.');
        }
      }`,
    }));
  },
};

/**
 * Problem: esbuild moves `import … from 'node:http'` from a lazily imported module to the top of the bundle, so every
 * start loads the builtin (node:http alone delays the server's first answer by at least 40 ms).
 * Solution: each builtin becomes a small module of the bundle, which esbuild runs when the importing module runs.
 *
 * Problem: as a CommonJS module, its hundred or so properties would be copied for each importing module, and some
 * getters, as in `node:util`, make Node load further builtins.
 * Solution: the module takes only what is imported, with calls that esbuild removes where they are unused.
 */
const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: /^[a-z]/ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return undefined;
      const namespace = kind === 'import-statement' ? 'lazy-builtins' : 'required-builtins';
      return { path, namespace };
    });
    build.onLoad({ filter: /.*/, namespace: 'lazy-builtins' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) as object).filter(
        (name) => name !== 'default',
      );
      return {
        contents: `const builtin = process.getBuiltinModule(${JSON.stringify(path)});
          const take = (name) => builtin[name];
          export default builtin;
          ${names.map((name) => `export const ${name} = /* @__PURE__ */ take('${name}');`).join('\n')}`,
      };
    });
    build.onLoad({ filter: /.*/, namespace: 'required-builtins' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** Makes `import manifest from '../package.json' with { type: 'json' }` bundle only the name and the version. */
const shortManifest: Plugin = {
  name: 'short-manifest',
  setup(build) {
    const manifest = fileURLToPath(new URL('package.json', import.meta.url));
    build.onLoad({ filter: /[\\/]package\.json$/ }, async ({ path }) => {
      if (path !== manifest) return undefined;
      const { name, version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
  },
};

/** The launcher reads the bundle as Latin-1, and esbuild leaves regular expressions as they are: this client has a µ in one. */
const asciiNats: Plugin = {
  name: 'ascii-nats',
  setup(build) {
    build.onLoad({ filter: /[\\/]@nats-io[\\/].*\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(
        /[^\0-\x7f]/g,
        (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
    }));
  },
};

/** Bundles the texts of the predefined roles, instead of the module that reads their files. */
const roleTexts: Plugin = {
  name: 'role-texts',
  setup(build) {
    build.onLoad({ filter: /[\\/]predefined-texts\.ts$/ }, () => ({
      contents: `${predefinedRoleNames.map((name) => `import ${name} from './roles/${name}.md';`).join('\n')}
        export const predefinedTexts = [${predefinedRoleNames.join()}];`,
      resolveDir: fileURLToPath(new URL('src', import.meta.url)),
    }));
  },
};

/** Bundles the page of HTTP mode, and appends its files to the bundle of MAOS, behind the script. */
async function appendPage(bundle: string): Promise<void> {
  const files = await pageFiles('src/presentation/page');
  const { size } = await stat(bundle);
  // Each file is a comment of the script, for whoever runs or reads it as a whole. The launcher and the server look at
  // the last line first.
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

export default defineConfig({
  entry: { maos: 'src/main.ts' },
  outDir: 'dist',
  // A script instead of a module, because the launcher can save the compiled functions of a script only.
  format: 'iife',
  outExtension: () => ({ js: '.js' }),
  platform: 'node',
  target: 'node22',
  bundle: true,
  noExternal: [/.*/],
  // Without a chunk for each `await import()`, esbuild wraps the module in a function that runs at its first import.
  splitting: false,
  minify: true,
  // `node:sqlite` and `node:test` exist only with the prefix.
  removeNodeProtocol: false,
  // For the tests, which count the lines that run in the bundle. Not part of the package.
  sourcemap: true,
  dts: false,
  metafile: process.env.MAOS_BUILD_METAFILE === '1',
  loader: { '.sql': 'text', '.md': 'text' },
  esbuildOptions(options) {
    // jsonc-parser's `main` calls `require` in a way that esbuild cannot follow.
    options.mainFields = ['module', 'main'];
  },
  // Node would include the map in every coverage report.
  onSuccess: async () => {
    const bundle = await readFile('dist/maos.js', 'utf8');
    await writeFile('dist/maos.js', bundle.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
    await appendPage('dist/maos.js');
  },
  esbuildPlugins: [withoutAjv, lazyBuiltins, shortManifest, asciiNats, roleTexts],
});
