import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

/**
 * One character or sequence of each kind that controls a terminal or disguises text. Without slash and NUL, because it
 * is also a file name.
 */
export const hostile = [
  ...['\u001b[8m', '\u001b]0;title\u0007', '\u001b[2J', '\u001b', '\u0007', '\b', '\r', '\v', '\u007f'],
  ...['\u0085', '\u009b31m', '\u009d0;x\u009c', '\u061c', '\u200b', '\u200e', '\u200f', '\u2028', '\u2029'],
  ...['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2060', '\u2066', '\u2067', '\u2068', '\u2069'],
  ...['\ufeff', '\u{e0041}'],
].join('x');

/** Characters that control a terminal, or hide or reorder text. */
export const steering =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/;
/** What `maos` itself writes where there are colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ownColours = /\u001b\[(?:1|2|22|3[1-6]|39)m/g;

/** @param what names the call in the error message */
export function assertHarmless(what: string, text: string, colours = false): void {
  const rest = colours ? text.replaceAll(ownColours, '') : text;
  const at = rest.search(steering);
  if (at < 0) return;
  const context = rest.slice(Math.max(0, at - 60), at + 60);
  assert.fail(`${what} writes U+${rest.codePointAt(at)?.toString(16)} in ${JSON.stringify(context)}`);
}

/** As JSON and YAML write it in double quotes. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A program whose output, files, claims and name are hostile texts. `talk fail` fails; `talk wait` keeps running. */
const programOf = (home: string): string => `
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const text = ${JSON.stringify(hostile)};
console.log('said ' + text);
console.error('complained ' + text);
const mode = process.argv[2];
const results = join(process.env.MAOS_SHARED_CONTEXT, '../../results', mode);
require('node:fs').mkdirSync(results, { recursive: true });
writeFileSync(join(results, 'file' + text + '.md'), text);
const claim = [${JSON.stringify(bundle)}, 'claim', ('claimed' + text).replaceAll('\\r', ''), '--reason', text];
const env = { ...process.env, MAOS_HOME: ${JSON.stringify(home)} };
if (mode !== 'talk') require('node:child_process').spawnSync(process.execPath, claim, { env });
if (mode === 'fail') process.exit(3);
if (mode === 'wait') setInterval(() => {}, 1000);
`;

/** A home and a project with hostile texts wherever a text can occur. */
export class HostileWorld {
  readonly maos: MaosFolder;
  readonly env: NodeJS.ProcessEnv;

  constructor() {
    const root = join(realpathSync(mkdtempSync(join(tmpdir(), 'maos-hostile-'))), `folder${hostile}`);
    mkdirSync(root);
    this.maos = new MaosFolder(root);
    // Finds no CLI and no settings of the user who runs the tests.
    this.env = { ...this.maos.env, HOME: root, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
    const described = JSON.stringify(`Does ${hostile}`).replace(/[^ -~]/g, escaped);
    this.write(
      '.claude/agents/odd.md',
      `---\nname: odd\ndescription: ${described}\n---\n# You are ${hostile}\n`,
    );
    this.write(`.claude/agents/left${hostile}out.md`, '---\nname: left_out\n---\n');
    this.write('home/config.json', JSON.stringify({ allowCommands: [`say ${hostile}`] }));
    this.write('talk.cjs', programOf(this.maos.home));
    for (const mode of ['fail', 'wait']) this.write(`${mode}.json`, JSON.stringify(planOf(root, mode)));
    this.write(`bad${hostile}.json`, JSON.stringify({ objective: hostile, [hostile]: hostile }));
    this.write(`torn${hostile}.json`, `{"objective": "${hostile}`);
  }

  write(path: string, text: string): void {
    const file = join(this.maos.project, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function planOf(root: string, mode: string) {
  const own = { name: 'own_role', description: `Is ${hostile}`, responsibilities: [hostile] };
  return {
    objective: `Reach ${hostile}`,
    agents: ['talk', mode].map((name) => ({
      role: name === 'talk' ? 'odd' : own,
      name,
      task: `Do ${hostile}`,
      backend: 'command',
      command: [process.execPath, join(root, 'talk.cjs'), name, hostile],
    })),
  };
}
