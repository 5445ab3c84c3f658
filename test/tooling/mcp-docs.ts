// Writes the generated parts of docs/mcp.md: the registry's contents, and a real server's results of real calls.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { defineTools, type ToolDefinition } from '../../src/presentation/mcp/server/definitions.ts';
import { instructions } from '../../src/presentation/mcp/server/instructions.ts';
import { registry } from '../../src/presentation/mcp/server/registry.ts';
import { isTemplate } from '../../src/presentation/mcp/server/resource.ts';

const root = join(import.meta.dirname, '../..');
const page = join(root, 'docs/mcp.md');

interface Example {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** A call before it that is not shown. */
  readonly before?: Example;
}

const gate = 'until [ -e go ]; do sleep 0.02; done';
const ask = `'${process.execPath}' '${join(root, 'bin/maos.js')}' ask 'Which port?'`;
const allowCommands = ["echo 'A greeting belongs in the README.'", 'grep -q MCP notes.md', gate, ask];

const author = ['-c', 'user.name=You', '-c', 'user.email=you@example.org', '-c', 'commit.gpgSign=false'];

/** Calls one after another on one server: a team with a failing agent, and a cancelled one. */
const examples: readonly Example[] = [
  {
    tool: 'orchestrate',
    arguments: {
      objective: 'Find out where the greeting belongs, and check the notes',
      agents: [
        { role: 'analyst', task: 'Say where it belongs.', backend: 'command', command: allowCommands[0] },
        {
          role: 'tester',
          task: 'Check that the notes mention MCP.',
          backend: 'command',
          command: allowCommands[1],
          depends_on: ['analyst'],
        },
      ],
    },
  },
  { tool: 'wait-session', arguments: { session_id: 'latest' } },
  { tool: 'session-status', arguments: { session_id: 'latest' } },
  { tool: 'agent-output', arguments: { agent_id: 'agent_analyst' } },
  { tool: 'list-sessions', arguments: { limit: 5 } },
  { tool: 'list-roles', arguments: { session_id: 'latest' } },
  {
    tool: 'send-message',
    before: {
      tool: 'orchestrate',
      arguments: {
        objective: 'Wait for a sign that never comes',
        agents: [{ role: 'tester', task: 'Wait.', backend: 'command', command: gate }],
      },
    },
    arguments: { session_id: 'latest', to: 'tester', body: 'The sign will not come.', subject: 'Sign' },
  },
  { tool: 'control-session', arguments: { session_id: 'latest', action: 'cancel' } },
  {
    tool: 'respond',
    before: {
      tool: 'wait-session',
      arguments: { session_id: 'latest' },
      before: {
        tool: 'orchestrate',
        arguments: {
          objective: 'Ask for a port',
          agents: [{ role: 'tester', task: 'Ask.', backend: 'command', command: ask }],
        },
      },
    },
    arguments: { request_id: 'latest', answer: '8080' },
  },
  {
    tool: 'land-session',
    before: {
      tool: 'control-session',
      arguments: { session_id: 'latest', action: 'cancel' },
      before: {
        tool: 'orchestrate',
        arguments: {
          objective: 'Write the release notes',
          agents: [
            { role: 'documenter', task: 'Wait.', backend: 'command', command: gate, workspace: 'worktree' },
          ],
        },
      },
    },
    arguments: { session_id: 'latest', dry_run: true },
  },
];

/** The required content of the page. */
export async function renderPage(): Promise<string> {
  const parts: Readonly<Record<string, string>> = {
    instructions: instructions.replaceAll(/^(?=.)/gm, '> ').replaceAll(/^$/gm, '>'),
    tools: toolsPart(await callExamples()),
    resources: resourcesPart(),
    prompts: promptsPart(),
  };
  return readFileSync(page, 'utf8').replaceAll(
    /(<!-- generated: ([a-z]+) -->\n).*?(<!-- end -->)/gs,
    (_, begin: string, name: string, end: string) => `${begin}\n${parts[name]}\n\n${end}`,
  );
}

