import { readFileSync, statSync } from 'node:fs';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  nkeys,
} from '@nats-io/transport-node';
import { MaosError, showPath } from '../../domain/errors.ts';
import { fileError } from '../files/disk/file-error.ts';

/** The keys of a NATS user. */
export type KeyPair = ReturnType<typeof nkeys.fromSeed>;

/** How to reach a NATS server. */
export interface NatsAccess {
  /** nats://HOST:PORT or tls://HOST:PORT, several with commas. */
  readonly url: string;
  /** Path of a credentials file or an nkey seed; null: the server asks for none. */
  readonly credentials: string | null;
  /** Paths of PEM files. */
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null };
}

/** Connects, and reconnects by itself afterwards. @throws MaosError */
export async function connectToNats(access: NatsAccess, name: string): Promise<NatsConnection> {
  const { url, credentials, tls } = access;
  const { ca, cert, key } = tls;
  if (key !== null) checkSecret(key);
  // Without this, the client would also connect without TLS to a server that offers none.
  const hasTls = /(^|,)\s*tls:/.test(url) || ca !== null || cert !== null || key !== null;
  const signIn = credentials === null ? {} : signInWith(readSecret(credentials), credentials);
  try {
    return await connect({
      servers: url.split(',').map((server) => server.trim()),
      name,
      timeout: 5_000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      ...signIn,
      ...(hasTls
        ? {
            tls: {
              ...identityOfAny(url),
              ...(ca === null ? {} : { caFile: ca }),
              ...(cert === null ? {} : { certFile: cert }),
              ...(key === null ? {} : { keyFile: key }),
            },
          }
        : {}),
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MaosError(
      'BACKEND_UNAVAILABLE',
      `Cannot connect to the NATS server at ${url}: ${why}. Check that it runs ('nats-server -js'), the address, and remote.credentials.`,
      { details: { url }, cause },
    );
  }
}

/**
 * Problem: the client checks the certificate of every server with an IP address as if it were for `localhost`.
 * Solution: the certificate must be for one of the servers that the user has named.
 */
function identityOfAny(url: string) {
  const hosts = url.split(',').map((server) => new URL(server.trim()).hostname.replace(/^\[|\]$/g, ''));
  return {
    checkServerIdentity(_: string, cert: PeerCertificate) {
      const faults = hosts.map((host) => checkServerIdentity(host, cert));
      return faults.includes(undefined) ? undefined : faults[0];
    },
  };
}

/** The keys for signing in; null: none are configured. @throws MaosError */
export function keysOf({ credentials }: NatsAccess): KeyPair | null {
  return credentials === null ? null : keysInFile(credentials);
}

/** The keys of the credentials or the seed in a file. @throws MaosError */
export function keysInFile(path: string): KeyPair {
  return keysIn(readSecret(path), path).pair;
}

/** Answers come to an inbox with the user's own prefix, so that a server can deny it to others. @throws MaosError */
function signInWith(content: Buffer, path: string) {
  const { pair, seed } = keysIn(content, path);
  const isSeed = /^S[A-Z2-7]{20,}\s*$/.test(content.toString('utf8'));
  const authenticator = isSeed ? nkeyAuthenticator(seed) : credsAuthenticator(content);
  return { authenticator, inboxPrefix: `_INBOX.${pair.getPublicKey()}` };
}

/** @throws MaosError INVALID_INPUT */
function keysIn(content: Buffer, path: string): { readonly pair: KeyPair; readonly seed: Buffer } {
  const seed = Buffer.from(/\bSU[A-Z2-7]{50,}/.exec(content.toString('utf8'))?.[0] ?? '');
  try {
    return { pair: nkeys.fromSeed(seed), seed };
  } catch (cause) {
    throw new MaosError(
      'INVALID_INPUT',
      `${showPath(path)} holds neither the credentials nor the nkey seed (SU…) of a NATS user. 'maos host key FILE' makes one; check remote.credentials.`,
      { cause },
    );
  }
}

function readSecret(path: string): Buffer {
  checkSecret(path);
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

/** @throws MaosError FORBIDDEN when others may read the file */
function checkSecret(path: string): void {
  let mode: number;
  try {
    mode = statSync(path).mode & 0o777;
  } catch (error) {
    throw fileError(error, 'read', path);
  }
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  throw new MaosError(
    'FORBIDDEN',
    `${showPath(path)} may be read by other users (mode ${mode.toString(8)}), and it is a secret. Run chmod 600 on it.`,
    { details: { path } },
  );
}
