import { type Draft, type Fault, faultsFor, type Twist, textOf } from './http-faults.ts';
import type { OpenApiDocument, OperationObject } from './openapi.ts';
import { fc } from './properties.ts';
import type { RawRequest } from './raw-http.ts';
import { arbitraryOf, type ValueOptions } from './schema-values.ts';

export interface Target extends Pick<ValueOptions, 'known'> {
  readonly path: string;
  readonly method: string;
  readonly operation: OperationObject;
  readonly document: OpenApiDocument;
  /** Sent with every request, unless a fault replaces them. */
  readonly headers: Readonly<Record<string, string>>;
}

export class FuzzRequest implements RawRequest {
  readonly fault: Fault;
  readonly method: string;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly send: RawRequest['send'];

  constructor(draft: Draft, fault: Fault) {
    const { method, target, headers, value, chunks, send } = draft;
    const bytes = chunks === undefined ? draft.bytes : Buffer.from(chunks);
    this.fault = fault;
    this.method = method;
    this.send = send;
    this.body = bytes ?? (value === undefined ? new Uint8Array() : Buffer.from(textOf(value)));
    const hasLength = chunks === undefined && (value !== undefined || bytes !== undefined);
    const all = hasLength ? [...headers, ['Content-Length', this.body.length]] : headers;
    const lines = all.map(([name, text]) => `${name}: ${text}\r\n`);
    this.head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  }

  /** What fast-check prints. */
  [fc.toStringMethod](): string {
    const head = Buffer.from(this.head.subarray(0, 1_000)).toString('latin1');
    const body = Buffer.from(this.body.subarray(0, 600)).toString();
    return `${this.fault.kind} (${this.send}, ${this.body.length} bytes of body)\n${head}${body}`;
  }
}

/** Requests to an endpoint: some are valid according to the document, the others have one fault. */
export function requestsTo(target: Target): fc.Arbitrary<FuzzRequest> {
  const none: fc.Arbitrary<readonly [Fault, Twist]> = fc.constant([{ kind: 'nothing' }, () => {}]);
  const faults = fc.oneof(
    { weight: 1, arbitrary: none },
    { weight: 3, arbitrary: fc.oneof(...faultsFor(target)) },
  );
  return fc.tuple(drafts(target), faults).map(([draft, [fault, twist]]) => {
    const headers = draft.headers.map(([name, text]): [string, string] => [name, text]);
    const own = { ...draft, headers, value: structuredClone(draft.value) };
    twist(own);
    return new FuzzRequest(own, fault);
  });
}

function drafts({ path, method, operation, document, known, headers }: Target): fc.Arbitrary<Draft> {
  const options: ValueOptions = { schemas: document.components.schemas, known };
  const parameters = operation.parameters ?? [];
  const values = fc.record(
    Object.fromEntries(parameters.map(({ name, schema }) => [name, arbitraryOf(schema, name, options)])),
    { requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name) },
  );
  const schema = operation.requestBody?.content['application/json']?.schema;
  const body = schema === undefined ? fc.constant(undefined) : arbitraryOf(schema, 'body', options);
  return fc.tuple(values, body).map(([given, value]) => {
    const at = (where: string): [name: string, text: string][] =>
      parameters.flatMap(({ in: place, name }) =>
        place === where && given[name] !== undefined ? [[name, String(given[name]).toWellFormed()]] : [],
      );
    const filled = at('path').reduce(
      (text, [name, one]) => text.replace(`{${name}}`, encodeURIComponent(one)),
      path,
    );
    const query = at('query').map(([name, one]) => `${name}=${encodeURIComponent(one)}`);
    const named = at('header').map(([name, one]): [string, string] => [
      name,
      one.replaceAll(/[^\x20-\x7e]/g, '?'),
    ]);
    return {
      method: method.toUpperCase(),
      target: `${filled}${query.length === 0 ? '' : `?${query.join('&')}`}`,
      headers: [
        ...Object.entries(headers),
        ...named,
        ...(value === undefined ? [] : [['Content-Type', 'application/json'] as [string, string]]),
      ],
      value,
      send: 'whole',
    };
  });
}
