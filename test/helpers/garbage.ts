import { type Random, randomOf } from './random.ts';

/** A line of a defective client, and the expected answer. */
export interface GarbageLine {
  /** Includes its line feed. */
  readonly bytes: Uint8Array;
  /** The kind of garbage, for messages. */
  readonly kind: string;
  /** Id of a request that must be answered; undefined: no answer with an id is expected. */
  readonly id?: string | number;
  /** The required error code; undefined: any answer. */
  readonly code?: number;
}

/** Prefix of the keys of `_meta` in MCP 2026-07-28. */
const modern = 'io.modelcontextprotocol/';

type Made = { readonly text: string | Uint8Array; readonly id?: string | number; readonly code?: number };
type Maker = (random: Random, id: string | number) => Made;

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)] as T;
}

const json = JSON.stringify;
const request = (id: string | number, method: string, params?: unknown, more: object = {}): string =>
  json({ jsonrpc: '2.0', id, method, params, ...more });
const call = (id: string | number, name: unknown, args?: unknown): string =>
  request(id, 'tools/call', { name, arguments: args });

function deep(levels: number, open = '[', close = ']'): string {
  return open.repeat(levels) + close.repeat(levels);
}

function anyText(random: Random): string {
  const parts = [
    'a',
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '0',
    '-',
    'e',
    'null',
    'true',
    ' ',
    '\t',
    '\r',
    '\0',
    'ü',
    '😀',
    '\ufeff',
  ];
  return Array.from({ length: random(60) }, () => pick(random, parts)).join('');
}

/** Any JSON value except an object. */
function wrongValue(random: Random): unknown {
  return pick(random, [null, true, false, 0, -1, 1.5, 1e300, '', 'x', 'toString', [], [1], [{}], [[null]]]);
}

function anyValue(random: Random, depth = 3): unknown {
  if (depth === 0 || random(3) === 0) return wrongValue(random);
  const keys = ['id', 'method', 'params', 'result', 'error', 'name', '__proto__', 'constructor', '_meta', ''];
  const entries = Array.from({ length: random(4) }, () => [pick(random, keys), anyValue(random, depth - 1)]);
  return random(2) === 0 ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}

const tools = [
  'list-roles',
  'list-sessions',
  'session-status',
  'agent-output',
  'control-session',
  'orchestrate',
  'send-message',
];
const ids = [null, 1.5, -0.1, [], {}, [1], { id: 1 }, true, false];

const methods = [
  ...[
    'ping',
    'tools/list',
    'tools/call',
    'prompts/list',
    'prompts/get',
    'completion/complete',
    'logging/setLevel',
  ],
  ...['resources/list', 'resources/read', 'resources/subscribe', 'resources/unsubscribe'],
  ...['resources/templates/list', 'sampling/createMessage', 'elicitation/create', 'roots/list', 'tasks/get'],
];
const argumentNames = [
  'uri',
  'name',
  'arguments',
  'cursor',
  'level',
  'ref',
  'argument',
  'taskId',
  '__proto__',
];

/** None of these lines is a message; each causes at most one error. */
const noMessages: Readonly<Record<string, Maker>> = {
  'bad JSON': (random) => ({ text: `x${anyText(random).replaceAll('\n', '')}` }),
  'half a message': (random, id) => {
    const whole = request(id, 'ping', { text: 'ü😀' });
    return { text: whole.slice(0, 1 + random(whole.length - 1)) };
  },
  'an empty line': (random) => ({ text: pick(random, ['', '\r', ' ', '\t \r']) }),
  'NUL bytes': (random, id) => ({ text: pick(random, ['\0', '\0'.repeat(500), `\0${request(id, 'ping')}`]) }),
  'no UTF-8': (random) => ({ text: Uint8Array.from({ length: random(80) }, () => 0x80 + random(0x80)) }),
  'a batch': (random, id) => ({ text: pick(random, ['[]', `[${request(id, 'ping')}]`, '[1,2]', '[[]]']) }),
  'no object': (random) => ({ text: json(wrongValue(random)) }),
  'an object of no kind': (random) => ({ text: json({ x: anyValue(random), id: wrongValue(random) }) }),
  'an id that is none': (random) => ({
    text: json({ jsonrpc: '2.0', id: pick(random, ids), method: 'ping' }),
  }),
  'a number that is none': (random) => ({
    text: `{"jsonrpc":"2.0","id":${pick(random, ['1e999', '9007199254740993', '-1e400'])},"method":"ping"}`,
  }),
  'a malformed answer': (random) => ({ text: json({ jsonrpc: '2.0', id: 0, result: wrongValue(random) }) }),
  'nothing but depth': (random) => ({
    text: pick(random, [deep(2_000), deep(2_000, '{"a":', '}'), '['.repeat(5_000)]),
  }),
};

