/** An id becomes an argument of the CLI, so anything that could be something else is rejected. */
export const conversationId = /^[A-Za-z0-9][\w.-]{0,127}$/;
