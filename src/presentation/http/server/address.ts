import { isIP } from 'node:net';
import { MaosError, quote } from '../../../domain/errors.ts';

export interface ListenAddress {
  /** A name or address, without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** A wildcard address listens on every address of this machine; it identifies no host. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/**
 * Parses `[host:]port`: `4711`, `0`, `localhost:4711`, `[::1]:4711`.
 * @param remote whether addresses beyond this machine are allowed
 * @throws MaosError INVALID_INPUT
 */
export function parseListenAddress(text: string, remote: boolean): ListenAddress {
  const [, bracketed, named, digits] =
    /^(?:\[([0-9a-f:.]+)\]:|([a-z0-9.-]+):)?([0-9]{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? named ?? '127.0.0.1';
  const port = Number(digits);
  if (digits === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new MaosError(
      'INVALID_INPUT',
      `${quote(text)} is not a valid address: give a port from 0 (any free port) to 65535, or host:port.`,
    );
  }
  if (!remote && !isLoopback(host)) {
    throw new MaosError(
      'INVALID_INPUT',
      `${quote(host)} is reachable from other machines, and anyone with the token could start agents here. Add --allow-remote if you intend this.`,
      { details: { host } },
    );
  }
  return { host, port };
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return (
    host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  );
}