async function callExamples(): Promise<ReadonlyMap<string, unknown>> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'maos-docs-')));
  const [home, project] = [join(folder, 'home'), join(folder, 'project')];
  try {
    await mkdir(home, { mode: 0o700 });
    await mkdir(project);
    await writeFile(join(project, 'notes.md'), 'Nothing yet.\n');
    for (const args of [
      ['init', '-q', '-b', 'main'],
      ['add', '-A'],
      [...author, 'commit', '-q', '-m', 'Notes'],
    ]) {
      execFileSync('git', args, { cwd: project });
    }
    await writeFile(join(home, 'config.json'), JSON.stringify({ allowCommands }));
    const client = new Client({ name: 'docs', version: '1' });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [join(root, 'bin/maos.js'), 'serve'],
        cwd: project,
        env: { PATH: process.env.PATH ?? '', HOME: home, MAOS_HOME: home },
      }),
    );
    const call = async ({ tool, arguments: args, before }: Example): Promise<unknown> => {
      if (before !== undefined) await call(before);
      const result = await client.callTool({ name: tool, arguments: { ...args } });
      if (result.isError === true) throw new Error(`${tool}: ${JSON.stringify(result.content)}`);
      return JSON.parse(steady(JSON.stringify(result.structuredContent), folder));
    };
    const answers = new Map<string, unknown>();
    for (const example of examples) answers.set(example.tool, await call(example));
    await client.close();
    return answers;
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** Replaces everything that differs between runs: ids, times, durations, folders. */
function steady(json: string, folder: string): string {
  return json
    .replaceAll(folder, '/home/you')
    .replaceAll('/home/you/home', '/home/you/.maos')
    .replaceAll(/projects\/[0-9a-f]{64}/g, 'projects/5b2c…')
    .replaceAll(/sess_[0-9A-Z]{26}/g, 'sess_01KAZ8W6M5T3QJ4R7X9Y2B0C1D')
    .replaceAll(/msg_[0-9A-Z]{26}/g, 'msg_01KAZ8W6M5T3QJ4R7X9Y2B0C1F')
    .replaceAll(/req_[0-9A-Z]{26}/g, 'req_01KAZ8W6M5T3QJ4R7X9Y2B0C1E')
    .replaceAll(/(agent_[a-z_]+_[0-9]+)_[a-z0-9]{6}/g, '$1_x7k2p9')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-11-22T10:00:00.000Z')
    .replaceAll(/\b[0-9.]+( ms| s)\b/g, '0.1 s')
    .replaceAll(/"(ran_ms|wall_ms|duration_ms|took_ms)":\d+/g, '"$1":100');
}

function toolsPart(answers: ReadonlyMap<string, unknown>): string {
  const sections = defineTools(registry.tools).map((tool) => {
    const example = examples.find((candidate) => candidate.tool === tool.name);
    if (example === undefined) throw new Error(`There is no example of ${tool.name}.`);
    return [
      `### ${tool.name}`,
      `${tool.title}. ${tool.description}`,
      hints(tool),
      fields(tool.inputSchema),
      'A call and what it answered:',
      code(example.arguments),
      code(answers.get(tool.name)),
    ].join('\n\n');
  });
  return sections.join('\n\n');
}

function hints({ annotations, _meta }: ToolDefinition): string {
  const said = Object.entries(annotations).map(([name, value]) => `\`${name}: ${value}\``);
  const loaded =
    _meta?.['anthropic/alwaysLoad'] === true ? ', kept in view by Claude Code (`alwaysLoad`)' : '';
  return `Hints: ${said.join(', ')}${loaded}.`;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

function fields(schema: Schema): string {
  const rows = rowsOf(schema, '').map((cells) => `| ${cells.join(' | ')} |`);
  return ['| argument | type | |', '|---|---|---|', ...rows].join('\n');
}

function rowsOf({ properties = {}, required = [] }: Schema, above: string): readonly string[][] {
  return Object.entries(properties).flatMap(([name, property]) => {
    const isRequired = required.includes(name) && property.default === undefined;
    const notes = [
      isRequired ? 'required' : '',
      property.default === undefined ? '' : `default \`${JSON.stringify(property.default)}\``,
      property.description ?? '',
    ];
    const row = [`\`${above}${name}\``, typeOf(property), notes.filter((note) => note !== '').join('; ')];
    const inner = property.items?.properties === undefined ? property : property.items;
    const mark = inner === property ? '.' : '[].';
    return [row, ...rowsOf(inner, `${above}${name}${mark}`)];
  });
}

function typeOf({ type, enum: values, anyOf, items }: Schema): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(' ');
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' or ');
  if (items !== undefined) return `list of ${typeOf(items)}`;
  return String(type ?? 'any');
}

function resourcesPart(): string {
  const rows = registry.resources.map((resource) => {
    const marks = [
      isTemplate(resource) ? 'template' : '',
      resource.follow === undefined ? '' : 'subscribable',
    ];
    const kind = marks.filter((mark) => mark !== '').join(', ');
    return `| \`${resource.uri}\` | ${kind} | ${resource.description} |`;
  });
  return ['| resource | | |', '|---|---|---|', ...rows].join('\n');
}

function promptsPart(): string {
  const rows = registry.prompts.map(({ name, description, arguments: list }) => {
    const args = list.map(
      (argument) => `\`${argument.name}\`${argument.required ? '' : ' (optional)'}: ${argument.description}`,
    );
    return `| \`${name}\` | ${description} | ${args.join('<br>')} |`;
  });
  return ['| prompt | | arguments |', '|---|---|---|', ...rows].join('\n');
}

function code(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}

if (process.argv[1] === import.meta.filename) writeFileSync(page, await renderPage());
