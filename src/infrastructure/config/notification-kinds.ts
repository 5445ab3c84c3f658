import * as z from 'zod';
import type { Kind } from './kinds.ts';

/**
 * Kinds of values for notification settings. A webhook's address is not shown either, because some, such as those of
 * chat channels, are secrets.
 */

export const commandLine: Kind<readonly string[]> = {
  schema: z
    .array(
      z
        .string()
        .max(4_096)
        .regex(/^[^\0]*$/),
    )
    .min(1)
    .max(100)
    .refine(([program]) => program !== ''),
  allowed: 'a list of a program and its arguments',
  fromText: (text) => text,
};

export const webhookAddress: Kind<string> = {
  schema: z
    .string()
    .max(2_000)
    .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text)),
  allowed: 'an address that begins with https:// or http://',
  fromText: (text) => text,
  problem: (_, path) => `${path} must be an address that begins with https:// or http://.`,
  disclosed: (url) => `${new URL(url).origin}/[not shown]`,
};

/** The format of https://www.standardwebhooks.com. */
export const webhookSecret: Kind<string> = {
  schema: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/)
    .refine((text) => {
      const { length } = Buffer.from(text.slice('whsec_'.length), 'base64');
      return length >= 24 && length <= 64;
    }),
  allowed: "'whsec_' and 24 to 64 random bytes in base64",
  fromText: (text) => text,
  problem: (_, path) =>
    `${path} must be 'whsec_' and 24 to 64 random bytes in base64, such as: echo "whsec_$(openssl rand -base64 32)".`,
  disclosed: () => '[not shown]',
};
