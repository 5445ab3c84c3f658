import { plural } from '../amounts.ts';
import { event } from './event-type.ts';

/** What happens to notifications of a session. One that arrives needs no event. */
export const notificationEvents = {
  /** Nothing more is tried. `id`: what its receiver would have known it by; `kind`: what it was to tell of. */
  'notification.failed': event<{ id: string; kind: string; way: string; tries: number; reason: string }>({
    text: ({ kind, way, tries, reason }) =>
      `notification (${kind}) by ${way} failed after ${plural(tries, 'try', 'tries')}: ${reason}`,
    hiddenFrom: ['progress'],
  }),
};
