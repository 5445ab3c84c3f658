import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, it } from 'node:test';
import { hostViolations } from './tooling/host-rules.ts';
import { importCircles } from './tooling/import-circles.ts';
import { layerViolations } from './tooling/layer-rules.ts';

const root = join(import.meta.dirname, '..');

function sourceFiles(): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

describe('the layers of src', () => {
  it('hold in every source file', () => {
    const files = sourceFiles();
    assert.ok(files.includes('src/main.ts'), 'src/main.ts was not found, so nothing was checked');
    assert.deepEqual(
      files.flatMap((file) => layerViolations(file, readFileSync(join(root, file), 'utf8'))),
      [],
    );
  });
});

describe('the files of src', () => {
  it('import one another in one direction, types counted', () => {
    const sources = sourceFiles().map((file): [string, string] => [
      file,
      readFileSync(join(root, file), 'utf8'),
    ]);
    assert.deepEqual(importCircles(new Map(sources)), []);
  });

  it('are found to be a circle where they are one', () => {
    const sources = new Map([
      ['src/a.ts', `import type { B } from './b.ts';`],
      ['src/b.ts', `export type B = import('./c/c.ts').C;`],
      ['src/c/c.ts', `export * from '../a.ts';`],
      ['src/d.ts', `import './a.ts';`],
    ]);
    assert.deepEqual(importCircles(sources), ['src/a.ts <-> src/b.ts <-> src/c/c.ts']);
  });
});

describe('what is above the host port', () => {
  it('knows no process and no path of a host', () => {
    const found = sourceFiles().flatMap((file) =>
      hostViolations(file, readFileSync(join(root, file), 'utf8')),
    );
    assert.deepEqual(found, []);
  });

  const refused: [title: string, source: string, complaint: RegExp][] = [
    ['a pid', 'export const a = running.location.data.pid;', /:1: names a pid/],
    ['a name that ends so', '\nexport const agentPid = 1;', /:2: names a pid/],
    ['the prompt by its file', "export const a = 'prompt.md';", /names a file/],
    ['the log of an agent', `export const a = \`\${folder}/stdout.log\`;`, /names a file/],
    ['a path in the folder', `export const a = \`\${files.describe(id)}/shared\`;`, /builds a path/],
    ['a joined path', "export const a = join(project.files.describe(id), 'results');", /builds a path/],
    ['a path in a location', `export const a = \`\${locations.session}/results\`;`, /builds a path/],
  ];
  for (const [title, source, complaint] of refused) {
    it(`is refused ${title}`, () => {
      const violations = hostViolations('src/application/a.ts', source);
      assert.equal(violations.length, 1, JSON.stringify(violations));
      assert.match(violations[0] ?? '', complaint);
      assert.deepEqual(hostViolations('src/infrastructure/a.ts', source), []);
    });
  }

  it('may explain, and list the processes of this machine in the views made for that', () => {
    assert.deepEqual(
      hostViolations('src/application/a.ts', '// stdout.log and a pid\nexport const a = 1;'),
      [],
    );
    assert.deepEqual(hostViolations('src/presentation/cli/commands/ps.ts', 'export const pid = 1;'), []);
  });
});

