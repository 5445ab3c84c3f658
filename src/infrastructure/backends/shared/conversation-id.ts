/** It comes back as an argument of the CLI: what could be anything else than an id is none. */
export const conversationId = /^[A-Za-z0-9][\w.-]{0,127}$/;