const messages: Readonly<Record<string, Maker>> = {
  CRLF: (_, id) => ({ text: `${request(id, 'ping')}\r`, id }),
  'a byte order mark': (_, id) => ({ text: `\ufeff${request(id, 'ping')}`, id }),
  'spaces around': (_, id) => ({ text: ` \t ${request(id, 'ping')}  `, id }),
  'another version': (random, id) => ({
    text: json({ jsonrpc: pick(random, ['1.0', 2, null, '2', []]), id, method: 'ping' }),
    id,
    code: -32600,
  }),
  'a method that is none': (random, id) => ({
    text: json({ jsonrpc: '2.0', id, method: pick(random, [1, null, {}, []]) }),
    id,
    code: -32600,
  }),
  'an unknown method': (random, id) => ({
    text: request(
      id,
      pick(random, ['', 'x', 'tools/', 'toString', '__proto__', 'constructor', 'm'.repeat(5_000)]),
    ),
    id,
    code: -32601,
  }),
  'wrong parameters': (random, id) => ({
    text: request(
      id,
      pick(random, ['ping', 'tools/list', 'tools/call', 'initialize', 'x']),
      wrongValue(random),
    ),
    id,
    code: -32602,
  }),
  'wrong _meta': (random, id) => ({
    text: request(id, 'tools/call', { name: 'list-roles', _meta: wrongValue(random) }),
    id,
    code: -32602,
  }),
  'a progress token': (random, id) => ({
    text: request(id, 'tools/call', {
      name: 'list-sessions',
      _meta: { progressToken: pick(random, [0, '', 'x', 1.5, null, {}, [], true, 't'.repeat(3_000)]) },
    }),
    id,
  }),
  'further members': (random, id) => ({
    text: request(id, 'ping', {}, { x: anyValue(random), result: {} }),
    id,
  }),
  'names of prototypes': (random, id) => ({
    text: pick(random, [
      `{"jsonrpc":"2.0","id":${json(id)},"method":"tools/call","params":{"name":"list-roles","arguments":{"__proto__":{"x":1}}}}`,
      `{"jsonrpc":"2.0","id":${json(id)},"method":"tools/call","params":{"__proto__":{"name":"list-roles"},"constructor":1}}`,
      `{"__proto__":{"a":1},"jsonrpc":"2.0","id":${json(id)},"method":"ping","constructor":{"prototype":{"b":1}}}`,
    ]),
    id,
  }),
  'lone surrogates': (random, id) => ({
    text: `{"jsonrpc":"2.0","id":${json(id)},"method":"tools/call","params":{"name":"${pick(random, ['\\ud800', 'list-roles'])}","arguments":{"\\udfff":"\\ud83d"}}}`,
    id,
  }),
  'no UTF-8 in a text': (_, id) => ({
    text: Buffer.concat([
      Buffer.from(`{"jsonrpc":"2.0","id":${json(id)},"method":"x`),
      Buffer.from([0xc3, 0x28, 0xff, 0xed, 0xa0, 0x80]),
      Buffer.from('"}'),
    ]),
    id,
    code: -32601,
  }),
  'a call with anything': (random, id) => ({ text: call(id, pick(random, tools), anyValue(random)), id }),
  'a call of anything': (random, id) => ({ text: call(id, anyValue(random), {}), id, code: -32602 }),
  'a call with wrong types': (random, id) => ({
    text: call(id, pick(random, tools), {
      session_id: anyValue(random),
      agent_id: 1,
      limit: {},
      objective: [],
      agents: 'x',
    }),
    id,
  }),
  'any parameters': (random, id) => {
    const params = Array.from({ length: random(4) }, () => [
      pick(random, argumentNames),
      random(4) > 0
        ? anyValue(random)
        : pick(random, ['maos://roles', 'maos://', 'maos://sessions/%zz/status', '\0']),
    ]);
    return { text: request(id, pick(random, methods), Object.fromEntries(params)), id };
  },
  'deep arguments': (random, id) => ({
    text: `{"jsonrpc":"2.0","id":${json(id)},"method":"tools/call","params":{"name":"${pick(random, tools)}","arguments":{"session_id":${deep(3_000)}}}}`,
    id,
  }),
  'a good call': (random, id) => ({
    text: pick(random, [call(id, 'list-sessions'), request(id, 'tools/list'), call(id, 'list-roles', {})]),
    id,
  }),
  initialize: (random, id) => ({
    text: request(
      id,
      'initialize',
      pick(random, [
        {},
        { protocolVersion: 5 },
        { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'again', version: '2' } },
        { protocolVersion: '1', capabilities: [], clientInfo: null },
      ]),
    ),
    id,
  }),
  'a probe': (_, id) => ({ text: request(id, 'server/discover', {}), id, code: -32602 }),
  'a request of 2026-07-28': (random, id) => ({
    text: request(id, pick(random, [...methods, 'server/discover']), {
      _meta: pick<unknown>(random, [
        { [`${modern}protocolVersion`]: '2026-07-28', [`${modern}clientCapabilities`]: {} },
        { [`${modern}protocolVersion`]: '2026-07-28', [`${modern}clientCapabilities`]: anyValue(random) },
        { [`${modern}protocolVersion`]: anyValue(random), [`${modern}clientCapabilities`]: {} },
        { [`${modern}protocolVersion`]: '2026-07-28', [`${modern}logLevel`]: anyValue(random) },
      ]),
      name: pick(random, tools),
      uri: 'maos://roles',
      notifications: pick<unknown>(random, [{}, [], { resourceSubscriptions: anyValue(random) }]),
      inputResponses: pick<unknown>(random, [undefined, {}, anyValue(random)]),
      requestState: pick<unknown>(random, [undefined, 'x.y', anyValue(random)]),
    }),
    id,
  }),
  'an answer nobody asked for': (random) => ({
    text: json({
      jsonrpc: '2.0',
      id: pick(random, [0, 1, 'x', 77]),
      ...pick(random, [{ result: {} }, { error: { code: 1, message: 'm' } }]),
    }),
  }),
  'a notification': (random) => ({
    text: json({
      jsonrpc: '2.0',
      method: pick(random, [
        'notifications/x',
        'notifications/initialized',
        'notifications/progress',
        'notifications/cancelled',
        '',
      ]),
      params: pick<unknown>(random, [
        undefined,
        {},
        [],
        null,
        5,
        { requestId: 'nobody' },
        { requestId: {} },
        { progressToken: {} },
        { progressToken: 9, progress: 'x' },
      ]),
    }),
  }),
  'a malformed notification': (random) => ({
    text: json({ jsonrpc: '2.0', method: 'notifications/x', params: wrongValue(random) }),
  }),
};

