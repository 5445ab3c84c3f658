import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { OutputStream } from '../../application/ports/agent-disk.ts';
import {
  type AttemptClaim,
  type AttemptKey,
  type AttemptListener,
  type BlobName,
  type Fleet,
  factName,
  type HostFact,
  type HostReport,
  maxBlobBytes,
  type Offer,
  type StoredClaim,
  type TakenOffer,
  type Wish,
} from '../../application/ports/fleet.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { fileMode } from '../files/disk/folders.ts';
import { readClaim, readFact, readHost, readWish } from './messages.ts';
import { connectToNats, type KeyPair, keysOf, type NatsAccess } from './nats-connection.ts';
import { decodeOffer, encodeOffer } from './signed-offers.ts';

/* Names and settings of streams, buckets and subjects are those that every version of MAOS uses. */

const offers = 'MAOS_OFFER';
const outputs = 'MAOS_OUT';
const facts = 'MAOS_FACT';
const week = nanos(7 * 86_400_000);
const ackWaitMs = 30_000;
const hostTtlMs = 30_000;
const beatTtlMs = 15_000;

const streams: readonly (Pick<StreamConfig, 'name' | 'subjects'> & Partial<StreamConfig>)[] = [
  { name: offers, subjects: ['maos.*.offer.*'], retention: RetentionPolicy.Workqueue },
  { name: outputs, subjects: ['maos.*.out.>'], discard: DiscardPolicy.New, max_age: week },
  { name: facts, subjects: ['maos.*.fact.>'], discard: DiscardPolicy.New, max_age: week },
];

const shortStream = { stdout: 'out', stderr: 'err' } as const satisfies Record<OutputStream, string>;

interface Buckets {
  readonly claims: KV;
  readonly hosts: KV;
  readonly beats: KV;
  readonly wishes: KV;
  readonly blobs: ObjectStore;
}

/** Called with what is ignored because it is not valid. */
export type OnIgnored = (what: string, error: unknown) => void;

/** @throws MaosError BACKEND_UNAVAILABLE, FORBIDDEN */
export async function openNatsFleet(
  access: NatsAccess,
  name: string,
  onIgnored: OnIgnored = () => {},
): Promise<Fleet> {
  const connection = await connectToNats(access, name);
  try {
    const manager = await jetstreamManager(connection);
    for (const stream of streams) await ensureStream(manager, stream);
    const js = jetstream(connection);
    const kvm = new Kvm(js);
    const file = { storage: StorageType.File, history: 1 };
    const buckets = {
      claims: await kvm.create('maos_claim', file),
      hosts: await kvm.create('maos_host', { ...file, ttl: hostTtlMs }),
      beats: await kvm.create('maos_beat', { ...file, ttl: beatTtlMs }),
      wishes: await kvm.create('maos_desired', file),
      blobs: await new Objm(js).create('maos_blob', { storage: StorageType.File, ttl: week }),
    };
    return new NatsFleet(connection, js, manager, buckets, onIgnored, keysOf(access));
  } catch (cause) {
    await connection.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MaosError(
      'BACKEND_UNAVAILABLE',
      `The NATS server at ${access.url} does not offer JetStream to this user: ${why}. Start it with 'nats-server -js', and check the user's permissions.`,
      { details: { url: access.url }, cause },
    );
  }
}

/**
 * What an earlier version has made keeps its settings until they are changed. Hosts may not do that.
 * @throws if this user may not either
 */
async function updateStreams(manager: JetStreamManager): Promise<void> {
  for (const { name, ...wanted } of [...streams, { name: 'OBJ_maos_blob', max_age: week }]) {
    const { config } = await manager.streams.info(name);
    const isOther = ([key, value]: readonly [string, unknown]): boolean =>
      !isDeepStrictEqual(config[key as keyof StreamConfig], value);
    if (Object.entries(wanted).some(isOther)) await manager.streams.update(name, wanted);
  }
}

async function ensureStream(manager: JetStreamManager, stream: (typeof streams)[number]): Promise<void> {
  try {
    await manager.streams.info(stream.name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.status !== 404) throw error;
    await manager.streams.add({ ...stream, storage: StorageType.File });
  }
}

class NatsFleet implements Fleet {
  readonly home: string | null;
  readonly #keys: KeyPair | null;
  readonly #connection: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #buckets: Buckets;
  readonly #onIgnored: OnIgnored;
  #isUpdated = false;
  readonly #consumers = new Map<string, Consumer>();

