import { plural } from '../amounts.ts';
import { event } from './event-type.ts';

/** Events of a session's notifications. A notification that was sent has none. */
export const notificationEvents = {
  /** MAOS gave up sending it. `id` and `kind` are those of the notification. */
  'notification.failed': event<{ id: string; kind: string; way: string; tries: number; reason: string }>({
    text: ({ kind, way, tries, reason }) =>
      `notification (${kind}) by ${way} failed after ${plural(tries, 'try', 'tries')}: ${reason}`,
    hiddenFrom: ['progress'],
  }),
};
