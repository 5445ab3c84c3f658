import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import type { NatsAccess } from '../../src/infrastructure/fleet/nats-connection.ts';
import { NatsServer } from './nats-server.ts';

export const documented = readFileSync(new URL('../../docs/nats-server.conf', import.meta.url), 'utf8');

/** A server as documented, with a home and the host build-1, each with a secret of its own. */
export class Guarded {
  readonly server: NatsServer;
  readonly folder: string;
  readonly ca: string;
  /** The public key of the home. */
  readonly home: string;

  private constructor(server: NatsServer, folder: string, home: string) {
    this.home = home;
    this.server = server;
    this.folder = folder;
    this.ca = join(folder, 'ca.pem');
  }

  static async start(t: { after(cleanUp: () => void | Promise<void>): void }): Promise<Guarded> {
    const folder = mkdtempSync(join(tmpdir(), 'maos-guarded-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    makeCertificates(folder);
    const keys = { HOME_NKEY: makeUser(folder, 'home'), HOST_NKEY: makeUser(folder, 'host') };
    const server = await NatsServer.start(t, (store, port) => {
      const places = documented
        .replace('10.0.0.1:4222', `127.0.0.1:${port}`)
        .replace('/var/lib/maos-nats', store)
        .replaceAll('/etc/maos-nats', folder);
      return places.replaceAll(/HOME_NKEY|HOST_NKEY/g, (name) => keys[name as keyof typeof keys]);
    });
    return new Guarded(server, folder, keys.HOME_NKEY);
  }

  access(user: string): NatsAccess {
    const tls = { ca: this.ca, cert: null, key: null };
    return { url: `tls://127.0.0.1:${this.server.port}`, credentials: join(this.folder, `${user}.nk`), tls };
  }
}

/** @returns the public key of a new user, whose seed is in a file */
export function makeUser(folder: string, name: string): string {
  const pair = nkeys.createUser();
  writeFileSync(join(folder, `${name}.nk`), pair.getSeed(), { mode: 0o600 });
  return pair.getPublicKey();
}

/** An authority of its own, and the certificate of a server on loopback. */
function makeCertificates(folder: string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    '/CN=MAOS test',
    '-keyout',
    'ca-key.pem',
    '-out',
    'ca.pem',
  );
  openssl('req', ...key, '-subj', '/CN=127.0.0.1', '-keyout', 'server-key.pem', '-out', 'server.csr');
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1');
  const sign = [
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca-key.pem',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
  ];
  openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', 'server.pem');
}
