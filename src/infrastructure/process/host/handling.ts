import { protocolVersion } from './launch-record.ts';
import type { HandsOff } from './supervised-agent.ts';

/**
 * What this MAOS may do with an agent that another one started, and the explanation for people.
 * @param protocol version of the wrapper protocol in its claim
 * @param isUnseen its processes are not visible from here
 */
export function handling(
  protocol: number,
  isUnseen: boolean,
  wrapperGone: Promise<unknown>,
): { readonly handsOff: HandsOff | null; readonly note?: string } {
  if (isUnseen) return { handsOff: { reason: unseenText, until: null } };
  if (protocol > protocolVersion) return { handsOff: { reason: newerText(protocol), until: wrapperGone } };
  return { handsOff: null, ...(protocol < protocolVersion ? { note: olderText(protocol) } : {}) };
}

const unseenText =
  "This maos cannot see its processes (they run in another container, or on another host with the same home). It learns of their end from the agent's files; the time limit still applies.";

function newerText(protocol: number): string {
  return `A newer maos started it (wrapper protocol ${protocol}, this maos knows up to ${protocolVersion}): this one follows its files, and signals none of its processes while its wrapper lives. To pause or cancel it, update this maos.`;
}

function olderText(protocol: number): string {
  return `An older maos started it (wrapper protocol ${protocol}, this maos starts agents with ${protocolVersion}); it is followed as usual.`;
}
