import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { AgentEnd, LaunchSpec } from '../../src/application/ports/agent-host.ts';
import type {
  AgentActivity,
  Backend,
  LaunchContext,
  ParsedRun,
} from '../../src/application/ports/backend.ts';
import type { FailureKind } from '../../src/domain/agent.ts';
import { isMaosError } from '../../src/domain/errors.ts';
import { readShellStatus } from '../../src/infrastructure/process/host/launch-record.ts';
import { agentRequest } from '../domain/samples.ts';
import { contextOf, lookupIn } from '../infrastructure/backends/launch-context.ts';
import { fc } from './properties.ts';

/** One run of a real CLI: its output, and its end as the host would report it. */
export interface Recording {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly end: AgentEnd;
}

/** The expected interpretation of a recording. */
export interface ExpectedEnd {
  /** Null: it completed. */
  readonly kind: FailureKind | null;
  /** Matches the failure's message, or the result. */
  readonly words: RegExp;
  readonly retryAt?: string;
}

export interface BackendUnderTest {
  readonly name: string;
  /** Null: there is nothing to install. */
  readonly cli: {
    readonly title: string;
    readonly executable: string;
    /** Null: its version is not checked. */
    readonly testedVersion: string | null;
  } | null;
  /** @param given.path the setting; null: search the PATH of `env` */
  make(given: { readonly path: string | null; readonly env: Readonly<Record<string, string>> }): Backend;
  readonly recordings: Readonly<Record<string, Recording>>;
  /** For every recording. */
  readonly ends: Readonly<Record<string, ExpectedEnd>>;
  /** The recording of a run that completes with one answer. */
  readonly success: string;
  /** Everything that a launch passes to its CLI; default: its arguments and the values of its environment. */
  told?(spec: LaunchSpec): string;
  /** An agent with a model is rejected. */
  readonly takesNoModel?: boolean;
  /** How a launch disables the user's MCP servers for the CLI; null: it has none. */
  readonly shutsOutServers: ((spec: LaunchSpec) => boolean) | null;
}

/** `NAME.jsonl` is the output, `NAME.json` the end: `{exitCode, signal, stderr}`. */
export function readRecordings(folder: URL): Readonly<Record<string, Recording>> {
  const names = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  return Object.fromEntries(
    names.map((file) => {
      const stdout = readFileSync(new URL(file, folder));
      const about = readFileSync(new URL(file.replace(/l$/, ''), folder), 'utf8');
      const { exitCode, signal, stderr } = JSON.parse(about);
      const status = exitCode === null ? { exitCode, signal } : readShellStatus(exitCode);
      return [file.replace(/\.jsonl$/, ''), { stdout, stderr, end: { how: 'exited', ...status, at } }];
    }),
  );
}

/** The bytes cut at the given places, in chunks that are overwritten after use. */
export function* cutAt(bytes: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const part = Uint8Array.from(bytes.subarray(from, to));
    yield part;
    part.fill(0x21);
    from = to;
  }
}

const at = '2026-01-01T00:00:00.000Z';
const exited = (exitCode: number): AgentEnd => ({ how: 'exited', exitCode, signal: null, at });
const killed: AgentEnd = { how: 'exited', exitCode: null, signal: 'SIGKILL', at };
const mebibyte = 2 ** 20;

