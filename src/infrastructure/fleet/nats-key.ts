import { writeFileSync } from 'node:fs';
import { nkeys } from '@nats-io/transport-node';
import { fileError, systemCode } from '../files/disk/file-error.ts';
import { keysInFile } from './nats-connection.ts';

/** The public key to the secret in a file. Creates the file with a new secret if it is missing. @throws MaosError */
export function natsKeyIn(path: string): { readonly publicKey: string; readonly isNew: boolean } {
  const user = nkeys.createUser();
  try {
    writeFileSync(path, `${Buffer.from(user.getSeed())}\n`, { flag: 'wx', mode: 0o600 });
    return { publicKey: user.getPublicKey(), isNew: true };
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw fileError(error, 'write', path);
  }
  return { publicKey: keysInFile(path).getPublicKey(), isNew: false };
}
