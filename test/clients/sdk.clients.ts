/** The clients of the official SDK against the built server, in every way they connect to one over stdio. */
import { test } from 'node:test';
import { sdks } from './mcp-clients.ts';
import { converse } from './sdk-conversation.ts';

for (const sdk of sdks) test(sdk.name, (t) => converse(t, sdk));
