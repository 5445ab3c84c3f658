import { gzipSync } from 'node:zlib';
import type { Target } from './http-fuzz.ts';
import { fc } from './properties.ts';
import type { RawRequest } from './raw-http.ts';

/** A fault of a request, and its possible effects. */
export interface Fault {
  readonly kind: string;
  /** It must be rejected: a status below 400 is a defect. */
  readonly isRefused?: boolean;
  /** It may no longer be a request to this endpoint. */
  readonly isElsewhere?: boolean;
  /** It may be invalid HTTP: Node's own responses without a body are accepted, and so is none. */
  readonly isBroken?: boolean;
}

/** A request before it becomes bytes. */
export interface Draft {
  method: string;
  /** Includes the query; each character is a byte. */
  target: string;
  headers: [name: string, text: string][];
  /** Undefined: no body. */
  value: unknown;
  /** Replaces the value. */
  bytes?: Uint8Array;
  /** Replaces both, without a length. */
  chunks?: string;
  send: RawRequest['send'];
}

export type Twist = (draft: Draft) => void;
type Faults = fc.Arbitrary<readonly [Fault, Twist]>;

/** A placeholder for 10,000 nested arrays, which JSON.stringify cannot write. */
const abyss = '@abyss@';
const depth = 10_000;

/** As JSON. */
export function textOf(value: unknown): string {
  return JSON.stringify(value).replaceAll(JSON.stringify(abyss), '['.repeat(depth) + ']'.repeat(depth));
}

const long = (length: number): string => 'x'.repeat(length);
const words = (text: string): readonly string[] => text.split(' ');

export function faultsFor(target: Target): readonly Faults[] {
  const always = [pathFaults, queryFaults, headerFaults(target), methodFaults(target), transferFaults];
  return target.operation.requestBody === undefined ? always : [...always, ...bodyFaults];
}

/** Sets one of these values. */
function oneOf<T>(fault: Fault, values: readonly T[], put: (draft: Draft, value: T) => void): Faults {
  return fc.constantFrom(...values).map((value) => [fault, (draft) => put(draft, value)] as const);
}

function withoutQuery({ target }: Draft): string {
  return target.replace(/\?.*/s, '');
}

const elsewhere = { isElsewhere: true, isBroken: true };

const pathFaults = fc.oneof(
  oneOf(
    { kind: 'a longer path', ...elsewhere },
    [...words('/ // /. /.. /../../etc/passwd /%00 %2f %00 /\xc3\xbc \\ \\..\\x ;a=b /* *'), ' x'],
    (draft, text) => {
      draft.target = `${withoutQuery(draft)}${text}`;
    },
  ),
  oneOf(
    { kind: 'another last part', ...elsewhere },
    [...words('%00 %ff .. %2e%2e %2F % %zz __proto__ constructor \xfc'), long(5_000)],
    (draft, text) => {
      draft.target = withoutQuery(draft).replace(/[^/]*$/, text);
    },
  ),
  oneOf(
    { kind: 'another target', ...elsewhere },
    [
      ...words('* x http:// http://127.0.0.1/health http://evil.example/ //evil.example/ /%E0%A4%A /#x /?'),
      ...['', '/a b', '/\x7f', '/ACP/PING', `/${long(9_000)}`, `/${long(30_000)}`],
    ],
    (draft, text) => {
      draft.target = text;
    },
  ),
);

const queryFaults = oneOf(
  { kind: 'a weird query', isBroken: true },
  [
    ...words(
      '? ?% ?%ff ?= ?&& ?a=%00 ?__proto__=1 ?constructor[prototype]=1 ?a#b ?\xff ?limit=-1 ?limit=1e9',
    ),
    ...words('?limit=%F0%9F ?offset=9e99 ?session= ?session=%00 ?session=1&session=2 ?sessionId='),
    ...words('?session_id[]=1 ?session_id=%27%3B-- ?session_id=latest&state=x ?session_id=latest&limit=00'),
    `?${long(7_000)}`,
  ],
  (draft, text) => {
    draft.target = `${withoutQuery(draft)}${text}`;
  },
);

function without({ headers }: Draft, name: string): Draft['headers'] {
  return headers.filter(([one]) => one.toLowerCase() !== name.toLowerCase());
}

