import { readFileSync, statSync } from 'node:fs';
import { connect, credsAuthenticator, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import { MaosError, showPath } from '../../domain/errors.ts';
import { fileError } from '../files/disk/file-error.ts';

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
  const hasTls = ca !== null || cert !== null || key !== null;
  const authenticator = credentials === null ? null : authenticatorOf(credentials);
  try {
    return await connect({
      servers: url.split(',').map((server) => server.trim()),
      name,
      timeout: 5_000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      ...(authenticator === null ? {} : { authenticator }),
      ...(hasTls
        ? {
            tls: {
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

function authenticatorOf(path: string) {
  const content = readSecret(path);
  const text = content.toString('utf8');
  return /^S[A-Z2-7]{20,}\s*$/.test(text)
    ? nkeyAuthenticator(Buffer.from(text.trim()))
    : credsAuthenticator(content);
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
