import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { noBudget } from '../../../src/domain/budget.ts';
import { isMaosError, type MaosError } from '../../../src/domain/errors.ts';
import { configPath, loadConfig, toSettings } from '../../../src/infrastructure/config/config.ts';
import { type PartialConfig, settingsByKey } from '../../../src/infrastructure/config/settings-table.ts';
import { keyByVariable, ownVariables } from '../../../src/infrastructure/config/variables.ts';

const hash = 'a'.repeat(64);
let home: string;
let userFile: string;
let projectFile: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'maos-config-'));
  userFile = configPath(home);
  projectFile = configPath(home, hash);
  mkdirSync(join(projectFile, '..'), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const user = (content: string | object): void =>
  writeFileSync(userFile, typeof content === 'string' ? content : JSON.stringify(content));
const project = (content: object): void => writeFileSync(projectFile, JSON.stringify(content));
const load = (env: Record<string, string> = {}, flags?: PartialConfig) =>
  loadConfig({ home, projectHash: hash, env, flags });

function refusal(run: () => unknown): MaosError {
  try {
    run();
  } catch (error) {
    assert.ok(isMaosError(error, 'CONFIG_INVALID'), String(error));
    return error;
  }
  assert.fail('it was accepted');
}

describe('the settings', () => {
  it('have defaults without any file', () => {
    const { config, sources, warnings } = load();
    assert.equal(config.backend, 'claude');
    assert.ok(config.maxConcurrentAgents.machine >= 4);
    assert.equal(config.maxConcurrentAgents.session, null);
    assert.equal(config.maxDepth, 2);
    assert.equal(config.backends.claude.permissionMode, 'acceptEdits');
    assert.deepEqual(config.allowCommands, []);
    assert.equal(config.busyTimeoutMs, 5_000);
    assert.deepEqual([...sources.keys()], [...settingsByKey.keys()]);
    assert.ok([...sources.values()].every((origin) => origin.kind === 'default'));
    assert.deepEqual(warnings, []);
  });

  it('have defaults that they allow, a description, and a variable of their own', () => {
    const variables = new Set<string>();
    for (const [key, { kind, fallback, description, variable }] of settingsByKey) {
      assert.ok(kind.schema.safeParse(fallback).success, key);
      assert.match(description, /^[A-Z].{10,}\.$/, key);
      if (variable === null) continue;
      assert.match(variable, /^MAOS_[A-Z_]+$/);
      assert.ok(!variables.has(variable) && !ownVariables.has(variable), variable);
      variables.add(variable);
    }
    assert.equal(variables.size, keyByVariable.size);
  });

  it('lie over each other: user file, project file, variable, flag', () => {
    const layers: [run: () => unknown, kind: string][] = [
      [() => user({ maxDepth: 3, backend: 'codex' }), 'file user'],
      [() => project({ maxDepth: 4 }), 'file project'],
    ];
    const kindOf = (key: string, env = {}, flags?: PartialConfig): string => {
      const origin = load(env, flags).sources.get(key);
      return origin?.kind === 'file' ? `file ${origin.scope}` : (origin?.kind ?? 'none');
    };
    for (const [index, [write, kind]] of layers.entries()) {
      write();
      assert.equal(load().config.maxDepth, 3 + index);
      assert.equal(kindOf('maxDepth'), kind);
    }
    const env = { MAOS_MAX_DEPTH: '5' };
    assert.equal(load(env).config.maxDepth, 5);
    assert.deepEqual(load(env).sources.get('maxDepth'), { kind: 'variable', name: 'MAOS_MAX_DEPTH' });
    assert.equal(load(env, { maxDepth: 6 }).config.maxDepth, 6);
    assert.equal(kindOf('maxDepth', env, { maxDepth: 6 }), 'flag');
    assert.equal(load(env, { maxDepth: undefined }).config.maxDepth, 5);
    assert.deepEqual(load().sources.get('backend'), { kind: 'file', scope: 'user', path: userFile });
    assert.equal(
      loadConfig({ home, env: {} }).config.maxDepth,
      3,
      'without a project its file does not count',
    );
  });

  it('merge groups key by key and replace lists', () => {
    user({
      maxConcurrentAgents: { machine: 8, session: 3 },
      backends: { claude: { allowedTools: ['Read', 'Edit'] } },
    });
    project({
      maxConcurrentAgents: { session: null, role: 2 },
      backends: { claude: { allowedTools: ['Bash(npm test)'] } },
    });
    const { config } = load();
    assert.deepEqual(config.maxConcurrentAgents, { machine: 8, session: null, role: 2 });
    assert.deepEqual(config.backends.claude.allowedTools, ['Bash(npm test)']);
  });

  it('give the application what it reads', () => {
    // Without a command or webhook, nothing is sent to other programs.
    const onTerminal = ['bell', 'title', 'desktop'];
    user({ stopGraceSeconds: 2.5, allowCommands: ['npm test'], maxConcurrentAgents: { machine: 6 } });
    assert.deepEqual(toSettings(load().config), {
      defaultBackend: 'claude',
      roles: new Map(),
      maxConcurrentAgents: { machine: 6, session: null, role: null },
      maxDepth: 2,
      budgets: { agent: noBudget, session: noBudget },
      quota: {
        maxRetries: 4,
        baseDelayMs: 15_000,
        maxDelayMs: 300_000,
        autoResume: false,
        refusedMs: 60_000,
      },
      limits: {
        stallMs: 1_200_000,
        maxOutputBytes: 1_073_741_824,
        afterResultMs: 600_000,
        maxSubagents: null,
      },
      approvals: { rules: [], expireMs: 1_800_000 },
      messagesPerMinute: 60,
      notifications: {
        ways: { end: onTerminal, failed: onTerminal, pause: onTerminal, request: onTerminal },
        terminal: 'auto',
        desktop: 'auto',
      },
      retention: {
        maxAgeMs: 30 * 86_400_000,
        maxSessions: 1_000,
        maxBytes: 10_000_000_000,
        maxRefsAgeMs: 90 * 86_400_000,
      },
      stopGraceMs: 2_500,
      storePatienceMs: 5_000,
      allowCommands: ['npm test'],
    });
  });

  it('may be saved with a byte order mark', () => {
    user('\uFEFF{"maxDepth": 1}');
    assert.equal(load().config.maxDepth, 1);
  });
});

describe('a wrong user file', () => {
  const cases: [content: string, complaint: string][] = [
    ['{"maxDepth": "2"}', 'maxDepth is "2"; it must be a whole number from 0 to 10.'],
    ['{"maxDepth": 11}', 'maxDepth is 11; it must be a whole number from 0 to 10.'],
    ['{"maxDepth": 1.5}', 'maxDepth is 1.5; it must be'],
    ['{"maxDepth": null}', 'maxDepth is null; it must be'],
    [
      '{"approvals": {"rules": {"tool": "Bash"}}}',
      'it must be a list of at most 1000 rules such as {"tool":',
    ],
    [
      '{"approvals": {"rules": [{"decision": "deny"}]}}',
      'approvals.rules[0].tool must be the name of a tool',
    ],
    [
      '{"approvals": {"rules": [{"tool": "*", "decision": "ask"}]}}',
      'rules[0].decision must be allow or deny.',
    ],
    ['{"approvals": {"rules": [{"tol": "*"}]}}', 'approvals.rules[0] has the unknown key "tol"'],
    ['{"approvals": {"rules": ["*"]}}', 'approvals.rules[0] must be an object such as'],
    ['{"maxDepth": 1e999}', 'maxDepth is Infinity; it must be'],
    ['{"backend": ""}', `backend is ""; it must be a backend's name`],
    ['{"backend": "../x"}', 'backend is "../x"; it must be'],
    [
      '{"maxConcurrentAgents": 4}',
      'maxConcurrentAgents is 4; it must be an object with keys such as machine, session, role.',
    ],
    [
      '{"maxConcurrentAgents": {"machine": 0}}',
      'maxConcurrentAgents.machine is 0; it must be a whole number from 1 to 10000.',
    ],
    [
      '{"maxConcurrentAgents": {"session": "none"}}',
      'maxConcurrentAgents.session is "none"; it must be a whole number from 1 to 10000, or null.',
    ],
    ['{"maxConcurrentAgents": [1]}', 'maxConcurrentAgents is [1]; it must be an object'],
    ['{"stopGraceSeconds": -1}', 'stopGraceSeconds is -1; it must be a number from 0 to 3600.'],
    ['{"allowCommands": "npm test"}', 'allowCommands is "npm test"; it must be a list'],
    ['{"allowCommands": ["ok", 3]}', 'allowCommands is ["ok",3]; it must be a list'],
    ['{"allowCommands": [""]}', 'allowCommands is [""]; it must be a list'],
    [
      '{"backends": {"claude": {"path": "claude"}}}',
      'backends.claude.path is "claude"; it must be an absolute path, or null.',
    ],
    [
      '{"backends": {"claude": {"permissionMode": "yolo"}}}',
      'backends.claude.permissionMode is "yolo"; it must be one of acceptEdits, auto,',
    ],
    [
      '{"backends": {"claude": {"model": "--flag"}}}',
      'backends.claude.model is "--flag"; it must be a model\'s name',
    ],
    [
      '{"backends": {"claude": {"maxBudgetUsd": 0}}}',
      'backends.claude.maxBudgetUsd is 0; it must be a number from 0.01 to 1000000, or null.',
    ],
    ['{"backends": null}', 'backends is null; it must be an object'],
    ['{"log": {"level": "loud"}}', 'log.level is "loud"; it must be one of error, warn, info, debug, trace.'],
    ['{"busyTimeoutMs": true}', 'busyTimeoutMs is true; it must be'],
    ['{"maxdepth": 2}', 'maxdepth is not a setting; did you mean maxDepth?'],
    ['{"machine": 2}', 'machine is not a setting; did you mean maxConcurrentAgents.machine?'],
    ['{"log": {"lvl": "info"}}', 'log.lvl is not a setting; did you mean log.level?'],
    ['{"backends": {"claud": {}}}', 'backends.claud is not a setting; did you mean backends.claude?'],
    [
      '{"backends": {"command": {"shell": 1}}}',
      'backends.command.shell is not a setting; known keys here: (none).',
    ],
    ['{"colour": "red"}', 'colour is not a setting; known keys here: backend, roles, maxConcurrentAgents,'],
    ['{"__proto__": {"maxDepth": 1}}', '__proto__ is not a setting'],
    ['{"constructor": 1}', 'constructor is not a setting'],
    ['{"a\\u001b[31m": 1}', '"a\\u001b[31m" is not a setting'],
    ['[]', 'the content is []; it must be an object'],
    ['null', 'the content is null; it must be an object'],
    ['"x"', 'the content is "x"; it must be an object'],
  ];
  for (const [content, complaint] of cases) {
    it(`is refused: ${content}`, () => {
      user(content);
      const { message, details } = refusal(load);
      assert.ok(message.startsWith(`${JSON.stringify(userFile)}: line 1, column `), message);
      assert.ok(message.includes(complaint), message);
      assert.equal((details.problems as string[]).length, 1);
    });
  }

  it('is told everything at once', () => {
    user({ maxDepth: 'two', log: { level: 'loud', maxFile: 1 }, backend: 'claude' });
    const { message, details } = refusal(load);
    assert.ok(
      message.startsWith(
        `${JSON.stringify(userFile)} has 3 problems:\n- line 1, column 2: maxDepth is "two"`,
      ),
      message,
    );
    assert.match(
      message,
      /\n- line 1, column \d+: log\.level is "loud".*\n- line 1, column \d+: log\.maxFile is not a setting; did you mean log\.maxFiles\?$/s,
    );
    assert.equal((details.problems as string[]).length, 3);
  });

  const broken: [content: string, line: number, column: number][] = [
    ['{"maxDepth": 2,,}', 1, 16],
    ['{"maxDepth": 2, "maxDepth": 3}', 1, 17],
    ['{\n  "maxDepth": tru\n}', 2, 15],
    ['{\n  # comment\n}', 2, 3],
    ['{\n  /* comment\n}', 2, 3],
    ['{"a": "x\ny"}', 1, 7],
    ["{'a': 1}", 1, 2],
    ['{"a": 1', 1, 8],
    ['{"a": 01}', 1, 8],
    ['{"maxDepth": 2} extra', 1, 17],
    ['[1, 2', 1, 6],
    ['\uFEFF{"a" 1}', 1, 6],
  ];
  for (const [content, line, column] of broken) {
    it(`is refused with the place: ${JSON.stringify(content)}`, () => {
      user(content);
      const { message, details } = refusal(load);
      assert.ok(message.startsWith(JSON.stringify(userFile)), message);
      assert.ok(message.includes(`line ${line}, column ${column}`), message);
      assert.deepEqual([details.line, details.column], [line, column]);
    });
  }

  it('is refused when it is empty', () => {
    for (const content of ['', ' \n', '\uFEFF']) {
      user(content);
      assert.match(refusal(load).message, /config\.json" is empty: write \{\} or remove it\.$/);
    }
  });

  it('may have comments and trailing commas', () => {
    user('// Mine\n{\n  "maxDepth": 1, /* flat */\n  "allowCommands": ["npm test",],\n}\n');
    const { config } = load();
    assert.deepEqual([config.maxDepth, config.allowCommands], [1, ['npm test']]);
  });

  it('is refused when it is a folder, too large or closed', (t) => {
    mkdirSync(userFile);
    assert.match(refusal(load).message, /config\.json" is not a file/);
    rmSync(userFile, { recursive: true });
    user(`{"allowCommands": ["${'x'.repeat(300_000)}"]}`);
    assert.match(refusal(load).message, /has 300\d\d\d bytes, and settings at most 262144/);
    if (process.getuid?.() === 0) return t.diagnostic('root reads every file: closed ones not tried');
    chmodSync(userFile, 0);
    assert.match(refusal(load).message, /config\.json" cannot be read/);
  });
});

describe("a project's file", () => {
  it('may hold other settings, and is named when they are wrong', () => {
    project({ maxDepth: 99 });
    assert.ok(
      refusal(load).message.startsWith(`${JSON.stringify(projectFile)}: line 1, column 2: maxDepth is 99`),
    );
  });

  const programs: [content: object, key: string][] = [
    [{ allowCommands: ['rm -rf /'] }, 'allowCommands'],
    [{ allowCommands: [] }, 'allowCommands'],
    [{ notifications: { command: ['/tmp/evil'] } }, 'notifications.command'],
    [{ notifications: { webhook: { url: 'https://evil.example' } } }, 'notifications.webhook.url'],
    [{ backends: { claude: { path: '/tmp/evil' } } }, 'backends.claude.path'],
    [{ backends: { claude: { path: null } } }, 'backends.claude.path'],
    [{ backends: { claude: { extraArgs: ['--mcp-config', 'evil.json'] } } }, 'backends.claude.extraArgs'],
    [{ backends: { claude: { args: [] } } }, 'backends.claude.args'],
    [{ backends: { command: { path: '/bin/sh' } } }, 'backends.command.path'],
    [{ backends: { agentClient: { evil: { command: '/tmp/evil' } } } }, 'backends.agentClient'],
    [{ environment: { pass: ['*'] } }, 'environment.pass'],
    [{ environment: { withhold: [] } }, 'environment.withhold'],
    [{ customBackends: { evil: { path: '/tmp/evil' } } }, 'customBackends'],
  ];
  for (const [content, key] of programs) {
    it(`may not name programs: ${JSON.stringify(content)}`, () => {
      project(content);
      const { message } = refusal(load);
      assert.ok(message.startsWith(`${JSON.stringify(projectFile)}: line 1, column `), message);
      assert.ok(message.includes(`: ${key} decides which programs run`), message);
      assert.ok(message.includes(`move it to ${userFile}`), message);
    });
  }

  it('may not name programs that a user may', () => {
    const known = programs.filter(([, key]) => settingsByKey.has(key) && key !== 'allowCommands');
    for (const [content] of known) {
      user(content);
      load();
    }
  });
});

describe('entries by names of the user', () => {
  const gemini = { command: 'gemini', args: ['--acp'] };

  it('have defaults for what they leave out', () => {
    user({ backends: { agentClient: { gemini } } });
    const { agentClient } = load().config.backends;
    assert.deepEqual(Object.keys(agentClient), ['gemini']);
    const { command, args, env, permissionMode, model } = agentClient.gemini ?? assert.fail('no entry');
    assert.deepEqual([command, args, env], ['gemini', ['--acp'], {}]);
    assert.deepEqual([permissionMode, model], ['acceptEdits', null]);
  });

  const wrong: [content: unknown, said: string][] = [
    [[], 'backends.agentClient is []; it must be an object with one entry for each program, by its name.'],
    [
      { Gemini: gemini },
      'backends.agentClient has the key "Gemini"; it must be a name of at most 40 lower-case letters',
    ],
    [
      { gemini: 'gemini' },
      'backends.agentClient.gemini is "gemini"; it must be an object with keys such as command, ',
    ],
    [{ gemini: {} }, 'backends.agentClient.gemini has no "command"; it must be a program: '],
    [
      { gemini: { comand: 'gemini' } },
      'backends.agentClient.gemini.comand is not a setting; did you mean command?',
    ],
    [
      { gemini: { ...gemini, colour: 1 } },
      'backends.agentClient.gemini.colour is not a setting; known keys here: ',
    ],
    [
      { gemini: { ...gemini, args: '--acp' } },
      'backends.agentClient.gemini.args is "--acp"; it must be a list of ',
    ],
    [
      { gemini: { ...gemini, env: { MAOS_HOME: '/x' } } },
      'backends.agentClient.gemini.env has the key "MAOS_HOME"; it must be the name of a variable that does not begin',
    ],
    [
      { gemini: { ...gemini, env: { A: 'secret', B: 7 } } },
      'backends.agentClient.gemini.env.B must be a text of at most',
    ],
    [{ gemini: { ...gemini, permissionMode: 'yes' } }, 'it must be one of reject, acceptEdits, allow.'],
  ];
  for (const [agentClient, said] of wrong) {
    it(`say what is wrong: ${JSON.stringify(agentClient)}`, () => {
      user({ backends: { agentClient } });
      const { message } = refusal(load);
      assert.ok(message.includes(said), message);
      assert.ok(!message.includes('secret'), message);
    });
  }

  it('show the names of variables, and no value', () => {
    user({ backends: { agentClient: { gemini: { ...gemini, env: { KEY: 'secret' } } } } });
    const { agentClient } = load().config.backends;
    const told = settingsByKey.get('backends.agentClient')?.kind.disclosed?.(agentClient);
    assert.deepEqual((told as typeof agentClient).gemini?.env, { KEY: '[not shown]' });
    assert.equal((told as typeof agentClient).gemini?.command, 'gemini');
  });
});

describe('variables', () => {
  const given: [variable: string, text: string, key: string, value: unknown][] = [
    ['MAOS_BACKEND', 'codex', 'backend', 'codex'],
    ['MAOS_MAX_CONCURRENT_AGENTS', '7', 'maxConcurrentAgents.machine', 7],
    ['MAOS_MAX_AGENTS_PER_SESSION', 'none', 'maxConcurrentAgents.session', null],
    ['MAOS_MAX_AGENTS_PER_ROLE', '3', 'maxConcurrentAgents.role', 3],
    ['MAOS_MAX_DEPTH', ' 0 ', 'maxDepth', 0],
    ['MAOS_LOG', 'debug', 'log.level', 'debug'],
    ['MAOS_STALL_MINUTES', '1.5', 'limits.stallMinutes', 1.5],
    ['MAOS_AFTER_RESULT_MINUTES', '0.5', 'limits.afterResultMinutes', 0.5],
    ['MAOS_MAX_OUTPUT_MB', 'none', 'limits.maxOutputMb', null],
    ['MAOS_QUOTA_AUTO_RESUME', 'true', 'quota.autoResume', true],
    ['MAOS_STOP_GRACE_SECONDS', '0.5', 'stopGraceSeconds', 0.5],
    ['MAOS_CLAUDE_PATH', '/opt/claude', 'backends.claude.path', '/opt/claude'],
    ['MAOS_CLAUDE_MODEL', 'opus', 'backends.claude.model', 'opus'],
    ['MAOS_CLAUDE_PERMISSION_MODE', 'plan', 'backends.claude.permissionMode', 'plan'],
    ['MAOS_CLAUDE_MAX_BUDGET_USD', '2.50', 'backends.claude.maxBudgetUsd', 2.5],
    ['MAOS_OPENCODE_PATH', '/opt/opencode', 'backends.opencode.path', '/opt/opencode'],
    ['MAOS_OPENCODE_MODEL', 'openai/gpt-5.6', 'backends.opencode.model', 'openai/gpt-5.6'],
    ['MAOS_OPENCODE_PERMISSION_MODE', 'auto', 'backends.opencode.permissionMode', 'auto'],
    ['MAOS_COPILOT_PATH', '/opt/copilot', 'backends.copilot.path', '/opt/copilot'],
    ['MAOS_COPILOT_MODEL', 'gpt-5.6', 'backends.copilot.model', 'gpt-5.6'],
    ['MAOS_COPILOT_PERMISSION_MODE', 'allTools', 'backends.copilot.permissionMode', 'allTools'],
    ['MAOS_COPILOT_MAX_AI_CREDITS', '100', 'backends.copilot.maxAiCredits', 100],
    ['MAOS_MAX_SUBAGENTS', '3', 'limits.maxSubagents', 3],
    ['MAOS_MESSAGES_PER_MINUTE', '90', 'limits.messagesPerMinute', 90],
    ['MAOS_NATS_URL', 'nats://10.0.0.1:4222', 'remote.url', 'nats://10.0.0.1:4222'],
    ['MAOS_CODEX_PATH', '/opt/codex', 'backends.codex.path', '/opt/codex'],
    ['MAOS_CODEX_MODEL', 'gpt-5.6', 'backends.codex.model', 'gpt-5.6'],
    ['MAOS_CODEX_SANDBOX', 'read-only', 'backends.codex.sandbox', 'read-only'],
    ['MAOS_GEMINI_PATH', '/opt/gemini', 'backends.gemini.path', '/opt/gemini'],
    ['MAOS_GEMINI_MODEL', 'gemini-2.5-pro', 'backends.gemini.model', 'gemini-2.5-pro'],
    ['MAOS_GEMINI_APPROVAL_MODE', 'yolo', 'backends.gemini.approvalMode', 'yolo'],
    ['MAOS_QWEN_PATH', '/opt/qwen', 'backends.qwen.path', '/opt/qwen'],
    ['MAOS_QWEN_MODEL', 'qwen3-coder', 'backends.qwen.model', 'qwen3-coder'],
    ['MAOS_QWEN_APPROVAL_MODE', 'yolo', 'backends.qwen.approvalMode', 'yolo'],
    ['MAOS_QWEN_MAX_TURNS', '40', 'backends.qwen.maxTurns', 40],
    ['MAOS_BUSY_TIMEOUT_MS', '100', 'busyTimeoutMs', 100],
  ];
  it('are all tried below', () => {
    assert.deepEqual(given.map(([variable]) => variable).sort(), [...keyByVariable.keys()].sort());
  });
  for (const [variable, text, key, value] of given) {
    it(`${variable} sets ${key}`, () => {
      const { config, sources, warnings } = load({ [variable]: text });
      const found = key
        .split('.')
        .reduce<unknown>((node, part) => (node as Record<string, unknown>)[part], config);
      assert.equal(found, value);
      assert.deepEqual(sources.get(key), { kind: 'variable', name: variable });
      assert.deepEqual(warnings, []);
    });
  }

  const wrong: [variable: string, text: string, complaint: string][] = [
    [
      'MAOS_MAX_DEPTH',
      'deep',
      'The variable MAOS_MAX_DEPTH: maxDepth is "deep"; it must be a whole number from 0 to 10.',
    ],
    ['MAOS_MAX_DEPTH', '0x2', 'maxDepth is "0x2"'],
    ['MAOS_MAX_DEPTH', '-1', 'maxDepth is -1'],
    ['MAOS_MAX_DEPTH', 'none', 'maxDepth is "none"'],
    ['MAOS_LOG', 'INFO', 'The variable MAOS_LOG: log.level is "INFO"; it must be one of error, warn'],
    [
      'MAOS_CLAUDE_PATH',
      'bin/claude',
      'MAOS_CLAUDE_PATH: backends.claude.path is "bin/claude"; it must be an absolute path',
    ],
    ['MAOS_MAX_CONCURRENT_AGENTS', '1e3', 'maxConcurrentAgents.machine is "1e3"'],
  ];
  for (const [variable, text, complaint] of wrong) {
    it(`${variable}=${text} is refused`, () => {
      const { message } = refusal(() => load({ [variable]: text }));
      assert.ok(message.includes(complaint), message);
    });
  }

  it('of an agent are neither settings nor mistakes, an empty one is none', () => {
    const env = Object.fromEntries([...ownVariables].map((name) => [name, '?']));
    const { config, warnings } = load({ ...env, MAOS_MAX_DEPTH: '', PATH: '/bin' });
    assert.equal(config.maxDepth, 2);
    assert.deepEqual(warnings, []);
  });

  it('that mean nothing are told', () => {
    const { warnings } = load({ MAOS_MAX_DEPHT: '3', MAOS_XYZZY_PLUGH: '1', XMAOS_LOG: '1' });
    assert.deepEqual(warnings, [
      'The variable MAOS_MAX_DEPHT is unknown to MAOS and was ignored. Did you mean MAOS_MAX_DEPTH?',
      'The variable MAOS_XYZZY_PLUGH is unknown to MAOS and was ignored.',
    ]);
  });
});

describe('flags', () => {
  it('are checked like everything else', () => {
    const { message } = refusal(() => load({}, { maxConcurrentAgents: { machine: 0 } }));
    assert.ok(message.startsWith('The command line: maxConcurrentAgents.machine is 0;'), message);
  });
});

describe('settings of entries by name', () => {
  const tester = { backend: 'codex', model: 'gpt-5', fallback: ['claude'] };

  it('stand side by side over the files; what an entry leaves out is as by default', () => {
    user({ roles: { tester, qa_lead: { model: 'opus' } } });
    project({ roles: { tester: { backend: 'gemini' } } });
    const { roles } = load().config;
    assert.deepEqual(roles.qa_lead, { backend: null, model: 'opus', fallback: [] });
    assert.deepEqual(roles.tester, { backend: 'gemini', model: null, fallback: [] });
  });

  it('mean a predefined role by any of its names', () => {
    user({ roles: { architect: tester, constructor: tester } });
    assert.deepEqual([...toSettings(load().config).roles.keys()], ['solution_architect', 'constructor']);
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ Tester: tester }, /roles has the key "Tester"; it must be a role's name/],
    [{ tester: 'codex' }, /roles\.tester is "codex"; it must be an object with keys such as backend/],
    [{ tester: { backed: 'codex' } }, /roles\.tester\.backed is not a setting; did you mean backend\?/],
    [{ tester: { model: '-x' } }, /roles\.tester\.model is "-x"; it must be a model's name/],
    [{ tester: { fallback: 'codex' } }, /roles\.tester\.fallback is "codex"; it must be a list/],
    [
      { tester: { fallback: ['A'] } },
      /fallback is \["A"\]; it must be a list of at most 10, each a backend's/,
    ],
    [[], /roles is \[\]; it must be an object with one entry for each role/],
  ];
  for (const [roles, words] of wrong) {
    it(`are refused with the place: ${JSON.stringify(roles)}`, () => {
      user({ roles });
      assert.match(refusal(load).message, words);
    });
  }
});

describe('a CLI of the user', () => {
  const fine = { command: ['mycli', '--say', '{prompt}'] };
  const found = { path: 'text', where: { type: 'result' } };
  const load1 = (mine: object) => {
    user({ backends: { custom: { mine } } });
    return load;
  };

  it('is described in few words, or in many', () => {
    assert.deepEqual(load1(fine)().config.backends.custom.mine?.command, fine.command);
    const json = { ...fine, output: 'json', result: found, conversation: { path: 'a.0.id' } };
    const mine = { ...json, resumeArgs: ['--go-on', '{conversation}'] };
    assert.deepEqual(load1(mine)().config.backends.custom.mine?.conversation, { path: 'a.0.id', where: {} });
  });

  it('is described by the user alone', () => {
    project({ backends: { custom: { mine: fine } } });
    assert.match(
      refusal(load).message,
      /backends\.custom decides which programs run .* only in your own settings/,
    );
  });

  const wrong: readonly (readonly [object, RegExp])[] = [
    [{}, /custom\.mine has no "command"; it must be a list of texts: the program and its arguments/],
    [{ command: [] }, /custom\.mine\.command is \[\]; it must be a list of texts/],
    [{ command: ['{prompt}'] }, /custom\.mine\.command begins with a placeholder/],
    [
      { command: ['a', '{promt}'] },
      /custom\.mine\.command has \{promt\}; it can have \{prompt\} and \{promptFile\}\./,
    ],
    [{ command: ['a', '{prompt}', '{promptFile}'] }, /it can have only one of them/],
    [{ ...fine, roleArgs: ['--role'] }, /custom\.mine\.roleArgs lacks \{role\}/],
    [{ ...fine, resumeArgs: ['{conversation}'] }, /custom\.mine\.resumeArgs needs "conversation"/],
    [
      { ...fine, result: { pattern: '(' } },
      /mine\.result is \{"pattern":"\("\}; it must be \{"pattern": "…"\} with a reg/,
    ],
    [{ ...fine, result: found }, /mine\.result has a path, and the output is lines/],
    [
      { ...fine, output: 'json', result: { pattern: 'x' } },
      /mine\.result has a pattern, and the output is json/,
    ],
    [{ ...fine, output: 'json' }, /custom\.mine has no "result", which the output json needs/],
    [
      { ...fine, failureKinds: { quota: 'x' } },
      /failureKinds is \{"quota":"x"\}; it must be an object of regular exp/,
    ],
    [
      { ...fine, env: { MAOS_HOME: '/x' } },
      /mine\.env has the key "MAOS_HOME"; .* does not begin with MAOS_/,
    ],
  ];
  for (const [mine, words] of wrong) {
    it(`is refused with what is wrong: ${JSON.stringify(mine)}`, () => {
      assert.match(refusal(load1(mine)).message, words);
    });
  }
});