  constructor(
    connection: NatsConnection,
    js: JetStreamClient,
    manager: JetStreamManager,
    buckets: Buckets,
    onIgnored: OnIgnored,
    keys: KeyPair | null,
  ) {
    this.home = keys?.getPublicKey() ?? null;
    this.#keys = keys;
    this.#onIgnored = onIgnored;
    this.#connection = connection;
    this.#js = js;
    this.#manager = manager;
    this.#buckets = buckets;
  }

  async offer(offer: Offer): Promise<void> {
    this.#updateStreams();
    const { key, pool } = offer;
    const { sessionId, agentId, attempt } = key;
    await this.#js.publish(`maos.${key.project}.offer.${pool}`, encodeOffer(offer, this.#keys), {
      msgID: `${sessionId}.${agentId}.${attempt}`,
    });
  }

  /** Once, by homes, and beside their work: only the limits of what is stored depend on it. */
  #updateStreams(): void {
    if (this.#isUpdated) return;
    this.#isUpdated = true;
    updateStreams(this.#manager).catch((error: unknown) =>
      this.#onIgnored('that streams of an earlier version keep their settings', error),
    );
  }

  async take(pool: string, waitMs: number, signal: AbortSignal): Promise<TakenOffer | null> {
    const consumer = await this.#consumerOf(pool);
    if (signal.aborted) return null;
    const asked = consumer.next({ expires: Math.max(1_000, waitMs) });
    const { promise: aborted, resolve } = Promise.withResolvers<'aborted'>();
    const abort = (): void => resolve('aborted');
    signal.addEventListener('abort', abort);
    const message = await Promise.race([asked, aborted]).finally(() =>
      signal.removeEventListener('abort', abort),
    );
    if (message === 'aborted') {
      // What still comes is for another host.
      asked.then((late) => late?.nak()).catch(() => 'the server offers it again by itself');
      return null;
    }
    return message === null ? null : takenOf(message);
  }

  async claim(key: AttemptKey, claim: AttemptClaim): Promise<number | null> {
    return unlessChanged(this.#buckets.claims.create(claimKey(key), JSON.stringify(claim)));
  }

  async renew(key: AttemptKey, claim: AttemptClaim, revision: number): Promise<number | null> {
    return unlessChanged(this.#buckets.claims.update(claimKey(key), JSON.stringify(claim), revision));
  }

  async claimOf(key: AttemptKey): Promise<StoredClaim | null> {
    const entry = await this.#buckets.claims.get(claimKey(key));
    return entry === null || entry.operation !== 'PUT'
      ? null
      : { claim: readClaim(entry.json()), revision: entry.revision };
  }

  async desire(key: AttemptKey, wish: Wish): Promise<void> {
    const text = JSON.stringify(wish);
    const most = this.#connection.info?.max_payload ?? 1_048_576;
    if (text.length > most - 1_024) {
      throw new MaosError(
        'RESOURCE_LIMIT_EXCEEDED',
        `The input of agent ${key.agentId} has become too large for the NATS server (${text.length} bytes, at most ${most}).`,
      );
    }
    const { wishes } = this.#buckets;
    for (let isStored = false; !isStored; ) {
      const entry = await wishes.get(claimKey(key));
      if ((this.#wishOf(entry)?.number ?? 0) >= wish.number) return;
      const stored =
        entry === null
          ? wishes.create(claimKey(key), text)
          : wishes.update(claimKey(key), text, entry.revision);
      isStored = (await unlessChanged(stored)) !== null;
    }
  }

  async desired(key: AttemptKey): Promise<Wish | null> {
    return this.#wishOf(await this.#buckets.wishes.get(claimKey(key)));
  }

  /** One that is not valid counts as none: it must not keep the home from cancelling. */
  #wishOf(entry: KvEntry | null): Wish | null {
    if (entry?.operation !== 'PUT') return null;
    try {
      return readWish(entry.json());
    } catch (error) {
      this.#onIgnored('a wish', error);
      return null;
    }
  }

  async wishes(key: AttemptKey, listener: (wish: Wish) => void): Promise<() => void> {
    const entries = await this.#buckets.wishes.watch({ key: claimKey(key), ignoreDeletes: true });
    void this.#each(entries, 'a wish', (entry) => listener(readWish(entry.json())));
    return () => entries.stop();
  }

  async announce(host: HostReport): Promise<void> {
    await this.#buckets.hosts.put(host.name, JSON.stringify(host));
  }

  async hosts(): Promise<readonly HostReport[]> {
    const found: HostReport[] = [];
    for (const name of await this.#lastParts('KV_maos_host', '$KV.maos_host')) {
      const entry = await this.#buckets.hosts.get(name);
      if (entry?.operation !== 'PUT') continue;
      try {
        const host = readHost(entry.json());
        // A user may be permitted to write only the record of its own host.
        if (host.name === name) found.push(host);
        else this.#onIgnored('the report of a host', `it is stored as that of ${name}`);
      } catch (error) {
        this.#onIgnored('the report of a host', error);
      }
    }
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async beat(host: string, incarnation: string): Promise<void> {
    await this.#buckets.beats.put(`${host}.${incarnation}`, '');
  }

  async isBeating(host: string, incarnation: string): Promise<boolean> {
    return (await this.#buckets.beats.get(`${host}.${incarnation}`))?.operation === 'PUT';
  }

  async append(key: AttemptKey, stream: OutputStream, offset: number, bytes: Uint8Array): Promise<void> {
    const given = headers();
    given.set('Offset', String(offset));
    await this.#js.publish(`${subjectOf(key, 'out')}.${shortStream[stream]}`, bytes, {
      headers: given,
      msgID: `${key.sessionId}.${key.agentId}.${key.attempt}.${shortStream[stream]}.${offset}`,
    });
  }

  async appended(key: AttemptKey, stream: OutputStream): Promise<number> {
    const subject = `${subjectOf(key, 'out')}.${shortStream[stream]}`;
    const last = await this.#manager.streams.getMessage(outputs, { last_by_subj: subject });
    return last === null ? 0 : offsetOf(last.header) + last.data.length;
  }

  async tell(key: AttemptKey, fact: HostFact): Promise<void> {
    const { sessionId, agentId, attempt } = key;
    await this.#js.publish(subjectOf(key, 'fact'), JSON.stringify(fact), {
      msgID: `${sessionId}.${agentId}.${attempt}.fact.${factName(fact)}`,
    });
  }

  async follow(key: AttemptKey, listener: AttemptListener): Promise<() => void> {
    const claims = await this.#buckets.claims.watch({ key: claimKey(key), ignoreDeletes: true });
    void this.#each(claims, 'a claim', (entry) =>
      listener.claim({ claim: readClaim(entry.json()), revision: entry.revision }),
    );
    const stops = [
      () => claims.stop(),
      await this.#consume(outputs, `${subjectOf(key, 'out')}.*`, (message) => {
        const stream = message.subject.endsWith('.err') ? 'stderr' : 'stdout';
        listener.output(stream, offsetOf(message.headers), message.data);
      }),
      await this.#consume(facts, subjectOf(key, 'fact'), (message) =>
        listener.fact(readFact(message.json())),
      ),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async put(name: string, content: Uint8Array): Promise<BlobName> {
    await this.#buckets.blobs.putBlob({ name }, content);
    return { name, sha256: createHash('sha256').update(content).digest('hex') };
  }

  async has(name: string): Promise<boolean> {
    return (await this.#buckets.blobs.info(name))?.deleted === false;
  }

  async putFile(name: string, path: string): Promise<BlobName> {
    const digest = createHash('sha256');
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for await (const piece of createReadStream(path)) {
        digest.update(piece);
        yield piece;
      }
    }
    await this.#buckets.blobs.put({ name }, ReadableStream.from(pieces()));
    return { name, sha256: digest.digest('hex') };
  }

  async get(blob: BlobName): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#pieces(blob)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  async getFile(blob: BlobName, path: string): Promise<void> {
    const part = `${path}.part`;
    const file = openSync(part, 'w', fileMode);
    try {
      for await (const piece of this.#pieces(blob)) {
        // At once: the client holds whatever comes meanwhile, and does not make the server wait.
        for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      }
      renameSync(part, path);
    } finally {
      closeSync(file);
      rmSync(part, { force: true });
    }
  }

  /** @throws MaosError INVALID_INPUT, at the latest after the last piece, unless it is what was announced */
  async *#pieces({ name, sha256 }: BlobName): AsyncGenerator<Uint8Array> {
    const found = await this.#buckets.blobs.get(name);
    if (found === null) throw wrongBlob(name, 'is missing');
    const digest = createHash('sha256');
    let length = 0;
    for await (const piece of found.data) {
      length += piece.length;
      // Leaving the loop cancels the rest.
      if (length > maxBlobBytes) throw wrongBlob(name, 'is too large');
      digest.update(piece);
      yield piece;
    }
    const error = await found.error;
    if (error) throw error;
    if (digest.digest('hex') !== sha256) throw wrongBlob(name, 'has another content than announced');
  }

  async forget(key: AttemptKey): Promise<void> {
    await this.#manager.streams.purge(outputs, { filter: `${subjectOf(key, 'out')}.*` });
    await this.#manager.streams.purge(facts, { filter: subjectOf(key, 'fact') });
    await this.#buckets.wishes.purge(claimKey(key));
    await this.#deleteBlobs(`${claimKey(key)}.`);
  }

  async forgetSession({ project, sessionId }: Pick<AttemptKey, 'project' | 'sessionId'>): Promise<void> {
    await this.#manager.streams.purge(outputs, { filter: `maos.${project}.out.${sessionId}.>` });
    await this.#manager.streams.purge(facts, { filter: `maos.${project}.fact.${sessionId}.>` });
    await this.#deleteBlobs(`${project}.${sessionId}.`);
  }

  async #deleteBlobs(beginning: string): Promise<void> {
    for (const part of await this.#lastParts('OBJ_maos_blob', '$O.maos_blob.M')) {
      const name = Buffer.from(part, 'base64url').toString();
      if (name.startsWith(beginning)) await this.#buckets.blobs.delete(name);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #consume(stream: string, filter: string, deliver: (message: JsMsg) => void): Promise<() => void> {
    const consumer = await this.#js.consumers.get(stream, {
      filter_subjects: filter,
      deliver_policy: DeliverPolicy.All,
    });
    const messages = await consumer.consume();
    void this.#each(messages, stream, deliver);
    return () => messages.stop();
  }

  /**
   * What follows a prefix in the subjects of a stream. The client's own `keys` and `list` wait for a last message that
   * may never be known as such, when what they list is written meanwhile.
   */
  async #lastParts(stream: string, prefix: string): Promise<readonly string[]> {
    const { state } = await this.#manager.streams.info(stream, { subjects_filter: `${prefix}.>` });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length + 1));
  }

  /** What is not valid is reported and ignored: whoever can write to the server must not end what listens to it. */
  async #each<T>(messages: AsyncIterable<T>, what: string, deliver: (message: T) => void): Promise<void> {
    try {
      for await (const message of messages) {
        try {
          deliver(message);
        } catch (error) {
          this.#onIgnored(what, error);
        }
      }
    } catch (error) {
      this.#onIgnored(`everything later of ${what}`, error);
    }
  }

  async #consumerOf(pool: string): Promise<Consumer> {
    const known = this.#consumers.get(pool);
    if (known !== undefined) return known;
    const name = `pool-${pool}`;
    await this.#manager.consumers.add(offers, {
      durable_name: name,
      filter_subject: `maos.*.offer.${pool}`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
    });
    const consumer = await this.#js.consumers.get(offers, name);
    this.#consumers.set(pool, consumer);
    return consumer;
  }
}

