import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestPause } from '../../src/application/control/control.ts';
import { Mailbox } from '../../src/application/messaging/mailbox.ts';
import { InputRequests } from '../../src/application/requests/input-requests.ts';
import { whenFree } from '../../src/application/when-free.ts';
import { isMaosError } from '../../src/domain/errors.ts';
import type { AgentId, MessageId } from '../../src/domain/ids.ts';
import type { Message } from '../../src/domain/message.ts';
import { claudeProject } from '../helpers/fake-claude.ts';
import { type OtherMaos, otherMaos } from '../helpers/other-maos.ts';
import { outcome } from '../helpers/real-project.ts';
import { until } from '../helpers/waiting.ts';
import { SeededRandom } from './dice.ts';
import { castOf, crash, finish } from './message-cast.ts';
import { killedSend, killTeamServer, killWrapper } from './message-kills.ts';
import { actedBy, arrivalsAt, askedBy, readBy, seenBy } from './message-records.ts';

/*
 * A campaign outside `npm test`: `npm run chaos -- --messages`.
 */

const liveCount = Number(process.env.MAOS_CHAOS_AGENTS ?? 20);
const messageCount = Number(process.env.MAOS_CHAOS_MESSAGES ?? 1_000);
const seed = Number(process.env.MAOS_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
const batch = 50;
const batches = Math.ceil(messageCount / batch);
const person = { type: 'person', front: 'cli' } as const;

it(`${messageCount} messages to ${liveCount + 5} agents, processes killed at random (seed ${seed}): none is lost, none comes twice`, async (t) => {
  const dice = new SeededRandom(seed);
  const real = claudeProject(t);
  const { store, clock } = real.project;
  const cast = castOf(real, liveCount, batches + 4);
  const { names } = cast;
  let owner: OtherMaos = await otherMaos(t, real, { hasClaude: true });
  const sessionId = await owner.start({ objective: 'Hear every message.', agents: [...cast.agents] });
  const mailbox = new Mailbox(real.project);
  const requests = new InputRequests(real.project);
  const idOf = (name: string): AgentId =>
    store.load(sessionId).agents.find((agent) => agent.name === name)?.id ?? assert.fail(name);
  const ids = new Map(names.map((name) => [idOf(name), name]));
  const stateNow = () => store.summary(sessionId).session.state;
  const count = { refused: 0, kills: 0, sendersKilled: 0, cutOff: 0, serversKilled: 0, wrappersKilled: 0 };

  const sent = new Map<MessageId, { readonly to: string; readonly from: AgentId | null }>();
  const note = ({ id, to, from }: Message) =>
    sent.set(id, { to: (to === null ? undefined : ids.get(to)) ?? assert.fail(), from });
  const canEnd = [...cast.crashers, cast.orphan];
  const send = async (from: string | null, to: string, body: string, expiresAt: string | null = null) => {
    const request = { sessionId, from, to, body, subject: '', contentType: 'text/plain', expiresAt };
    const rest = { id: null, type: null, schemaVersion: null, correlationId: null, replyTo: null };
    try {
      const { messages } = await whenFree(real.project, () =>
        mailbox.send({ ...request, ...rest, maxAttempts: null }),
      );
      for (const message of messages) note(message);
    } catch (error) {
      // Expected when two agents have reached the limit of their exchange, or the recipient has crashed.
      const expected = canEnd.includes(to) ? 'INVALID_TRANSITION' : 'RESOURCE_LIMIT_EXCEEDED';
      assert.ok(isMaosError(error, expected), String(error));
      count.refused += 1;
    }
  };
  const sendMany = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const name = dice.pick(names) ?? assert.fail();
      const sender = dice.chance(0.3) ? null : dice.pick(names.filter((other) => other !== name));
      const ms = dice.chance(0.1) ? dice.between(1, 2_000) : null;
      const expiresAt = ms === null ? null : new Date(Date.parse(clock.now()) + ms).toISOString();
      await send(sender, name, `Message number ${i}.`, expiresAt);
    }
  };
  const killSender = async (number: number) => {
    const text = `Killed ${number}: ${'whole '.repeat(5_000)}${number}.`;
    const to = dice.pick(names.filter((name) => !canEnd.includes(name))) ?? assert.fail();
    const wasKilled = await killedSend(real, dice, [sessionId, to, text]);
    const found = mailbox.list({ sessionId, words: [`Killed ${number}:`], limit: 10 });
    assert.ok(
      found.length <= 1 && found.every(({ body }) => body === text),
      `sender ${number}: in part or twice`,
    );
    assert.ok(wasKilled || found.length === 1, `sender ${number} succeeded, and nothing is stored`);
    for (const message of found) note(message);
    if (wasKilled) count.sendersKilled += 1;
    if (wasKilled && found.length === 0) count.cutOff += 1;
  };
  const asked = () => requests.list({ sessionId, agentId: idOf(cast.asker), limit: 1_000 });
  const answerOpen = async () => {
    for (const { id, state } of asked()) {
      if (state !== 'open') continue;
      const decision = dice.chance(0.7) ? 'allow' : 'deny';
      const answer = { kind: 'permission', decision, message: null } as const;
      await whenFree(real.project, () => requests.answer(id, answer, person));
    }
  };
  const killOwner = async () => {
    const isWaiting = () => asked().some(({ state }) => state === 'open');
    await until(isWaiting, 'an open request');
    const when = dice.between(0, 2);
    if (when === 0) await answerOpen();
    await owner.kill();
    count.kills += 1;
    if (when === 1) await answerOpen();
    owner = await otherMaos(t, real, { hasClaude: true });
    owner.watch();
    if (when === 2) await answerOpen();
  };
  const pause = async () => {
    await requestPause(real.project, real.supervisor, sessionId, 'test', 'A break.');
    await until(() => stateNow() === 'paused', 'the pause');
  };

  for (let number = 0; number < batches; number++) {
    const isHalf = number === Math.floor(batches / 2);
    await sendMany(number * batch, Math.min(messageCount, (number + 1) * batch));
    if (isHalf) for (const name of cast.crashers) await send(null, name, crash);
    for (let i = 0; i < 3; i++) await killSender(number * 3 + i);
    if (await killTeamServer(idOf(cast.tool), dice)) count.serversKilled += 1;
    if (number === 1 && killWrapper(idOf(cast.orphan))) count.wrappersKilled += 1;
    await sleep(dice.between(0, 1_500));
    await killOwner();
    if (!isHalf) continue;
    await pause();
    for (const name of [cast.tool, cast.prompt, ...cast.live.slice(2)])
      await send(null, name, 'While you pause.');
    owner.resume(sessionId);
  }
  await pause();
  finish(real);
  owner.resume(sessionId);
  const deadline = performance.now() + 300_000;
  while (!['failed', 'completed'].includes(stateNow())) {
    assert.ok(performance.now() < deadline, `still ${stateNow()}`);
    await answerOpen();
    await sleep(200);
  }

  const find = (id: MessageId) => mailbox.find(id);
  const ends = new Map<string, number>();
  const arrivals = { entries: 0, repeated: 0, late: 0 };
  for (const name of names) {
    const seen = name === cast.lease ? readBy(real.root, name) : seenBy(real.root, name);
    assert.equal(new Set(seen).size, seen.length, `${name} got a message twice`);
    const { entries, repeated } = arrivalsAt(real.root, name, find);
    arrivals.entries += entries;
    arrivals.repeated += repeated;
    for (const from of new Set([...sent.values()].map((message) => message.from))) {
      const theirs = seen.filter((id) => sent.get(id)?.from === from);
      const inOrder = [...sent.keys()].filter((id) => theirs.includes(id));
      const late = theirs.filter((id, index) => id !== inOrder[index]).length;
      // What was lost with a killed server of the team comes later than what the next server delivers.
      if (name === cast.tool) arrivals.late += late;
      else assert.equal(late, 0, `${name} got messages of ${from} out of order`);
    }
    for (const [id, { to }] of sent) {
      if (to !== name) continue;
      const { state, via, deadReason } = find(id) ?? assert.fail(`${id} is lost`);
      const isThere = ['delivered', 'acknowledged'].includes(state);
      const key = isThere ? `by ${via ?? 'lease'}` : state;
      ends.set(key, (ends.get(key) ?? 0) + 1);
      assert.equal(seen.includes(id), isThere, `${id} to ${name}: ${state}`);
      assert.ok(state !== 'queued', `${id} waits for nobody`);
      assert.ok(state !== 'dead' || deadReason !== null);
    }
  }
  for (const way of ['live', 'tool', 'prompt', 'lease']) {
    assert.ok((ends.get(`by ${way}`) ?? 0) > 0, `nothing was delivered by ${way}`);
  }

  const stored = asked();
  const keys = stored.map(({ key }) => key);
  assert.deepEqual(keys.toSorted(), askedBy(real.root, cast.asker).toSorted(), 'asked once each');
  const acted = actedBy(real.root, cast.asker);
  assert.equal(new Set(acted).size, acted.length, 'acted twice');
  const events = outcome(real, sessionId);
  const { attempt: last } = events.agent(cast.asker);
  for (const { key, answer, attempt } of stored) {
    const isAllowed = answer?.kind === 'permission' && answer.decision === 'allow';
    // An attempt that was interrupted may not have learnt of its last answer.
    if (isAllowed && attempt < last) continue;
    assert.equal(acted.includes(key), isAllowed, `${key}: acted against the answer`);
  }
  const opened = events.of('request.opened').length;
  const answered = events.of('request.answered').length;
  assert.equal(opened, stored.length);
  assert.equal(answered, stored.filter(({ state }) => state === 'answered').length, 'answered twice');
  const taken = events.of('session.taken_over').length;
  const counts = [...ends].map(([state, number]) => `${number} ${state}`).join(', ');
  for (const line of [
    `seed ${seed}: ${sent.size} messages (${count.refused} refused): ${counts}; lost 0, twice 0`,
    `killed: owner ${count.kills} (${taken} take-overs), senders ${count.sendersKilled} (${count.cutOff} before their message was stored), servers of the team ${count.serversKilled}, wrappers ${count.wrappersKilled} (its agent: ${events.agent(cast.orphan).state}); paused 2`,
    `input: ${arrivals.entries} entries, each once in an attempt; ${arrivals.repeated} again in a later attempt, none that was shown before; ${arrivals.late} after later ones because of a killed server`,
    `requests: ${opened} asked, ${answered} answered, ${acted.length} acted on, ${opened - answered} withdrawn`,
  ])
    t.diagnostic(line);
});
