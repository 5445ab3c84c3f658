#!/usr/bin/env /bin/sh
':' /*
# Problem: Node gives every signal its default action when it starts, so that nothing in it can tell that nohup, or a shell
# that starts it in the background, had SIGHUP or SIGINT ignored.
# Solution: a shell starts it. A shell cannot trap what was ignored when it began: a signal it sends itself is not heard
# then, and its name is handed on. For JavaScript all of this is a string and a comment.
ignored=
trap 'heard=1' HUP INT
for signal in HUP INT; do
  heard=
  kill -s $signal $$
  [ -n "$heard" ] || ignored="$ignored SIG$signal"
done
trap - HUP INT
export MAOS_IGNORED_SIGNALS="${ignored# }"
exec node "$0" "$@"
*/;

// Starts the bundle in dist/. No import statement, no `import.meta`, nothing newer than ES2018, so that a Node
// too old for MAOS still reads this file to its end and can say so.
(() => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 13)) {
    process.stderr.write(
      `maos needs Node 22.13 or later, but ${process.execPath} is ${process.version}: ` +
        'install a newer Node (https://nodejs.org) or put one first on PATH.\n',
    );
    process.exitCode = 2;
    return;
  }

  // Here, because a bundle that enables the cache itself has already been compiled. A cache that cannot be written
  // costs milliseconds, not correctness; Node says so in the returned status and does not throw.
  const { enableCompileCache } = process.getBuiltinModule('node:module');
  if (enableCompileCache !== undefined) enableCompileCache();

  // Some of the supported versions call node:sqlite experimental, on stderr, at every start.
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...options) => {
    const [first] = options;
    const type = typeof first === 'object' && first !== null ? first.type : first;
    if (type === 'ExperimentalWarning' && /^SQLite /.test(String(warning))) return;
    emitWarning.call(process, warning, ...options);
  };

  import('../dist/maos.js').catch((error) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND' && /\/dist\/maos\.js$/.test(error.url)) {
      process.stderr.write(
        'maos is not built: dist/maos.js is missing. Run `npm ci && npm run build` first.\n',
      );
      process.exitCode = 2;
      return;
    }
    process.stderr.write(`maos could not start: ${(error && error.stack) || error}\n`);
    process.exitCode = 70;
  });
})();