function wrongBlob(name: string, why: string): MaosError {
  return new MaosError('INVALID_INPUT', `The blob ${quote(name)} on the NATS server ${why}.`);
}

function takenOf(message: JsMsg): TakenOffer {
  let offer: ReturnType<typeof decodeOffer>;
  try {
    offer = decodeOffer(message.json());
  } catch (error) {
    // No host will ever be able to read it.
    message.term();
    throw error;
  }
  return {
    ...offer,
    async accept() {
      if (!(await message.ackAck())) {
        throw new MaosError('INTERNAL', 'The NATS server did not confirm that an offer is taken.');
      }
    },
    async giveBack(delayMs) {
      message.nak(delayMs);
    },
  };
}

function claimKey({ project, sessionId, agentId, attempt }: AttemptKey): string {
  return `${project}.${sessionId}.${agentId}.${attempt}`;
}

function subjectOf({ project, sessionId, agentId, attempt }: AttemptKey, kind: 'out' | 'fact'): string {
  return `maos.${project}.${kind}.${sessionId}.${agentId}.${attempt}`;
}

function offsetOf(given: { get(name: string): string } | undefined): number {
  const offset = Number(given?.get('Offset'));
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new MaosError('INVALID_INPUT', 'A piece of output on the NATS server has no valid offset.');
}

/** Null instead of the error of a compare-and-set that came too late. */
async function unlessChanged(written: Promise<number>): Promise<number | null> {
  const wrongLastSequence = 10_071;
  try {
    return await written;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === wrongLastSequence) return null;
    throw error;
  }
}
