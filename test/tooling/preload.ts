// Runs first in each process of the tests, without its types (see stripped-types.ts).
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Node hands its wish for coverage on to every Node it starts, and those that a test kills while they write leave half
// a file, on which the report of all fails. So only the tests' own processes count here; they have begun to when this
// runs. What runs in the bundle is counted apart (test/helpers/counted-process.ts).
delete process.env.NODE_V8_COVERAGE;

const stripped = join(import.meta.dirname, '../..');

// Fixtures are TypeScript as well. Not for this process: what comes out of Node's cache has no counts within functions.
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
