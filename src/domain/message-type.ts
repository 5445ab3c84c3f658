export const messageTypes = ['request', 'response', 'notification'] as const;
export type MessageType = (typeof messageTypes)[number];
