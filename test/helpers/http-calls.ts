import assert from 'node:assert/strict';
import { DocumentSchemas, type OpenApiDocument, type OperationObject } from './openapi.ts';
import { eventsIn } from './raw-http.ts';

export interface CallOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly status?: number;
}

export interface Called {
  readonly headers: Headers;
  /** The body as JSON, or the JSON of a stream's first event with data; otherwise the text. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks into
  readonly body: any;
}

interface Described {
  readonly path: string;
  readonly method: string;
  readonly operation: OperationObject;
}

const unparsed: ReadonlySet<string> = new Set(['text/plain', 'text/html', 'text/javascript', 'text/css']);

/** A client that knows the endpoints from the OpenAPI document, and validates every response against it. */
export class DocumentClient {
  readonly document: OpenApiDocument;
  readonly schemas: DocumentSchemas;
  /** Ids of the operations that were called. */
  readonly called = new Set<string>();
  readonly #url: string;
  readonly #token: string;
  readonly #operations: ReadonlyMap<string, Described>;

  private constructor(url: string, token: string, document: OpenApiDocument) {
    this.#url = url;
    this.#token = token;
    this.document = document;
    this.schemas = new DocumentSchemas(document);
    this.#operations = new Map(
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [
          operation.operationId,
          { path, method, operation },
        ]),
      ),
    );
  }

  static async of(url: string, token: string): Promise<DocumentClient> {
    const response = await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${token}` } });
    return new DocumentClient(url, token, (await response.json()) as OpenApiDocument);
  }

  /** Ids of all operations. */
  get ids(): readonly string[] {
    return [...this.#operations.keys()];
  }

  /** Calls an operation; cancels the response if it is a stream. */
  async call(id: string, options: CallOptions = {}): Promise<Called> {
    const response = await this.open(id, options);
    const type = typeOf(response);
    const text = type === 'text/event-stream' ? await firstEvent(response) : await response.text();
    const body = unparsed.has(type) || text === '' ? text : parsed(text);
    this.#check(id, response, body);
    return { headers: response.headers, body };
  }

  /** The response without its body read. */
  async open(id: string, { params = {}, query = {}, headers = {}, body, status = 200 }: CallOptions = {}) {
    const { path, method } = this.#described(id);
    this.called.add(id);
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '');
    const response = await fetch(`${this.#url}${filled}?${new URLSearchParams(query)}`, {
      method: method.toUpperCase(),
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.equal(response.status, status, `${id}: ${response.ok ? '' : await response.clone().text()}`);
    return response;
  }

  #check(id: string, response: Response, body: unknown): void {
    const { content } = this.#described(id).operation.responses[response.status] ?? {};
    const schema = content?.[typeOf(response)]?.schema;
    assert.equal(schema === undefined, content === undefined, `${id} answers ${typeOf(response)}`);
    if (schema === undefined) assert.equal(body, '', id);
    else assert.equal(this.schemas.problem(schema, body), null, `${id}: ${JSON.stringify(body)}`);
  }

  #described(id: string): Described {
    return this.#operations.get(id) as Described;
  }
}

function typeOf(response: Response): string {
  return response.headers.get('content-type')?.split(';')[0]?.toLowerCase() ?? '';
}

/** The data of the first event that has any. @param then whether to leave the stream afterwards */
export async function firstEvent(response: Response, then: 'leave' | 'stay' = 'leave'): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  const chunks = response.body as ReadableStream<Uint8Array>;
  for await (const chunk of chunks.values({ preventCancel: then === 'stay' })) {
    text += decoder.decode(chunk, { stream: true });
    const [first] = eventsIn(text);
    if (first !== undefined) return first.data;
  }
  return '';
}

function parsed(text: string): unknown {
  return text.startsWith('/') ? text : JSON.parse(text);
}
