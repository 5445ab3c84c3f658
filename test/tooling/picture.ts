// Writes the pictures of the README: the live view of `maos demo` in the middle of its run, as SVG with real text. Its
// plan and its view are those of the program; the moment is set, so that the same code gives the same picture.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { demoTeam } from '../../src/presentation/cli/demo/team.ts';
import { renderLive } from '../../src/presentation/cli/render/live-block.ts';
import { colourPaint } from '../../src/presentation/cli/shell/terminal.ts';
import { agent, ms, time, waiting, workflow } from '../presentation/cli/samples.ts';

const root = join(import.meta.dirname, '../..');
const columns = 96;
const cell = { width: 8.4, height: 20, size: 14 };
const margin = 20;

const themes = {
  light: {
    background: '#ffffff',
    frame: '#d1d9e0',
    text: '#1f2328',
    dim: '#6e7781',
    green: '#1a7f37',
    cyan: '#0a6c74',
  },
  dark: {
    background: '#0d1117',
    frame: '#3d444d',
    text: '#e6edf3',
    dim: '#8d96a0',
    green: '#3fb950',
    cyan: '#39c5cf',
  },
} as const;

type Theme = keyof typeof themes;

/** The pictures by their paths in the repository. */
export function pictures(): ReadonlyMap<string, string> {
  const screen = demoScreen();
  return new Map(
    (Object.keys(themes) as Theme[]).map((theme) => [`docs/demo-${theme}.svg`, drawn(screen, theme)]),
  );
}

function demoScreen(): readonly string[] {
  const { objective, agents } = demoTeam('node');
  const [spec, builder, tester, checker] = (agents ?? []).map(
    ({ name = '', role, task, command = null }, index) => ({
      name,
      role: { name: role === 'engineer' ? 'backend_engineer' : String(role), custom: null },
      task,
      backend: 'command',
      command,
      phase: [0, 1, 1, 2][index] ?? 0,
    }),
  );
  const done = agent('spec', {
    ...spec,
    state: 'completed',
    endedAt: time(2.1),
    result: 'Wrote spec.md: 4 steps, 3 examples.',
  });
  const building = agent('builder', { ...builder, startedAt: time(2.1), dependsOn: [done.id] });
  const testing = agent('tester', { ...tester, startedAt: time(2.1), dependsOn: [done.id] });
  const later = agent('checker', { ...checker, ...waiting, dependsOn: [building.id, testing.id] });
  const view = {
    workflow: workflow([done, building, testing, later], { objective, startedAt: time(1) }),
    activities: new Map([
      [building.id, 'building: join words with dashes'],
      [testing.id, 'writing a test for "3 Ways to Ship"'],
    ]),
    now: ms(3),
    frame: 3,
  };
  return [
    `${colourPaint('green', '$')} ${colourPaint('bold', 'npm run demo')}`,
    `Four agents build and check ${colourPaint('bold', 'slugify.mjs')} in /tmp/maos-demo-7Qx2Lk`,
    colourPaint(
      'dim',
      'Each is a real process; their programs are in team/. Ctrl-C moves the session to the background.',
    ),
    '',
    ...renderLive(view, { columns: columns + 1, rows: 24 }, colourPaint),
  ];
}

function drawn(lines: readonly string[], theme: Theme): string {
  const { background, frame, text, dim, green, cyan } = themes[theme];
  const width = Math.ceil(columns * cell.width + 2 * margin);
  const height = lines.length * cell.height + 2 * margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>maos demo: four agents, two of them at work</title>',
    `<style>text{font:${cell.size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:${text};white-space:pre}.b{font-weight:bold}.d{fill:${dim}}.g{fill:${green}}.c{fill:${cyan}}</style>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="${background}" stroke="${frame}"/>`,
    ...lines.flatMap((line, row) => textsOf(line, margin + (row + 0.75) * cell.height)),
    '</svg>',
    '',
  ].join('\n');
}

const classOf: Readonly<Record<string, string>> = { 1: 'b', 2: 'd', 32: 'g', 36: 'c' };

/** A text for each run of one format, at the place of its first cell, so that the columns hold in every font. */
function textsOf(line: string, y: number): readonly string[] {
  const texts: string[] = [];
  let column = 0;
  let format = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the formats of the view are control sequences
  for (const part of line.split(/(\u001b\[\d+m)/)) {
    const code = /\[(\d+)m/.exec(part)?.[1];
    if (code !== undefined) {
      format = classOf[code] ?? '';
      continue;
    }
    const shown = stripVTControlCharacters(part);
    const start = shown.length - shown.trimStart().length;
    if (shown.trim() !== '') {
      const x = Number((margin + (column + start) * cell.width).toFixed(1));
      const length = Number((shown.trim().length * cell.width).toFixed(1));
      const style = format === '' ? '' : ` class="${format}"`;
      texts.push(`<text x="${x}" y="${y}" textLength="${length}"${style}>${escaped(shown.trim())}</text>`);
    }
    column += shown.length;
  }
  return texts;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, svg] of pictures()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), svg);
  }
}
