// Packs MAOS, installs the tarball into an empty folder without network, and runs it on the oldest supported Node, on
// the current ones, and on one that is too old. Run by `npm run smoke:package`, which builds first.
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { manPages } from '../tooling/man-pages.ts';
import { type Check, runCheck } from './checks.ts';
import { nodeBinary, tooOldNode } from './node-binaries.ts';
import { npm } from './npm.ts';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The allowed contents of the tarball. Each of these that exists must be in it, and nothing else. */
const packed = [
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'bin/maos.js',
  'dist/maos.js',
  ...filesBelow('docs').filter((path) => !path.startsWith('docs/pictures/')),
  ...filesBelow('examples'),
  ...[...manPages().keys()].map((name) => `man/${name}`),
  'package.json',
  'schema.sql',
];

/** Run on every supported Node. stderr must stay empty unless a check says otherwise. */
const checks: Check[] = [
  { args: ['--version'], status: 0, stdout: new RegExp(`^(maos )?${version.replaceAll('.', '\\.')}\\n$`) },
  // All parts together: SQLite, processes, files, events.
  { args: ['demo', '--json'], status: 0, stdout: /"type":"session\.completed"[\s\S]*"state":"completed"/ },
  { args: ['list', '--all', '--json'], status: 0, stdout: /"state":\s*"completed"/ },
  { args: ['run', 'fails', '--exec', 'a=exit 3'], status: 1, stdout: /exited with status 3/ },
  {
    args: ['status', 'nobody'],
    status: 3,
    stdout: /^$/,
    stderr: /There is no session "nobody" in this project/,
  },
  {
    args: ['serve'],
    status: 0,
    stdin: `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })}\n`,
    stdout: /^\{.*"result":\{\}.*\}\n$/,
  },
];

/** For each entry: the first version that the registry has for this platform. */
const supportedNodes = [['22.13.0', '22.13.1', '22'], ['24'], ['26']];

const refusal: Check = {
  args: ['--version'],
  status: 2,
  stdout: /^$/,
  stderr: /^maos needs Node 22\.13 or later, but \S+ is v\d+\.\d+\.\d+: .+\n$/,
};
const notBuilt: Check = { args: ['--version'], status: 2, stdout: /^$/, stderr: /^maos is not built: .+\n$/ };

const scratch = mkdtempSync(join(tmpdir(), 'maos-smoke-'));
try {
  const tarball = pack();
  const launcher = install(tarball);
  const home = join(scratch, 'home');

  for (const versions of supportedNodes) {
    const node = nodeBinary(root, versions);
    for (const check of checks) runCheck(node, launcher, check, home);
    say(`${node.version}: ${checks.length} of ${checks.length} checks passed`);
  }

  const old = tooOldNode(root);
  runCheck(old, launcher, refusal, home);
  say(`${old.version}: refused with one line and exit status 2`);

  const checkout = join(scratch, 'checkout');
  cpSync(join(root, 'bin'), join(checkout, 'bin'), { recursive: true });
  writeFileSync(join(checkout, 'package.json'), '{"type":"module"}');
  runCheck(nodeBinary(root, ['26']), join(checkout, 'bin/maos.js'), notBuilt, home);
  say('not built: refused with one line and exit status 2');
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** With paths relative to the repository. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)));
}

function pack(): string {
  const [result] = Object.values(
    JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], root)),
  ) as [{ filename: string; size: number; unpackedSize: number; files: { path: string; mode: number }[] }];
  assert.deepEqual(
    result.files.map(({ path }) => path).sort(),
    packed.filter((path) => existsSync(join(root, path))).toSorted(),
    'the tarball holds other files than it should',
  );
  say(`${result.filename}: ${kilobytes(result.size)} packed, ${kilobytes(result.unpackedSize)} unpacked`);
  return join(scratch, result.filename);
}

/**
 * Installs the tarball. The cache is empty and the network is off, so that any dependency would fail.
 * @returns the installed launcher
 */
function install(tarball: string): string {
  const folder = join(scratch, 'install');
  mkdirSync(folder);
  npm(
    [
      'install',
      '--offline',
      '--ignore-scripts',
      '--cache',
      join(scratch, 'empty-cache'),
      '--prefix',
      folder,
      tarball,
    ],
    folder,
  );
  const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  assert.deepEqual(installed, ['maos'], 'something was installed beside maos');
  say('installed offline into an empty folder, nothing beside maos');
  return join(folder, 'node_modules/.bin/maos');
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
