import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import type { TcpConnection } from '../../../application/ports/tcp-connection.ts';

/**
 * Whether the other end of a connection belongs to another user of this machine. Root is trusted, and nobody is another
 * user for root: in a container it stands for its user. False where the system does not tell: on other platforms than
 * Linux, and for connections from other machines and network namespaces.
 */
export function isOtherUsers(connection: TcpConnection): boolean {
  return isOther(otherEndOwner(connection));
}

/** Whether a program of another user listens on a port of 127.0.0.1, as far as the system tells. */
export function hasOthersListener(port: number): boolean {
  return ['127.0.0.1', '0.0.0.0', '::'].some((address) => isOther(listenerOwner(address, port)));
}

function isOther(owner: number | null): boolean {
  const own = process.getuid?.() ?? 0;
  return own !== 0 && owner !== null && owner !== own && owner !== 0;
}

/** No user: an end on this machine that is closed already has no owner any more, and may have had any. */
const nobodyKnown = -1;

/** The id of the user whose process has the other end of a connection; null if the system does not tell. */
export function otherEndOwner(connection: TcpConnection): number | null {
  const { localAddress, localPort, remoteAddress, remotePort } = connection;
  // What is the remote end here is the local end there.
  const there = endsIn(remoteAddress, remotePort);
  const here = endsIn(localAddress, localPort);
  const found = ownerOf('01', [`${there[0]} ${here[0]}`, `${there[1]} ${here[1]}`]);
  return found === undefined && /^(::ffff:)?127\.|^::1$/i.test(remoteAddress ?? '')
    ? nobodyKnown
    : (found ?? null);
}

/** The id of the user whose process listens; null if there is none, or the system does not tell. */
export function listenerOwner(address: string, port: number): number | null {
  const listener = endsIn(address, port);
  const nowhere = [endsIn('0.0.0.0', 0)[0], endsIn('::', 0)[1]];
  return ownerOf('0A', [`${listener[0]} ${nowhere[0]}`, `${listener[1]} ${nowhere[1]}`]) ?? null;
}

/**
 * @param state of the socket: 01 is established, 0A listens
 * @param ends for IPv4 and IPv6
 * @returns null if the system does not tell; undefined if there is no such socket
 * @see https://docs.kernel.org/networking/proc_net_tcp.html
 */
function ownerOf(state: string, ends: readonly [v4: string, v6: string]): number | null | undefined {
  if (process.platform !== 'linux') return null;
  let isTold = false;
  for (const [index, file] of ['/proc/net/tcp', '/proc/net/tcp6'].entries()) {
    let sockets: string;
    try {
      sockets = readFileSync(file, 'latin1');
      isTold = true;
    } catch {
      // Not mounted, or without IPv6.
      continue;
    }
    const start = ` ${ends[index]} ${state} `;
    const at = sockets.indexOf(start);
    // After the state: queues, timer, retransmissions, user.
    const uid = at < 0 ? undefined : sockets.slice(at + start.length, at + start.length + 200).split(/ +/)[3];
    if (uid !== undefined) return Number(uid);
  }
  return isTold ? undefined : null;
}

/** An end as the files for IPv4 and IPv6 write it: 32-bit words in the order of the machine. */
function endsIn(address = '', port = 0): readonly [v4: string, v6: string] {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address;
  const portText = port.toString(16).toUpperCase().padStart(4, '0');
  const write = (bytes: readonly number[]): string => `${words(bytes)}:${portText}`;
  if (isIPv4(mapped)) {
    const bytes = mapped.split('.').map(Number);
    return [write(bytes), write([...new Array<number>(10).fill(0), 255, 255, ...bytes])];
  }
  return ['none', isIPv6(address) ? write(bytesOfIPv6(address)) : 'none'];
}

function bytesOfIPv6(address: string): readonly number[] {
  const [head = '', tail] = address.replace(/%.*/, '').split('::');
  const groups = (text: string): readonly number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return all.flatMap((group) => [group >> 8, group & 255]);
}

function words(bytes: readonly number[]): string {
  const hex = bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'));
  const wordCount = bytes.length / 4;
  return Array.from({ length: wordCount }, (_, index) => {
    const word = hex.slice(index * 4, index * 4 + 4);
    return (endianness() === 'LE' ? word.reverse() : word).join('');
  }).join('');
}