function instead(fault: Fault, name: string, texts: readonly string[]): Faults {
  return oneOf(fault, texts, (draft, text) => {
    draft.headers = [...without(draft, name), [name, text]];
  });
}

const headerNames = words(
  'Last-Event-ID Mcp-Session-Id MCP-Protocol-Version Accept Accept-Encoding Range Cookie If-None-Match',
);
const headerValues = [
  ...words('0 -1 x \xff %00 0-0 _GET_stream:0 _GET_stream:99999 x:1 null */* text/html 1999-01-01'),
  ...['', 'abc-999999999999999', long(4_000)],
];

function headerFaults({ operation, headers }: Target): Faults {
  const pairs = fc.tuple(fc.constantFrom(...headerNames), fc.constantFrom(...headerValues));
  const refused = { isRefused: true };
  const broken = { isRefused: true, isBroken: true };
  const isOpen = operation.security !== undefined;
  return fc.oneof(
    pairs.map(([name, text]): readonly [Fault, Twist] => [
      { kind: `a weird ${name}` },
      (draft) => {
        draft.headers = [...without(draft, name), [name, text]];
      },
    ]),
    pairs.map(([name, text]): readonly [Fault, Twist] => [
      { kind: `${name} twice` },
      (draft) => {
        draft.headers.push([name, text], [name, `${text}2`]);
      },
    ]),
    instead({ kind: 'a wrong token', isRefused: !isOpen }, 'Authorization', [
      ...['', 'Bearer', 'Bearer x', 'Basic eDp4', '\xff', `Bearer ${long(8_000)}`],
    ]),
    instead({ kind: 'another host', ...broken }, 'Host', [
      ...words('evil.example [::1 localhost@evil 127.0.0.1:99999999'),
      ...['', 'a b'],
    ]),
    instead({ kind: 'another origin', ...refused }, 'Origin', words('null http://evil.example \xff file://')),
    instead({ kind: 'endless headers', ...broken }, 'X-Long', [long(20_000)]),
    instead({ kind: 'another expectation', ...broken }, 'Expect', ['200-ok']),
    instead({ kind: 'a header that is none', ...broken }, 'X-\x00', ['x']),
    instead({ kind: 'two lengths', ...broken }, 'Transfer-Encoding', [
      'chunked\r\nContent-Length: 5',
      'gzip, x',
    ]),
    instead({ kind: 'an upgrade' }, 'Connection', [
      'upgrade\r\nUpgrade: websocket',
      'upgrade\r\nUpgrade: h2c',
    ]),
    instead({ kind: 'two tokens', isBroken: true }, 'Authorization', [
      `${headers.Authorization}\r\nAuthorization: Bearer x`,
    ]),
  );
}

function methodFaults({ path, document }: Target): Faults {
  const own = Object.keys(document.paths[path] ?? {}).map((name) => name.toUpperCase());
  const others = words('GET POST PUT PATCH DELETE OPTIONS TRACE PROPFIND QUERY FOO get ').filter(
    (name) => !own.includes(name),
  );
  return fc.oneof(
    oneOf({ kind: 'another method', isRefused: true, ...elsewhere }, others, (draft, text) => {
      draft.method = text;
    }),
    oneOf({ kind: 'HEAD', isElsewhere: true }, ['HEAD'], (draft, text) => {
      draft.method = text;
    }),
  );
}

/** Even where no body is expected. */
const transferFaults = fc.oneof(
  oneOf({ kind: 'half a body', isBroken: true }, ['half'] as const, (draft, send) => {
    draft.value ??= long(100);
    draft.send = send;
  }),
  oneOf({ kind: 'a body on demand' }, ['expect'] as const, (draft, send) => {
    draft.value ??= {};
    draft.headers.push(['Expect', '100-continue']);
    draft.send = send;
  }),
  oneOf({ kind: 'no chunks', isBroken: true }, ['x\r\n', '-1\r\n\r\n'], (draft, text) => {
    draft.headers.push(['Transfer-Encoding', 'chunked']);
    draft.chunks = text;
  }),
  oneOf({ kind: 'chunks without end', isBroken: true }, ['', '5\r\nab', '2\r\n{}\r\n'], (draft, text) => {
    draft.headers.push(['Transfer-Encoding', 'chunked']);
    draft.chunks = text;
    draft.send = 'cut';
  }),
);