describe('the layer rules', () => {
  const refused: [title: string, path: string, source: string, complaint: RegExp][] = [
    ['a builtin in the domain', 'src/domain/a.ts', `import 'node:fs';`, /node:fs; domain may import nothing/],
    ['a builtin without prefix', 'src/domain/a.ts', `import fs from 'fs';`, /imports fs;/],
    ['a package in the domain', 'src/domain/a.ts', `import { z } from 'zod';`, /imports zod;/],
    ['a root file in the domain', 'src/domain/a.ts', `import p from '../../package.json';`, /package\.json/],
    [
      'a type from another layer',
      'src/domain/a.ts',
      `import type { P } from '../application/ports.ts';`,
      /ports/,
    ],
    ['an inline type', 'src/domain/a.ts', `import { type P } from '../application/ports.ts';`, /ports/],
    ['an import type', 'src/domain/a.ts', `type P = import('../application/ports.ts').P;`, /ports/],
    ['a dynamic import', 'src/domain/a.ts', `await import('../application/b.ts');`, /b\.ts/],
    ['a star re-export', 'src/domain/a.ts', `export * from '../application/b.ts';`, /b\.ts/],
    ['a named re-export', 'src/domain/a.ts', `export { b } from '../application/b.ts';`, /b\.ts/],
    ['a require', 'src/domain/a.ts', `const fs = require('node:fs');`, /node:fs/],
    ['an import equals', 'src/domain/a.ts', `import fs = require('node:fs');`, /node:fs/],
    [
      'a detour through a folder',
      'src/domain/a.ts',
      `import './x/../../infrastructure/b.ts';`,
      /infrastructure/,
    ],
    ['the clock in the domain', 'src/domain/a.ts', 'const now = Date.now();', /uses Date\.now\(\)/],
    ['the current date in the domain', 'src/domain/a.ts', 'const now = new Date();', /uses new Date\(\)/],
    ['chance in the domain', 'src/domain/a.ts', 'const dice = Math.random();', /uses Math\.random\(\)/],
    ['a builtin in the application', 'src/application/a.ts', `import 'node:path';`, /node:path/],
    [
      'an adapter in the application',
      'src/application/a.ts',
      `import '../infrastructure/b.ts';`,
      /may import only/,
    ],
    [
      'a view in the application',
      'src/application/a.ts',
      `import '../presentation/b.ts';`,
      /may import only/,
    ],
    ['a view in an adapter', 'src/infrastructure/a.ts', `import '../presentation/b.ts';`, /may import only/],
    [
      'an adapter in a view',
      'src/presentation/cli/a.ts',
      `import '../../infrastructure/b.ts';`,
      /may import only/,
    ],
    [
      'a test in an adapter',
      'src/infrastructure/a.ts',
      `import '../../test/b.ts';`,
      /only files of the root/,
    ],
    ['the composition root', 'src/presentation/a.ts', `import '../main.ts';`, /composition root/],
    ['a computed import', 'src/infrastructure/a.ts', 'await import(name);', /computed/],
    ['a template import', 'src/domain/a.ts', 'await import(`../application/b.ts`);', /computed/],
    ['a default export', 'src/domain/a.ts', 'export default 1;', /default export/],
    [
      'a default export by name',
      'src/domain/a.ts',
      'const a = 1; export { a as default };',
      /default export/,
    ],
    ['a file outside the layers', 'src/misc/a.ts', '', /belongs to no layer/],
    ['a file beside main.ts', 'src/other.ts', '', /belongs to no layer/],
    ['the page in a view', 'src/presentation/http/a.ts', `import '../page/b.ts';`, /only the page itself/],
    [
      'code of a server in the page',
      'src/presentation/page/a.tsx',
      `import { b } from '../contracts/b.ts';`,
      /the page runs only itself/,
    ],
    ['a builtin in the page', 'src/presentation/page/a.ts', `import 'node:fs';`, /the page runs only itself/],
    ['a folder too deep', 'src/domain/a/b/c/d.ts', '', /4 folders deep/],
  ];
  for (const [title, path, source, complaint] of refused) {
    it(`refuse ${title}`, () => {
      const violations = layerViolations(path, source);
      assert.equal(violations.length, 1, `expected one complaint, got ${JSON.stringify(violations)}`);
      assert.match(violations[0] ?? '', complaint);
    });
  }

  const accepted: [title: string, path: string, source: string][] = [
    ['a neighbour in the domain', 'src/domain/agent/a.ts', `import type { E } from '../errors.ts';`],
    ['a given time in the domain', 'src/domain/a.ts', 'const time = new Date(now).toISOString();'],
    ['the domain in the application', 'src/application/a.ts', `import { a } from '../domain/a.ts';`],
    [
      'builtins, packages and ports in an adapter',
      'src/infrastructure/sqlite/a.ts',
      `import 'node:sqlite'; import 'zod'; import '../../application/ports.ts'; import '../../../package.json';`,
    ],
    ['a lazy neighbour in a view', 'src/presentation/cli/a.ts', `await import('../http/app.ts');`],
    [
      'the page, its packages, the domain, and types of the API in the page',
      'src/presentation/page/views/a.tsx',
      `import 'preact'; import '../b.ts'; import '../../../domain/c.ts'; import type { D } from '../../contracts/d.ts';`,
    ],
    ['everything in main.ts', 'src/main.ts', `import './infrastructure/a.ts'; import './presentation/b.ts';`],
    [
      'imports that are only text',
      'src/domain/a.ts',
      `// import 'node:fs'\nconst text = "import 'node:fs'";`,
    ],
  ];
  for (const [title, path, source] of accepted) {
    it(`accept ${title}`, () => assert.deepEqual(layerViolations(path, source), []));
  }
});
