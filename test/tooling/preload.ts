// Runs first in every test process, which has its types stripped (see stripped-types.ts).
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Node passes this variable to every Node that it starts. A process that a test kills while it writes leaves an
// incomplete report, on which the whole report would fail. So only the test processes themselves are counted here;
// counting has already begun when this runs. Bundle processes are counted separately (test/helpers/counted-process.ts).
delete process.env.NODE_V8_COVERAGE;

const stripped = join(import.meta.dirname, '../..');

// For fixtures, which are TypeScript as well. Not for this process, because code from Node's compile cache has no
// counts within functions.
process.env.NODE_COMPILE_CACHE ??= join(stripped, '../compile-cache');

const rootUrl = pathToFileURL(join(stripped, '../..')).href;
registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.ts') || !/^\/(src|test)\//.test(url.slice(rootUrl.length)))
      return nextLoad(url, context);
    const file = decodeURIComponent(url.slice(rootUrl.length)).replace(/\.ts$/, '.js');
    return { format: 'module', source: readFileSync(join(stripped, file), 'utf8'), shortCircuit: true };
  },
});
