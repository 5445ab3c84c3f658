#!/usr/bin/env /bin/sh
':' /*
# Problem: Node resets every signal to its default action when it starts. MAOS could not detect that nohup, or a shell
# that starts a background job, has set SIGHUP or SIGINT to be ignored.
# Solution: a shell starts Node. A shell cannot trap a signal that was ignored when the shell started, so it sends
# itself each signal, and passes the names of those that do not arrive to Node. To JavaScript, this part is a string
# and a comment.
ignored=
trap 'heard=1' HUP INT
for signal in HUP INT; do
  heard=
  kill -s $signal $$
  [ -n "$heard" ] || ignored="$ignored SIG$signal"
done
trap - HUP INT
export MAOS_IGNORED_SIGNALS="${ignored# }"
# One worker thread for V8 instead of four: MAOS mostly waits, and each of them costs about a megabyte.
exec node --v8-pool-size=1 "$0" "$@"
*/;

// Starts the bundle in dist/. Uses no import statement, no `import.meta` and nothing newer than ES2018, so that a Node
// that is too old for MAOS can parse this file and report it.
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

  // Some supported versions of Node print a warning that node:sqlite is experimental at every start.
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...options) => {
    const [first] = options;
    const type = typeof first === 'object' && first !== null ? first.type : first;
    if (type === 'ExperimentalWarning' && /^SQLite /.test(String(warning))) return;
    emitWarning.call(process, warning, ...options);
  };

  const fs = process.getBuiltinModule('node:fs');
  const { dirname, join } = process.getBuiltinModule('node:path');

  const read = (file, readContent) => {
    const fd = fs.openSync(file, 'r');
    try {
      // The stats first: if the file changes in between, the code is saved under outdated stats and never used.
      const stats = fs.fstatSync(fd);
      return { stats, content: readContent(fd, stats.size) };
    } finally {
      fs.closeSync(fd);
    }
  };

  const readBytes = (fd, start, length) => {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    for (let count = -1; count !== 0 && done < length; done += count)
      count = fs.readSync(fd, bytes, done, length - done, start + done);
    return bytes.latin1Slice(0, done);
  };

  // The files of HTTP mode's page follow the script. Only the server reads them; the last line says where they begin.
  const readScript = (fd, size) => {
    const lastLine = '//page 0123456789\n'.length;
    const end = /^\/\/page (\d{10})\n$/.exec(readBytes(fd, Math.max(size - lastLine, 0), lastLine));
    return readBytes(fd, 0, end === null ? size : Number(end[1]));
  };

  const bundle = join(dirname(fs.realpathSync(process.argv[1])), '../dist/maos.js');
  let source;
  try {
    source = read(bundle, readScript);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    process.stderr.write(
      'maos is not built: dist/maos.js is missing. Run `npm ci && npm run build` first.\n',
    );
    process.exitCode = 2;
    return;
  }

  // Problem: Node fills its compile cache before a file runs, so the cache lacks most functions. Every process would
  // compile them again, which takes half of the time of a server's first request.
  // Solution: MAOS saves the code of the functions that have run, in the folder of Node's cache, one file per command.
  // If that fails, MAOS only starts more slowly. V8 checks only the length of the source, so this code compares the
  // file's stats.
  const { enableCompileCache, getCompileCacheDir } = process.getBuiltinModule('node:module');
  enableCompileCache();
  const folder = getCompileCacheDir();
  const command = /^[a-z]+$/.test(process.argv[2]) ? process.argv[2] : 'maos';
  const file = folder && join(folder, `${encodeURIComponent(bundle).slice(-200)}-${command}`);
  const { size, ino, mtimeMs, ctimeMs } = source.stats;
  const origin = [size, ino, mtimeMs, ctimeMs].join();
  const own = process.getuid ? process.getuid() : 0;

  /** @returns the saved code, and the uses of MAOS whose functions it contains */
  const readCode = () => {
    try {
      const { stats, content } = read(file, (fd) => fs.readFileSync(fd));
      const start = content.indexOf('\n') + 1;
      const head = JSON.parse(content.toString('latin1', 0, start));
      // Never run code that another user could have written.
      const isOwn = stats.uid === own && (stats.mode & 0o022) === 0;
      if (isOwn && head.origin === origin) return { code: content.subarray(start), uses: head.uses };
    } catch (_error) {
      // It does not exist yet, or its first line is damaged.
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
    // Aligned to eight bytes, because V8 copies unaligned code.
    const line = `${head.padEnd(Math.ceil((head.length + 1) / 8) * 8 - 1)}\n`;
    const content = Buffer.concat([Buffer.from(line), script.createCachedData()]);
    const temporary = `${file}.${process.pid}`;
    try {
      // V8 crashes on damaged code, so it is flushed to disk before the rename makes it visible.
      fs.writeFileSync(temporary, content, { mode: 0o600, flush: true });
      fs.renameSync(temporary, file);
    } catch (_error) {
      // The next process tries again.
    }
  };

  process[Symbol.for('maos.bundle')] = bundle;
  if (folder !== undefined) {
    let timer = null;
    const keepCode = (use) => {
      if (uses.has(use)) return;
      uses.add(use);
      if (timer !== null) return;
      // Later, so that the functions that this use runs afterwards are included.
      timer = setTimeout(() => {
        timer = null;
        writeCode();
      }, 2000).unref();
    };
    // For long-running servers: V8 discards the code of functions that have not run for a while, so code that is saved
    // only at the exit would lack it.
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
