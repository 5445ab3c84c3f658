import { PassThrough, type Readable } from 'node:stream';
import type { ServerIdentity } from './identity.ts';

/**
 * Problem: a client waits for the answer to `initialize`, and loading the SDK takes longer than all else before it.
 * Solution: the answer is given without the SDK, which is loaded afterwards and sees the same messages from the
 * beginning; its own answer to `initialize` goes nowhere. A test compares the two answers. Anything but a plain
 * beginning is left to the SDK alone.
 */

/** The versions SDK 1.32 serves, the newest first; it offers the newest to a client that asks for another. */
export const protocolVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];

/** A longer beginning is left to the SDK and its limits. */
const longestFirstLine = 64 * 1024;

/** Newer clients ask for this first, and take 'method not found' for 'speak the older protocol'. */
const probe = 'server/discover';
const methodNotFound = -32601;

export interface Handshake {
  /** What the client sends: all of it but the probes answered here. */
  readonly input: Readable;
  /** Id of the `initialize` answered here; null when the SDK has to. */
  readonly answered: string | number | null;
}

type Json = Readonly<Record<string, unknown>>;

/** Reads up to the first message that is no probe. Ends as well when the client goes. */
export async function shakeHands(
  stdin: Readable,
  send: (line: string) => void,
  identity: ServerIdentity,
): Promise<Handshake> {
  let held: Buffer = Buffer.alloc(0);
  const answered = await new Promise<string | number | null>((resolve) => {
    const finish = (id: string | number | null): void => {
      stdin.off('data', read);
      stdin.off('end', gone);
      stdin.pause();
      resolve(id);
    };
    const gone = (): void => finish(null);
    const read = (chunk: Buffer): void => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
        const message = parse(held.subarray(0, end));
        if (message?.method !== probe || !isId(message.id)) {
          finish(answer(message, send, identity));
          return;
        }
        const error = { code: methodNotFound, message: 'Method not found' };
        send(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
        held = held.subarray(end + 1);
      }
      if (held.length > longestFirstLine) finish(null);
    };
    stdin.on('data', read);
    stdin.once('end', gone);
  });
  const input = new PassThrough();
  input.write(held);
  if (stdin.readableEnded) input.end();
  else stdin.pipe(input);
  return { input, answered };
}

/** @returns the id answered; null for anything but a plain `initialize` */
function answer(message: Json | null, send: (line: string) => void, identity: ServerIdentity) {
  if (message?.jsonrpc !== '2.0' || message.method !== 'initialize' || !isId(message.id)) return null;
  const {
    protocolVersion: asked,
    clientInfo,
    capabilities: offered,
  } = isJson(message.params) ? message.params : {};
  const isNamed =
    isJson(clientInfo) && typeof clientInfo.name === 'string' && typeof clientInfo.version === 'string';
  const isPlain = isNamed && isJson(offered) && Object.values(offered).every(isJson);
  if (!isPlain || typeof asked !== 'string') return null;
  const protocolVersion = protocolVersions.includes(asked) ? asked : protocolVersions[0];
  const { capabilities, serverInfo, instructions } = identity;
  const result = { protocolVersion, capabilities, serverInfo, instructions };
  send(JSON.stringify({ result, jsonrpc: '2.0', id: message.id }));
  return message.id;
}

function parse(line: Buffer): Json | null {
  try {
    const message: unknown = JSON.parse(line.toString('utf8'));
    return isJson(message) ? message : null;
  } catch {
    // The SDK reads the line again and complains about it.
    return null;
  }
}

function isId(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value));
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