/** Rare, because they are large. */
const giants: Readonly<Record<string, Maker>> = {
  'a megabyte': (_, id) => ({ text: request(id, 'ping', { padding: 'x'.repeat(1_000_000) }), id }),
  'a megabyte of nothing': (random) => ({
    text: pick(random, ['x', '[', '"', '\\', '\0']).repeat(1_000_000),
  }),
  'a hundred thousand levels': (random, id) => ({
    text: `{"jsonrpc":"2.0","id":${json(id)},"method":"tools/call","params":{"name":"${pick(random, tools)}","arguments":{"session_id":${deep(100_000)}}}}`,
    id,
  }),
  'an answer of a hundred thousand levels': () => ({
    text: `{"jsonrpc":"2.0","id":0,"result":{"a":${deep(100_000)}}}`,
  }),
  'an id of a hundred thousand characters': (_, id) => {
    const long = `${id}${'i'.repeat(100_000)}`;
    return { text: request(long, 'ping'), id: long };
  },
};

/** Depth takes a parser far longer than length. */
const turns = Object.keys(giants).flatMap((kind) => ['a megabyte', kind]);

function giantAt(turn: number): readonly [string, Maker] {
  const kind = turns[turn % turns.length] as string;
  return [kind, giants[kind] as Maker];
}

/**
 * Lines that no client should send; the same for the same seed.
 * @param options.giantEvery every nth line is a large one, of each kind in turn; default: none
 * @param options.only `no messages`: only lines that are not messages
 */
export function* garbage(
  seed: number,
  count: number,
  options: { readonly giantEvery?: number; readonly only?: 'no messages' } = {},
): Generator<GarbageLine> {
  const random = randomOf(seed);
  const usual = Object.entries(options.only === undefined ? { ...noMessages, ...messages } : noMessages);
  for (let index = 0; index < count; index += 1) {
    const { giantEvery = 0 } = options;
    const isGiant = giantEvery > 0 && index % giantEvery === giantEvery - 1;
    const [kind, make] = isGiant ? giantAt(Math.floor(index / giantEvery)) : pick(random, usual);
    // Two requests in flight may have the same id, and so may a number and a string that look alike.
    const number = index - (index % 50 === 1 ? 1 : 0);
    const { text, ...due } = make(random, random(2) === 0 ? number : String(number));
    yield { kind, bytes: Buffer.concat([Buffer.from(text as string), Buffer.from('\n')]), ...due };
  }
}

/** The lines as a client might write them: several in one chunk, or cut at any byte. */
export function* inPieces(seed: number, lines: Iterable<GarbageLine>): Generator<Uint8Array> {
  const random = randomOf(seed);
  let waiting: Uint8Array[] = [];
  for (const { bytes } of lines) {
    waiting.push(bytes);
    if (bytes.length < 10_000 && random(8) > 0) continue;
    const block = Buffer.concat(waiting);
    const cut = random(block.length);
    yield block.subarray(0, cut);
    waiting = [block.subarray(cut)];
  }
  yield Buffer.concat(waiting);
}
