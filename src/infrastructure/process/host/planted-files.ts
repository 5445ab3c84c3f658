import { lstatSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../../files/disk/file-error.ts';

/**
 * What agents' CLIs read as instructions, settings or the top of a repository in each folder above their working
 * directory.
 */
export const instructions: readonly string[] = [
  ...['CLAUDE.md', 'CLAUDE.local.md', '.claude', 'AGENTS.md', 'AGENTS.override.md', '.agents', '.codex'],
  ...['GEMINI.md', '.gemini', 'QWEN.md', '.qwen', 'opencode.json', 'opencode.jsonc', '.opencode'],
  ...['.mcp.json', '.cursor', '.cursorrules', '.github', '.git'],
];

/**
 * Names that no folder of a session has by MAOS, and that build tools, test runners and linters look for in each folder
 * above the one they run in. `.cargo` alone decides what `cargo test` runs.
 */
export const toolFiles: readonly string[] = [
  ...['.git', '.editorconfig', '.envrc', '.tool-versions', 'mise.toml', '.mise.toml'],
  ...['node_modules', 'package.json', '.npmrc', '.yarnrc', '.yarnrc.yml', '.pnp.cjs', 'pnpm-workspace.yaml'],
  ...['.nvmrc', '.node-version', 'tsconfig.json', 'jsconfig.json', 'biome.json', 'biome.jsonc', 'deno.json'],
  ...['.eslintrc', '.eslintrc.js', '.eslintrc.cjs', '.eslintrc.json', '.eslintrc.yml', '.eslintrc.yaml'],
  ...['eslint.config.js', 'eslint.config.mjs', 'eslint.config.cjs', 'eslint.config.ts', '.eslintignore'],
  ...['babel.config.js', 'babel.config.json', '.babelrc', '.mocharc.json', '.mocharc.js', '.mocharc.yml'],
  ...['jest.config.js', 'jest.config.ts', 'jest.config.json', 'vitest.config.ts', 'vitest.config.js'],
  ...['conftest.py', 'pytest.ini', '.pytest.ini', 'pyproject.toml', 'setup.cfg', 'setup.py', 'tox.ini'],
  ...['.python-version', 'ruff.toml', '.ruff.toml', 'mypy.ini', '.flake8', '.pylintrc', 'uv.toml'],
  ...['.cargo', 'Cargo.toml', 'rust-toolchain', 'rust-toolchain.toml', 'clippy.toml', 'go.mod', 'go.work'],
  ...['Directory.Build.props', 'Directory.Build.targets', 'Directory.Packages.props', 'global.json'],
  ...['NuGet.Config', 'nuget.config', '.config', '.mvn', 'settings.gradle', 'settings.gradle.kts'],
  ...[
    'WORKSPACE',
    'MODULE.bazel',
    '.bazelrc',
    'Gemfile',
    '.bundle',
    '.rspec',
    '.ruby-version',
    '.rubocop.yml',
  ],
];

/**
 * Such files in folders where only MAOS puts files: an agent may write there, and another one, or a check, would take them
 * for the user's.
 * @param folders absolute
 */
export function findPlanted(folders: readonly string[], names: readonly string[]): readonly string[] {
  const paths = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return paths.filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
}

/**
 * Renames what {@link findPlanted} finds.
 * @returns the paths that were renamed
 * @throws MaosError when one cannot be renamed
 */
export function setAside(folders: readonly string[], names: readonly string[]): readonly string[] {
  const found = findPlanted(folders, names);
  for (const path of found) {
    try {
      renameSync(path, freePath(`${path}.set-aside`));
    } catch (error) {
      throw fileError(error, 'rename', path);
    }
  }
  return found;
}

function freePath(path: string): string {
  for (let count = 1; ; count++) {
    const free = count === 1 ? path : `${path}.${count}`;
    if (lstatSync(free, { throwIfNoEntry: false }) === undefined) return free;
  }
}
