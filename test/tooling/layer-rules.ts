import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path/posix';
import { parseSync, Visitor } from 'oxc-parser';

const layers = ['domain', 'application', 'infrastructure', 'presentation'] as const;
type Layer = (typeof layers)[number];

/** The layers that a layer may import, and whether it may import builtins, packages and files of the root. */
const rules: Record<Layer, { layers: readonly Layer[]; outside: boolean }> = {
  domain: { layers: ['domain'], outside: false },
  application: { layers: ['application', 'domain'], outside: false },
  infrastructure: { layers: ['infrastructure', 'application', 'domain'], outside: true },
  presentation: { layers: ['presentation', 'application', 'domain'], outside: true },
};

const deepest = 3;

/** The composition root: the start, and the adapters that it loads when they are needed. */
const root = [
  ...['src/main.ts', 'src/maos-runtime.ts', 'src/project-opener.ts', 'src/project-adapters.ts'],
  ...['src/pool-host.ts', 'src/host-process.ts'],
];

/**
 * The violations of the layering in one source file, one sentence each; empty: none. Static, type-only and dynamic
 * imports, re-exports and `import('…')` types all count.
 *
 * @param path from the repository's root, with slashes: `src/domain/session.ts`
 */
export function layerViolations(path: string, source: string): string[] {
  const found: string[] = [];
  const report = (what: string) => found.push(`${path}: ${what}`);
  const folders = path.split('/').slice(1, -1);
  const layer = layers.find((name) => name === folders[0]);

  if (folders.length > deepest)
    report(`is ${folders.length} folders deep in src; at most ${deepest} are allowed.`);
  if (layer === undefined && !root.includes(path)) {
    report(`belongs to no layer; src holds ${root.join(', ')} and the folders ${layers.join(', ')}.`);
  }

  const { imports, values, hasDefaultExport, impurities } = read(path, source);
  if (hasDefaultExport) report('has a default export.');
  for (const specifier of imports) {
    if (specifier === null) report('imports a module by a computed name, which cannot be checked.');
    else {
      const broken = brokenBy(path, layer, specifier);
      if (broken !== undefined) report(broken);
      else if (isPage(path) && values.includes(specifier) && !runsInBrowsers(path, specifier))
        report(`imports ${specifier}; the page runs only itself, the domain and packages.`);
    }
  }
  if (layer === 'domain') {
    for (const impurity of impurities)
      report(`uses ${impurity}; time and randomness are arguments in the domain.`);
  }
  return found;
}

const page = 'src/presentation/page/';
const isPage = (path: string): boolean => path.startsWith(page);

/** Types may come from all of presentation; they are gone when the page runs. */
function runsInBrowsers(path: string, specifier: string): boolean {
  if (!specifier.startsWith('.')) return !isBuiltin(specifier);
  const target = normalize(join(dirname(path), specifier));
  return isPage(target) || target.startsWith('src/domain/');
}

function brokenBy(path: string, layer: Layer | undefined, specifier: string): string | undefined {
  const target = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : undefined;
  if (target !== undefined && root.includes(target) && !root.includes(path))
    return `imports ${specifier}; nothing imports the composition root.`;
  if (target !== undefined && isPage(target) && !isPage(path))
    return `imports ${specifier}; only the page itself imports its files.`;
  if (layer === undefined) return undefined;

  const rule = rules[layer];
  if (target?.startsWith('src/')) {
    const other = target.split('/')[1];
    return rule.layers.some((name) => name === other)
      ? undefined
      : `imports ${specifier}; ${layer} may import only ${rule.layers.join(', ')}.`;
  }
  if (!rule.outside) return `imports ${specifier}; ${layer} may import nothing outside src.`;
  return target?.includes('/')
    ? `imports ${specifier}; beside src, only files of the root may be imported.`
    : undefined;
}

interface Reading {
  /** Module specifiers in order; null for a computed one. */
  imports: (string | null)[];
  /** Those of them that are imported when the file runs. */
  values: string[];
  hasDefaultExport: boolean;
  /** Calls whose result depends on the clock or on randomness. */
  impurities: string[];
}

/** Every module that a file imports, including type imports; null for a computed name. */
export function importsOf(path: string, source: string): readonly (string | null)[] {
  return read(path, source).imports;
}

function read(path: string, source: string): Reading {
  const { program, errors } = parseSync(path, source);
  const [error] = errors;
  if (error !== undefined) throw new SyntaxError(`${path} cannot be parsed: ${error.message}`);

  const reading: Reading = { imports: [], values: [], hasDefaultExport: false, impurities: [] };
  const add = (node: { type: string; value?: unknown }) =>
    reading.imports.push(node.type === 'Literal' && typeof node.value === 'string' ? node.value : null);

  new Visitor({
    ImportDeclaration: ({ source, importKind, specifiers }) => {
      add(source);
      const areTypes = specifiers.every((one) => 'importKind' in one && one.importKind === 'type');
      if (importKind !== 'type' && (specifiers.length === 0 || !areTypes)) reading.values.push(source.value);
    },
    ExportAllDeclaration: ({ source, exported }) => {
      add(source);
      if (exported !== null && isNamed(exported, 'default')) reading.hasDefaultExport = true;
    },
    ExportNamedDeclaration: ({ source, specifiers }) => {
      if (source !== null) add(source);
      if (specifiers.some(({ exported }) => isNamed(exported, 'default'))) reading.hasDefaultExport = true;
    },
    ExportDefaultDeclaration: () => {
      reading.hasDefaultExport = true;
    },
    ImportExpression: ({ source }) => void add(source),
    TSImportType: ({ source }) => void add(source),
    TSExternalModuleReference: ({ expression }) => void add(expression),
    CallExpression: ({ callee, arguments: args }) => {
      if (isNamed(callee, 'require') && args[0] !== undefined) add(args[0]);
      const name = source.slice(callee.start, callee.end);
      if (name === 'Date.now' || name === 'Math.random' || name === 'Date')
        reading.impurities.push(`${name}()`);
    },
    NewExpression: ({ callee, arguments: args }) => {
      if (isNamed(callee, 'Date') && args.length === 0) reading.impurities.push('new Date()');
    },
  }).visit(program);
  return reading;
}

function isNamed(node: { type: string }, name: string): boolean {
  return (
    (node.type === 'Identifier' && 'name' in node && node.name === name) ||
    (node.type === 'Literal' && 'value' in node && node.value === name)
  );
}
