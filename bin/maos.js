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

  // Some of the supported versions call node:sqlite experimental, on stderr, at every start.
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...options) => {
    const [first] = options;
    const type = typeof first === 'object' && first !== null ? first.type : first;
    if (type === 'ExperimentalWarning' && /^SQLite /.test(String(warning))) return;
    emitWarning.call(process, warning, ...options);
  };

  const fs = process.getBuiltinModule('node:fs');
  const { dirname, join } = process.getBuiltinModule('node:path');

  const read = (file, encoding) => {
    const fd = fs.openSync(file, 'r');
    try {
      // The state before the content: it does not fit what is written in between.
      return { stats: fs.fstatSync(fd), content: fs.readFileSync(fd, encoding) };
    } finally {
      fs.closeSync(fd);
    }
  };

  const bundle = join(dirname(fs.realpathSync(process.argv[1])), '../dist/maos.js');
  let source;
  try {
    source = read(bundle, 'latin1');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    process.stderr.write(
      'maos is not built: dist/maos.js is missing. Run `npm ci && npm run build` first.\n',
    );
    process.exitCode = 2;
    return;
  }

  // Problem: Node's compile cache of a file is made before the file runs, without most of its functions. Every process
  // would compile them again, which is half of the time that the first request to a server takes.
  // Solution: MAOS keeps the code of what has run, in the folder of that cache, for each command apart. If that fails, it
  // costs milliseconds, not correctness. Of the source, V8 itself compares only the length.
  const { enableCompileCache, getCompileCacheDir } = process.getBuiltinModule('node:module');
  enableCompileCache();
  const folder = getCompileCacheDir();
  const command = /^[a-z]+$/.test(process.argv[2]) ? process.argv[2] : 'maos';
  const file = folder && join(folder, `${encodeURIComponent(bundle).slice(-200)}-${command}`);
  const { size, ino, mtimeMs, ctimeMs } = source.stats;
  const origin = [size, ino, mtimeMs, ctimeMs].join();
  const own = process.getuid ? process.getuid() : 0;

  /** @returns code, and for which uses of MAOS it holds what they run */
  const readCode = () => {
    try {
      const { stats, content } = read(file);
      const start = content.indexOf('\n') + 1;
      const head = JSON.parse(content.toString('latin1', 0, start));
      // What others could write is not run.
      const isOwn = stats.uid === own && (stats.mode & 0o022) === 0;
      if (isOwn && head.origin === origin) return { code: content.subarray(start), uses: head.uses };
    } catch (_error) {
      // There is none yet, or its first line is damaged.
    }
    return { uses: [] };
  };

  const kept = readCode();
  const { Script } = process.getBuiltinModule('node:vm');
  const filename = process.getBuiltinModule('node:url').pathToFileURL(bundle).href;
  const script = new Script(source.content, { filename, cachedData: kept.code });
  const uses = new Set(script.cachedDataRejected === false ? kept.uses : []);

  const writeCode = () => {
    const head = JSON.stringify({ origin, uses: [...uses] });
    // V8 copies code that does not begin at a multiple of eight bytes.
    const line = `${head.padEnd(Math.ceil((head.length + 1) / 8) * 8 - 1)}\n`;
    const content = Buffer.concat([Buffer.from(line), script.createCachedData()]);
    const temporary = `${file}.${process.pid}`;
    try {
      // V8 crashes on damaged code: it is on disk before it can be found.
      fs.writeFileSync(temporary, content, { mode: 0o600, flush: true });
      fs.renameSync(temporary, file);
    } catch (_error) {
      // The next process tries again.
    }
  };

  if (folder !== undefined) {
    let timer = null;
    const keepCode = (use) => {
      if (uses.has(use)) return;
      uses.add(use);
      if (timer !== null) return;
      // Once what follows from the use has run too.
      timer = setTimeout(() => {
        timer = null;
        writeCode();
      }, 2000).unref();
    };
    // For a process that serves for long: V8 drops the code of what did not run for a while.
    process[Symbol.for('maos.keepCode')] = keepCode;
    process.once('exit', (status) => {
      if (status !== 0) return;
      keepCode('start');
      if (timer !== null) writeCode();
    });
  }

  try {
    script.runInThisContext({ displayErrors: false });
  } catch (error) {
    process.stderr.write(`maos could not start: ${(error && error.stack) || error}\n`);
    process.exitCode = 70;
  }
})();