/** What the application requires of every backend. */
export function backendContract(under: BackendUnderTest): void {
  const { recordings, ends } = under;
  const backend = under.make({ path: null, env: {} });
  const isStructured = backend.capabilities.output === 'structured';
  const success = recordings[under.success] ?? assert.fail(`no recording ${under.success}`);

  /** A test for structured output only. */
  const records = (title: string, run: () => void): void => {
    if (isStructured) it(title, run);
  };

  function read(chunks: Iterable<Uint8Array>): { run: ParsedRun; activities: AgentActivity[] } {
    const parser = backend.makeParser();
    const activities: AgentActivity[] = [];
    for (const chunk of chunks) activities.push(...parser.push(chunk));
    activities.push(...parser.end());
    return { run: parser.parsed(), activities };
  }
  const explain = (end: AgentEnd, stdout: Uint8Array, stderr = '') =>
    backend.explain(end, read([stdout]).run, stderr);
  const failureOf = (end: AgentEnd, stdout: Uint8Array, stderr = '') => {
    const outcome = explain(end, stdout, stderr);
    assert.equal(outcome.state, 'failed');
    return outcome.failure;
  };

  if (under.cli !== null)
    describe(`${under.name}: where its program is`, () => {
      const { title = '', executable = '', testedVersion = null } = under.cli ?? {};

      it('on PATH, or where the settings say', async (t) => {
        const [onPath, elsewhere] = [scratch(t), scratch(t)];
        program(onPath, executable);
        const path = program(elsewhere, 'other');
        const located = (configured: string | null) =>
          under.make({ path: configured, env: { PATH: onPath } }).locate(lookupIn(onPath));
        assert.equal(await located(null), join(onPath, executable));
        assert.equal(await located(path), path);
      });

      for (const [what, mode] of [
        ['missing', null],
        ['not executable', 0o644],
      ] as const) {
        it(`${what}: says where it was looked for and what to do`, async (t) => {
          const folder = scratch(t);
          if (mode !== null) chmodSync(program(folder, executable), mode);
          const env = { PATH: folder };
          for (const path of [null, join(folder, executable)]) {
            const made = under.make({ path, env });
            const words = new RegExp(`^${title} ${mode === null ? 'is not' : 'cannot be executed'} `);
            const isUnavailable = (error: unknown) => {
              assert.ok(isMaosError(error, 'BACKEND_UNAVAILABLE'), String(error));
              assert.match(error.message, words);
              assert.match(error.message, path === null ? /on PATH/ : new RegExp(path));
              assert.match(error.message, /[Ii]nstall/);
              return true;
            };
            const findProgram = lookupIn(folder);
            await assert.rejects(made.locate(findProgram), isUnavailable);
            await assert.rejects(made.prepare(contextOf(agentRequest(), { findProgram })), isUnavailable);
            const { available, problem } = await made.probe();
            assert.deepEqual([available, words.test(problem ?? '')], [false, true], problem ?? 'no problem');
          }
        });
      }

      if (testedVersion === null) return;
      it('is asked for its version, and another one than the tested is remarked and used', async (t) => {
        const folder = scratch(t);
        const probe = () => under.make({ path: null, env: { PATH: `${folder}:/bin`, HOME: folder } }).probe();
        program(folder, executable, `echo "${testedVersion}"`);
        const tested = await probe();
        assert.deepEqual([tested.name, tested.available], [backend.name, true]);
        assert.deepEqual([tested.version, tested.remark], [testedVersion, null]);
        program(folder, executable, 'echo "some words 0.0.1 (and more)"');
        const other = await probe();
        assert.deepEqual([other.available, other.version], [true, '0.0.1']);
        assert.match(
          other.remark ?? '',
          new RegExp(`tested with version ${testedVersion.replaceAll('.', '\\.')}`),
        );
      });

      it('one that does not run is not available, with its own words', async (t) => {
        const folder = scratch(t);
        program(folder, executable, 'echo "wrong architecture" >&2; exit 3');
        const { available, problem } = await under
          .make({ path: null, env: { PATH: `${folder}:/bin` } })
          .probe();
        assert.equal(available, false);
        assert.match(problem ?? '', /wrong architecture/);
      });
    });

  if (under.cli !== null)
    describe(`${under.name}: how it is started`, () => {
      const { executable = '' } = under.cli ?? {};
      const told = under.told ?? ((spec) => [...spec.args, ...Object.values(spec.env)].join('\n'));
      async function prepare(t: TestContext, model: string | null, given: Partial<LaunchContext> = {}) {
        const folder = scratch(t);
        program(folder, executable);
        const made = under.make({ path: null, env: { PATH: folder } });
        const more = { findProgram: lookupIn(folder), ...given };
        const context = contextOf(agentRequest(), more);
        return made.prepare({ ...context, agent: { ...context.agent, model } });
      }

      it('with the role, the model and the conversation of the agent', async (t) => {
        const briefing = 'Role-text-4711';
        const model = under.takesNoModel ? null : 'provider/model-4712';
        const spec = await prepare(t, model, { briefing });
        const words = [spec.program, ...spec.args];
        assert.ok(
          words.some((word) => word.endsWith(`/${executable}`)),
          'the program',
        );
        if (!backend.briefingInPrompt) assert.match(told(spec), /Role-text-4711/);
        if (under.takesNoModel) {
          await assert.rejects(prepare(t, 'some-model'), (error) => isMaosError(error, 'INVALID_INPUT'));
        } else assert.match(told(spec), /model-4712/);
        assert.doesNotMatch(told(await prepare(t, null)), /4712/);
        if (!backend.capabilities.resumes) return;
        const resume = '11111111-2222-4333-8444-555555555555';
        assert.match(told(await prepare(t, null, { resume })), new RegExp(resume));
      });

      it('with no model that would be an option', async (t) => {
        for (const model of ['--config=/x', '-x', 'a\nb', ' ']) {
          await assert.rejects(prepare(t, model), (error) => isMaosError(error, 'INVALID_INPUT'), model);
        }
      });

      const { shutsOutServers } = under;
      if (shutsOutServers === null) return;
      it("without the user's MCP servers", async (t) => {
        assert.ok(shutsOutServers(await prepare(t, null)));
      });
    });

  describe(`${under.name}: what its parser makes of real output`, () => {
    it('every recording is expected', () => {
      assert.deepEqual(Object.keys(recordings).sort(), Object.keys(ends).sort());
    });

    for (const [name, { stdout, stderr, end }] of Object.entries(recordings)) {
      it(name, () => {
        const whole = read([stdout]);
        const bytes = Array.from(stdout.keys());
        assert.deepEqual(joined(read(cutAt(stdout, bytes))), joined(whole), 'byte by byte');
        fc.assert(
          fc.property(fc.array(fc.nat(100_000), { maxLength: 400 }), (cuts) => {
            assert.deepEqual(joined(read(cutAt(stdout, cuts))), joined(whole));
          }),
          { numRuns: 25 },
        );

        const expected = ends[name] ?? assert.fail('not expected');
        const outcome = backend.explain(end, whole.run, stderr);
        assert.equal(whole.run.verdict?.retryAt ?? undefined, expected.retryAt);
        if (expected.kind === null) {
          assert.equal(outcome.state, 'completed');
          assert.match(outcome.result, expected.words);
          return;
        }
        assert.equal(outcome.state, 'failed');
        assert.match(outcome.failure.message, expected.words);
        assert.equal(outcome.failure.kind, expected.kind);
        assert.equal(outcome.failure.stderrTail, stderr);
      });
    }

    records('a line read by itself, as logs are shown, tells of no failure where there is none', () => {
      for (const [name, { stdout }] of Object.entries(recordings)) {
        if (ends[name]?.kind !== null) continue;
        const failed = linesOf(stdout)
          .flatMap((line) => read([line]).activities)
          .filter((activity) => activity.type === 'result' && !activity.ok);
        assert.deepEqual(failed, [], name);
      }
    });

    it('recordings one after the other are read in any order and however they are cut', () => {
      const all = Object.values(recordings).map(({ stdout }) => stdout);
      const some = fc.array(fc.constantFrom(...all), { minLength: 2, maxLength: 4 });
      const cuts = fc.array(fc.nat(100_000), { maxLength: 20 });
      fc.assert(
        fc.property(some, cuts, fc.nat(10_000), (parts, places, lost) => {
          const stream = Buffer.concat(parts);
          const bytes = stream.subarray(0, Math.max(0, stream.length - (lost % (stream.length + 1))));
          assert.deepEqual(joined(read(cutAt(bytes, places))), joined(read([bytes])));
        }),
        { numRuns: 50 },
      );
    });

    records('what is none of its lines changes nothing', () => {
      const lines = linesOf(success.stdout);
      const garbage = [
        '',
        ' ',
        'Warning: x',
        '{',
        '{"a":',
        '[]',
        'null',
        '7',
        '"x"',
        '\0\ufffd',
        '{"type":7}',
        '{}',
      ];
      const noise = fc.array(fc.tuple(fc.nat(lines.length), fc.constantFrom(...garbage)), { maxLength: 12 });
      const { run } = read([success.stdout]);
      fc.assert(
        fc.property(noise, (inserted) => {
          const mixed = [...lines];
          for (const [place, text] of inserted) mixed.splice(place, 0, Buffer.from(`${text}\n`));
          assert.deepEqual(read(mixed).run, run);
        }),
        { numRuns: 50 },
      );
    });

    records('a line longer than it reads is left out with a notice', () => {
      const piece = Buffer.alloc(mebibyte, 'x');
      const huge = [
        Buffer.from('{"type":"'),
        ...Array.from({ length: 17 }, () => piece),
        Buffer.from('"}\n'),
      ];
      const { run, activities } = read([...huge, ...linesOf(success.stdout), ...huge]);
      assert.deepEqual(run, read([success.stdout]).run);
      assert.equal(activities.filter(({ type }) => type === 'notice').length >= 2, true);
    });

    it('its memory is bounded, however much is printed', () => {
      const parser = backend.makeParser();
      const before = usedHeap();
      for (let pushed = 0, run = 0; pushed < 32 * mebibyte && run < 10_000; ) {
        for (const { stdout } of Object.values(recordings)) {
          run += 1;
          const text = `${stdout.toString().replaceAll(/("[\w-]*[iI][dD]":")/g, `$1r${run}-`)}\n`;
          pushed += text.length;
          parser.push(Buffer.from(text));
        }
      }
      const grown = usedHeap() - before;
      assert.ok(grown < 2 * mebibyte, `it has kept ${Math.round(grown / mebibyte)} MiB`);
      assert.ok(JSON.stringify(parser.parsed()).length < mebibyte);
    });
  });

  describe(`${under.name}: why a run ended`, () => {
    const nothing = Buffer.from('');

    it('without a word: by what became of its process, exit status 0 included', () => {
      assert.equal(failureOf(killed, nothing).kind, 'signal');
      assert.match(failureOf(killed, nothing).message, /SIGKILL/);
      assert.equal(failureOf({ how: 'lost', at }, nothing).kind, 'lost');
      const { kind, message, stderrTail } = failureOf(exited(2), nothing, 'a\nno such option\n');
      assert.deepEqual([kind, stderrTail], ['exit_code', 'a\nno such option\n']);
      assert.match(message, /status 2/);
      if (!isStructured) return;
      assert.match(message, /no such option/);
      assert.match(failureOf(exited(0), nothing).message, /without a result/);
    });

    records('with other words than its own, such as a question: no result', () => {
      const question = Buffer.from('Do you trust the files in this folder? (y/n) ');
      assert.deepEqual(failureOf(exited(0), question).kind, 'exit_code');
      assert.match(failureOf(exited(0), question).message, /without a result/);
    });

    records('a failure is one with exit status 0, too', () => {
      for (const [name, { stdout, stderr }] of Object.entries(recordings)) {
        if (ends[name]?.kind === null) continue;
        const { run } = read([stdout]);
        const { kind } = failureOf(exited(0), stdout, stderr);
        if (run.verdict !== null) assert.equal(kind, ends[name]?.kind, name);
      }
    });

    it('a result stands whatever became of the process after it, if its CLI called it the last', () => {
      const { run } = read([success.stdout]);
      if (run.verdict?.ok !== true) return;
      for (const end of [exited(1), killed, { how: 'lost', at } as const]) {
        assert.equal(backend.explain(end, run, '').state, 'completed');
      }
    });

    records('half of the line with the result is no result', () => {
      const { before, line } = resultLine();
      for (const kept of [0, 1, Math.floor(line.length / 2), line.length - 2]) {
        const bytes = Buffer.concat([...before, line.subarray(0, kept)]);
        failureOf(killed, bytes);
        failureOf(exited(0), bytes);
      }
    });

    records('a result and then no end is an answer that MAOS waits after for so long', () => {
      const { before, line } = resultLine();
      const parser = backend.makeParser();
      parser.push(Buffer.concat([...before, line]));
      const { answer } = parser.parsed();
      const outcome = backend.explain(success.end, read([success.stdout]).run, '');
      assert.deepEqual(answer?.background, []);
      assert.deepEqual(outcome, { state: 'completed', result: answer?.text });
    });

    records('two results: the last one', () => {
      const once = explain(success.end, success.stdout);
      assert.deepEqual(explain(success.end, Buffer.concat([success.stdout, success.stdout])), once);
      const failed = Object.entries(recordings).find(
        ([name, { stdout }]) => ends[name]?.kind !== null && read([stdout]).run.verdict?.ok === false,
      );
      if (failed === undefined) return;
      assert.deepEqual(explain(success.end, Buffer.concat([failed[1].stdout, success.stdout])), once);
    });

    /** The line with which the answer of the successful run is complete, and those before it. */
    function resultLine(): { before: readonly Buffer[]; line: Buffer } {
      const lines = linesOf(success.stdout);
      const parser = backend.makeParser();
      const index = lines.findIndex((line) => {
        parser.push(line);
        return parser.parsed().answer !== null;
      });
      const line = lines[index];
      assert.ok(line !== undefined, 'no line of the success gives an answer');
      return { before: lines.slice(0, index), line };
    }
  });

  /** For unstructured output, cutting it into more pieces may produce more texts. */
  function joined({ run, activities }: ReturnType<typeof read>) {
    if (isStructured) return { run, activities };
    return { run, text: activities.flatMap((one) => (one.type === 'text' ? [one.text] : [])).join('\n') };
  }
}

function linesOf(bytes: Buffer): Buffer[] {
  return bytes
    .toString()
    .split(/(?<=\n)/)
    .map((line) => Buffer.from(line));
}

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-backend-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function program(folder: string, name: string, script = 'exit 0'): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/** After a garbage collection, so that only retained memory counts. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
