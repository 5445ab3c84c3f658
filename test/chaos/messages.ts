import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mailbox } from '../../src/application/messaging/mailbox.ts';
import { whenFree } from '../../src/application/when-free.ts';
import { isMaosError } from '../../src/domain/errors.ts';
import type { AgentId, MessageId } from '../../src/domain/ids.ts';
import { claudeProject, player, success, turn } from '../helpers/fake-claude.ts';
import { type OtherMaos, otherMaos } from '../helpers/other-maos.ts';
import { outcome } from '../helpers/real-project.ts';
import { SeededRandom } from './dice.ts';

/*
 * A campaign outside `npm test`: `npm run chaos -- --messages`.
 */

const agentCount = Number(process.env.MAOS_CHAOS_AGENTS ?? 20);
const messageCount = Number(process.env.MAOS_CHAOS_MESSAGES ?? 1_000);
const seed = Number(process.env.MAOS_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
const batch = 50;
const last = 'This is the last message.';
/** Agents that crash half-way, when a message tells them to. */
const crashers = ['w0', 'w1'];
const crash = 'Crash now.';

it(`${agentCount} agents, ${messageCount} messages, MAOS killed at random (seed ${seed}): none is lost, none comes twice`, async (t) => {
  const dice = new SeededRandom(seed);
  const real = claudeProject(t);
  const names = Array.from({ length: agentCount }, (_, index) => `w${index}`);
  const agents = names.map((name) =>
    player(real.root, name, [
      crashers.includes(name)
        ? [turn(5), { hear: crash }, { exit: 1 }]
        : [turn(5), { hear: last }, success('Heard all.')],
    ]),
  );
  let owner: OtherMaos = await otherMaos(t, real, { hasClaude: true });
  const sessionId = await owner.start({ objective: 'Hear every message.', agents });
  const mailbox = new Mailbox(real.project);
  const idOf = new Map(real.project.store.load(sessionId).agents.map(({ name, id }) => [name, id]));

  const sent = new Map<MessageId, { readonly to: string; readonly from: AgentId | null }>();
  let refused = 0;
  const send = async (from: string | null, to: string, body: string, expiresAt: string | null) => {
    const request = { sessionId, from, to, body, subject: '', contentType: 'text/plain', expiresAt };
    const rest = { id: null, type: null, schemaVersion: null, correlationId: null, replyTo: null };
    try {
      const { messages } = await whenFree(real.project, () =>
        mailbox.send({ ...request, ...rest, maxAttempts: null }),
      );
      for (const message of messages) {
        const name = names.find((one) => idOf.get(one) === message.to) ?? assert.fail();
        sent.set(message.id, { to: name, from: message.from });
      }
    } catch (error) {
      // Expected when two agents have reached the limit of their exchange, or the recipient has crashed.
      const expected = crashers.includes(to) ? 'INVALID_TRANSITION' : 'RESOURCE_LIMIT_EXCEEDED';
      assert.ok(isMaosError(error, expected), String(error));
      refused += 1;
    }
  };

  let kills = 0;
  for (let count = 0; count < messageCount; count += batch) {
    for (let i = count; i < Math.min(messageCount, count + batch); i++) {
      const to = dice.pick(names) ?? assert.fail();
      const from = dice.chance(0.3) ? null : dice.pick(names.filter((name) => name !== to));
      const expiresMs = dice.chance(0.1) ? dice.between(1, 2_000) : null;
      const expiresAt =
        expiresMs === null ? null : new Date(Date.parse(real.project.clock.now()) + expiresMs).toISOString();
      await send(from, to, `Message number ${i}.`, expiresAt);
    }
    if (count === Math.floor(messageCount / batch / 2) * batch) {
      for (const name of crashers) await send(null, name, crash, null);
    }
    await sleep(dice.between(0, 1_500));
    await owner.kill();
    kills += 1;
    owner = await otherMaos(t, real, { hasClaude: true });
    owner.watch();
  }
  for (const name of names) if (!crashers.includes(name)) await send(null, name, last, null);
  const deadline = performance.now() + 300_000;
  const isOver = () => real.project.store.summary(sessionId).session.state;
  // Failed, because two agents have crashed.
  while (isOver() !== 'failed') {
    assert.ok(performance.now() < deadline, `still ${isOver()}`);
    await sleep(200);
  }

  const ends = new Map<string, number>();
  for (const name of names) {
    const heard = heardBy(real.root, name);
    const ids = heard.map(({ text }) => /^Message (msg_\S+) from /.exec(text)?.[1] as MessageId);
    assert.equal(new Set(ids).size, ids.length, `${name} heard a message twice`);
    for (const from of new Set([...sent.values()].map((message) => message.from))) {
      const theirs = ids.filter((id) => sent.get(id)?.from === from);
      const inOrder = [...sent.keys()].filter((id) => theirs.includes(id));
      assert.deepEqual(theirs, inOrder, `${name} heard ${from} out of order`);
    }
    for (const [id, { to }] of sent) {
      if (to !== name) continue;
      const { state, deadReason } = mailbox.find(id) ?? assert.fail(`${id} is lost`);
      ends.set(state, (ends.get(state) ?? 0) + 1);
      assert.equal(
        ids.includes(id),
        ['delivered', 'acknowledged'].includes(state),
        `${id} to ${name}: ${state}`,
      );
      assert.ok(state !== 'queued', `${id} waits for nobody`);
      assert.ok(state !== 'dead' || deadReason !== null);
    }
  }
  const taken = outcome(real, sessionId).of('session.taken_over').length;
  const counts = [...ends].map(([state, count]) => `${count} ${state}`).join(', ');
  t.diagnostic(
    `seed ${seed}: ${sent.size} messages (${refused} refused), ${kills} kills, ${taken} take-overs: ${counts}; lost 0, twice 0`,
  );
});

function heardBy(root: string, name: string): readonly { readonly text: string }[] {
  const file = join(root, `${name}.heard`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}
