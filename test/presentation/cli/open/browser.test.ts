import assert from 'node:assert/strict';
import { hostname, userInfo } from 'node:os';
import { describe, it } from 'node:test';
import { browserOpeners, openBrowser } from '../../../../src/presentation/cli/open/browser.ts';
import { portForward } from '../../../../src/presentation/cli/open/port-forward.ts';

describe('the program that opens a browser', () => {
  it('is that of the system, where there is a display', () => {
    const programs = (platform: NodeJS.Platform, env: Record<string, string>): readonly string[] =>
      browserOpeners(platform, env).map(([program]) => program);
    assert.deepEqual(programs('linux', {}), []);
    assert.deepEqual(programs('linux', { DISPLAY: '' }), []);
    assert.deepEqual(programs('linux', { DISPLAY: ':0' }), ['xdg-open']);
    assert.deepEqual(programs('linux', { WAYLAND_DISPLAY: 'wayland-0' }), ['xdg-open']);
    assert.deepEqual(programs('linux', { WSL_DISTRO_NAME: 'Debian', DISPLAY: ':0' }), [
      'wslview',
      'xdg-open',
    ]);
    assert.deepEqual(programs('darwin', {}), ['open']);
    assert.deepEqual(programs('win32', {}), ['rundll32']);
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      assert.deepEqual(
        programs(platform, { SSH_CONNECTION: '192.0.2.1 1 192.0.2.2 22', DISPLAY: ':10' }),
        [],
      );
    }
  });

  it('is the first that exists and succeeds', async () => {
    const opened = (...programs: readonly string[]): Promise<boolean> =>
      openBrowser(
        'http://127.0.0.1:1/',
        programs.map((program) => [program]),
        process.env,
      );
    assert.equal(await opened('/nonexistent', 'true'), true);
    assert.equal(await opened('false', '/nonexistent'), false);
    assert.equal(await opened(), false);
  });
});

describe('the command that forwards the port', () => {
  it('names the address that the user came to', () => {
    const user = userInfo().username;
    const forward = (connection: string): string => portForward(4711, { SSH_CONNECTION: connection });
    assert.equal(forward('192.0.2.1 50000 192.0.2.7 22'), `ssh -N -L 4711:127.0.0.1:4711 ${user}@192.0.2.7`);
    assert.equal(
      forward('2001:db8::1 50000 2001:db8::7 2222'),
      `ssh -N -L 4711:127.0.0.1:4711 -p 2222 ${user}@2001:db8::7`,
    );
    for (const none of ['', 'x', '1 2 $(reboot) 22']) {
      assert.equal(forward(none), `ssh -N -L 4711:127.0.0.1:4711 ${user}@${hostname()}`);
    }
  });
});
