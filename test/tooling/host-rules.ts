import { parseSync } from 'oxc-parser';

/**
 * Files that intentionally depend on this machine's host: the lists of its processes, which people use to find them
 * with other tools, and its servers.
 */
const localViews = [
  'src/application/runtime.ts',
  'src/application/ports/http-servers.ts',
  'src/presentation/cli/commands/host.ts',
  'src/presentation/cli/commands/open.ts',
  'src/presentation/cli/commands/ps.ts',
  'src/presentation/cli/commands/instances.ts',
  'src/presentation/cli/facts/machine-checks.ts',
  'src/presentation/http/overview/overview-operations.ts',
  'src/presentation/http/overview/overview-routes.ts',
];

const rules: readonly { readonly what: string; readonly pattern: RegExp; readonly inLocalViews: boolean }[] =
  [
    { what: 'names a pid', pattern: /\bpids?\b|[a-z]Pids?\b/, inLocalViews: true },
    {
      what: "names a file of the host's",
      pattern: /\b(?:prompt\.md|stdout\.log|stderr\.log|exit\.json|launch\.\$\{)/,
      inLocalViews: false,
    },
    {
      what: "builds a path below a session's folder",
      pattern: /\bdescribe\([^()]*\)\s*(?:\}\/|\+)|\bjoin\([^;]*\bdescribe\(|\b\w*[lL]ocations\.\w+\}\//,
      inLocalViews: false,
    },
  ];

/**
 * Where a source file above the host port contains knowledge that only a host may have, one sentence each. Comments are
 * exempt.
 *
 * @param path from the repository's root, with slashes
 */
export function hostViolations(path: string, source: string): string[] {
  if (!/^src\/(?:application|presentation)\//.test(path)) return [];
  let code = source;
  for (const { start, end } of parseSync(path, source).comments) {
    code = code.slice(0, start) + ' '.repeat(end - start) + code.slice(end);
  }
  return rules.flatMap(({ what, pattern, inLocalViews }) => {
    const found = pattern.exec(code);
    if (found === null || (inLocalViews && localViews.includes(path))) return [];
    const line = code.slice(0, found.index).split('\n').length;
    return [`${path}:${line}: ${what}; ask the agent's host, which may be on another machine.`];
  });
}
