import { startOf } from './cut-text.ts';
import { MaosError, quote } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type SessionId = Branded<'SessionId'>;
export type AgentId = Branded<'AgentId'>;
export type InstanceId = Branded<'InstanceId'>;
export type MessageId = Branded<'MessageId'>;
export type InputRequestId = Branded<'InputRequestId'>;

/** Crockford base 32, as in the ULID specification: 26 characters, the first at most 7. */
const ulid = '[0-7][0-9A-HJKMNP-TV-Z]{25}';
export const sessionPattern = new RegExp(`^sess_${ulid}$`);
const instancePattern = new RegExp(`^inst_${ulid}$`);
export const messagePattern = new RegExp(`^msg_${ulid}$`);
export const inputRequestPattern = new RegExp(`^req_${ulid}$`);
const agentPattern = /^agent_[a-z][a-z0-9_]{0,62}_[1-9][0-9]{0,4}_[a-z0-9]{6}$/;

export function isSessionId(text: string): text is SessionId {
  return sessionPattern.test(text);
}

export function isAgentId(text: string): text is AgentId {
  return agentPattern.test(text);
}

/** @throws MaosError INVALID_INPUT when the text is not a session id. Required before an id becomes a folder name. */
export function parseSessionId(text: string): SessionId {
  if (isSessionId(text)) return text;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(text)} is not a session id: it must be 'sess_' and 26 characters, such as sess_01K0ABCDEFGHJKMNPQRSTVWXYZ.`,
    { details: { value: startOf(text, 200) } },
  );
}

/** @throws MaosError INVALID_INPUT when the text is not an agent id. */
export function parseAgentId(text: string): AgentId {
  if (isAgentId(text)) return text;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(text)} is not an agent id: it looks like agent_backend_engineer_2_x7k2p9.`,
    { details: { value: startOf(text, 200) } },
  );
}

/** @param ulidText a ULID (26 characters, https://github.com/ulid/spec) */
export function makeSessionId(ulidText: string): SessionId {
  return parseSessionId(`sess_${ulidText}`);
}

export function makeInstanceId(ulidText: string): InstanceId {
  const id = `inst_${ulidText}`;
  if (!instancePattern.test(id)) throw new MaosError('INTERNAL', `${quote(ulidText)} is not a ULID.`);
  return id as InstanceId;
}

/**
 * @param ordinal 1 for the first agent of its role in the session
 * @param suffix six random characters of a-z and 0-9
 */
export function makeAgentId(role: string, ordinal: number, suffix: string): AgentId {
  return parseAgentId(`agent_${role}_${ordinal}_${suffix}`);
}

/** @throws MaosError INVALID_INPUT when the text is not a message id. */
export function parseMessageId(text: string): MessageId {
  if (messagePattern.test(text)) return text as MessageId;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(text)} is not a message id: it must be 'msg_' and a ULID, such as msg_01K0ABCDEFGHJKMNPQRSTVWXYZ.`,
    { details: { value: startOf(text, 200) } },
  );
}

/** @param ulidText a ULID (26 characters, https://github.com/ulid/spec) */
export function makeMessageId(ulidText: string): MessageId {
  return parseMessageId(`msg_${ulidText}`);
}

/** @throws MaosError INVALID_INPUT when the text is not the id of a request. */
export function parseInputRequestId(text: string): InputRequestId {
  if (inputRequestPattern.test(text)) return text as InputRequestId;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(text)} is not a request id: it must be 'req_' and a ULID, such as req_01K0ABCDEFGHJKMNPQRSTVWXYZ.`,
    { details: { value: startOf(text, 200) } },
  );
}

/** @param ulidText a ULID (26 characters, https://github.com/ulid/spec) */
export function makeInputRequestId(ulidText: string): InputRequestId {
  return parseInputRequestId(`req_${ulidText}`);
}
