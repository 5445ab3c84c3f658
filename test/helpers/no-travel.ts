import type { HostedCode, HostQuotas } from '../../src/application/ports/hosting.ts';
import type { CallBox } from '../../src/application/ports/team-calls.ts';
import type { HomeCode } from '../../src/infrastructure/fleet/home-code.ts';

/* Of agents on other machines that neither call their team nor have code. */

export const noCalls: CallBox = {
  open: () => '',
  look: async () => ({ calls: [], withdrawn: [] }),
  answer: async () => {},
  forget: async () => {},
  watch: () => () => {},
};

/** Where the agent runs. */
export const noCode: HostedCode = {
  open: async () => null,
  take: async () => null,
  remove: async () => {},
};

/** Where its session is. */
export const nothingSent: HomeCode = {
  send: async () => null,
  sendLacked: async () => ({ name: 'none', sha256: '' }),
  take: async () => {},
  refuse: async () => {},
};

/** No provider has ever refused the host. */
export const noQuotas: HostQuotas = { read: async () => ({}), write: async () => {} };