const wrongValues = [null, true, 0, -1, 1.5, 1e300, '', 'x', '\0', '\ud800', [], [[]], {}, { a: 1 }];
const hugeValues = [
  ...[long(70_000), long(1_000_000), '\0'.repeat(1_000)],
  ...[Array(10_000).fill(''), Array(1_000).fill({})],
];

const encodings: Readonly<Record<string, (text: string) => Uint8Array>> = {
  'in UTF-16': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'in gzip': (text) => gzipSync(text),
  'that is cut off': (text) => Buffer.from(text.slice(0, text.length / 2)),
  'of nothing': () => Buffer.alloc(0),
  'of zeroes': () => Buffer.alloc(1_000),
  'of depth': () => Buffer.from('['.repeat(200_000)),
  'of a number': () => Buffer.from('1e999'),
};

const contentTypes = [
  ...words('text/plain application/jsonx multipart/form-data \xff'),
  ...['application/json; charset=utf-16', ''],
];

const bodyFaults: readonly Faults[] = [
  placed({ kind: 'a wrong type' }, fc.constantFrom<unknown>(...wrongValues), set),
  placed({ kind: 'something huge' }, fc.constantFrom<unknown>(...hugeValues), set),
  placed({ kind: 'something deep' }, fc.constant(abyss), set),
  placed({ kind: 'something missing' }, fc.constant(undefined), remove),
  placed({ kind: 'something more' }, fc.jsonValue(), (holder, _, value) => {
    if (!Array.isArray(holder)) Object.assign(holder, { unknown: value, constructor: 1 });
  }),
  fc.constantFrom(...Object.entries(encodings)).map(([name, encode]): readonly [Fault, Twist] => [
    { kind: `a body ${name}`, isRefused: true },
    (draft) => {
      draft.bytes = encode(textOf(draft.value));
      if (name === 'in gzip') draft.headers.push(['Content-Encoding', 'gzip']);
    },
  ]),
  oneOf(
    { kind: 'marks before it' },
    [
      [0xef, 0xbb, 0xbf],
      [0xc3, 0x28],
      [0x20, 0x0a],
    ],
    (draft, marks) => {
      draft.bytes = Buffer.concat([Buffer.from(marks), Buffer.from(textOf(draft.value))]);
    },
  ),
  oneOf({ kind: 'no UTF-8 within' }, [[0xff], [0xed, 0xa0, 0x80], [0xf8]], (draft, wrong) => {
    const text = textOf(draft.value);
    const middle = text.length / 2;
    draft.bytes = Buffer.concat([
      Buffer.from(text.slice(0, middle)),
      Buffer.from(wrong),
      Buffer.from(text.slice(middle)),
    ]);
  }),
  instead({ kind: 'another content type' }, 'Content-Type', contentTypes),
  oneOf(
    { kind: 'more than is read', isRefused: true, isBroken: true },
    [4 * 1024 * 1024 + 1, 6_000_000],
    (draft, size) => {
      draft.bytes = Buffer.alloc(size, 0x20);
    },
  ),
];

type Edit = (holder: object, key: string, value: unknown) => void;

/** Edits some part of the body, or all of it. */
function placed(fault: Fault, values: fc.Arbitrary<unknown>, edit: Edit): Faults {
  return fc.tuple(fc.nat(), values).map(([seed, value]): readonly [Fault, Twist] => [
    fault,
    (draft) => {
      const root = { value: draft.value };
      const places = [...placesIn(root)];
      const [holder, key] = places[seed % places.length] as readonly [object, string];
      edit(holder, key, value);
      draft.value = root.value ?? null;
    },
  ]);
}

function* placesIn(holder: object): Generator<readonly [object, string]> {
  for (const [key, value] of Object.entries(holder)) {
    yield [holder, key];
    if (typeof value === 'object' && value !== null) yield* placesIn(value);
  }
}

function set(holder: object, key: string, value: unknown): void {
  Object.assign(holder, { [key]: value });
}

function remove(holder: object, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}
