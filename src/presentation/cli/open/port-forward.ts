import { hostname, userInfo } from 'node:os';

/**
 * The command for the user's own machine that makes a port of this one available there.
 * @param env SSH_CONNECTION is "client port server port", see ssh(1)
 */
export function portForward(port: number, env: Readonly<Record<string, string | undefined>>): string {
  const [, address, sshPort] = /^\S+ \d+ ([0-9a-f.:]+(?:%\w+)?) (\d+)$/i.exec(env.SSH_CONNECTION ?? '') ?? [];
  const host = `${userName()}${address ?? hostname()}`;
  const through = sshPort === undefined || sshPort === '22' ? '' : `-p ${sshPort} `;
  return `ssh -N -L ${port}:127.0.0.1:${port} ${through}${host}`;
}

function userName(): string {
  try {
    return `${userInfo().username}@`;
  } catch {
    // The system may have no entry for this user.
    return '';
  }
}
