import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { KV, KvEntry } from '@nats-io/kv';
import { errors, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
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
  type Offer,
  type OfferTerms,
  type StoredClaim,
  type TakenOffer,
  type Wish,
} from '../../application/ports/fleet.ts';
import { MaosError } from '../../domain/errors.ts';
import { fileMode } from '../files/disk/folders.ts';
import { readClaim, readFact, readHost, readWish } from './messages.ts';
import { piecesOf } from './nats-blobs.ts';
import { connectToNats, type KeyPair, keysOf, type NatsAccess } from './nats-connection.ts';
import {
  eraOf,
  facts,
  isMissing,
  offers,
  openStorage,
  outputs,
  type Storage,
  updateStreams,
} from './nats-storage.ts';
import { decodeOffer, encodeOffer } from './signed-offers.ts';
import { Subscriptions } from './subscriptions.ts';

const ackWaitMs = 30_000;
const againMs = 500;

const shortStream = { stdout: 'out', stderr: 'err' } as const satisfies Record<OutputStream, string>;

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
    const js = jetstream(connection);
    return new NatsFleet(connection, js, manager, await openStorage(js, manager), onIgnored, keysOf(access));
  } catch (cause) {
    await connection.close();
    throw unusable(access, cause);
  }
}

function unusable({ url }: NatsAccess, cause: unknown): MaosError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const isSilent = cause instanceof errors.TimeoutError || cause instanceof errors.ClosedConnectionError;
  const text = isSilent
    ? `The NATS server at ${url} took the connection, and then did not answer: ${why}. It may have ended meanwhile, or be overloaded.`
    : `The NATS server at ${url} does not offer JetStream to this user: ${why}. Start it with 'nats-server -js', and check the user's permissions.`;
  return new MaosError('BACKEND_UNAVAILABLE', text, { details: { url }, cause });
}

/** How much of an output the server has. */
interface OutputEnd {
  readonly bytes: number;
  /** Sequence number of the last message; 0: there is none. */
  readonly sequence: number;
}

class NatsFleet implements Fleet {
  readonly home: string | null;
  readonly #keys: KeyPair | null;
  readonly #connection: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #onIgnored: OnIgnored;
  #isUpdated = false;
  readonly #subscriptions = new Subscriptions();
  readonly #consumers = new Map<string, Consumer>();
  /** The ends of outputs that this connection appends to, by subject. */
  readonly #ends = new Map<string, OutputEnd>();
  #storage: Storage;
  #recovering: Promise<void> | null = null;
  #mustRecover = false;
  /** Aborts when the server may have forgotten requests that it has not answered. */
  #break = new AbortController();

  constructor(
    connection: NatsConnection,
    js: JetStreamClient,
    manager: JetStreamManager,
    storage: Storage,
    onIgnored: OnIgnored,
    keys: KeyPair | null,
  ) {
    this.home = keys?.getPublicKey() ?? null;
    this.#keys = keys;
    this.#onIgnored = onIgnored;
    this.#connection = connection;
    this.#js = js;
    this.#manager = manager;
    this.#storage = storage;
    void this.#watchConnection();
  }

  async era(): Promise<string> {
    try {
      const era = await eraOf(this.#manager);
      if (era !== this.#storage.era) await this.#recover();
      return era;
    } catch (error) {
      if (isMissing(error)) void this.#recover();
      throw error;
    }
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) if (type === 'reconnect') void this.#recover();
  }

  /** The server may have been restarted, with or without its data. */
  #recover(): Promise<void> {
    this.#mustRecover = true;
    this.#recovering ??= this.#tryToRecover().finally(() => {
      this.#recovering = null;
    });
    return this.#recovering;
  }

  async #tryToRecover(): Promise<void> {
    let isSaid = false;
    while (this.#mustRecover && !this.#connection.isClosed()) {
      this.#mustRecover = false;
      try {
        this.#storage = await openStorage(this.#js, this.#manager);
        this.#consumers.clear();
        this.#ends.clear();
        await this.#subscriptions.renew();
        this.#break.abort();
        this.#break = new AbortController();
      } catch (error) {
        this.#mustRecover = true;
        if (!isSaid) this.#onIgnored('a NATS server that does not offer JetStream yet', error);
        isSaid = true;
        await new Promise((resolve) => setTimeout(resolve, againMs));
      }
    }
  }

  async offer(offer: Offer, terms: OfferTerms | null = null): Promise<void> {
    this.#updateStreams();
    const { key, pool } = offer;
    const { sessionId, agentId, attempt } = key;
    const content = encodeOffer(offer, terms, this.#keys);
    const digest = createHash('sha256').update(JSON.stringify(terms)).digest('hex').slice(0, 16);
    await this.#js.publish(`maos.${key.project}.offer.${pool}`, content, {
      msgID: `${sessionId}.${agentId}.${attempt}.${digest}`,
    });
  }

  /** Homes do it once, without waiting for it, because only the limits of the storage depend on it. */
  #updateStreams(): void {
    if (this.#isUpdated) return;
    this.#isUpdated = true;
    updateStreams(this.#manager).catch((error: unknown) =>
      this.#onIgnored('that streams of an earlier version keep their settings', error),
    );
  }

  async take(pool: string, waitMs: number, signal: AbortSignal): Promise<TakenOffer | null> {
    const { era } = this.#storage;
    const signals = [signal, this.#break.signal];
    const consumer = await this.#consumerOf(pool);
    if (signals.some(({ aborted }) => aborted)) return null;
    const asked = consumer.next({ expires: Math.max(1_000, waitMs) });
    const { promise: aborted, resolve } = Promise.withResolvers<'aborted'>();
    const abort = (): void => resolve('aborted');
    for (const each of signals) each.addEventListener('abort', abort);
    try {
      const message = await Promise.race([asked, aborted]);
      if (message !== 'aborted') return message === null ? null : this.#taken(message, era);
      // An offer that still arrives is returned for another host.
      asked.then((late) => late?.nak()).catch(() => 'the server offers it again by itself');
      return null;
    } catch (error) {
      this.#consumers.delete(pool);
      throw error;
    } finally {
      for (const each of signals) each.removeEventListener('abort', abort);
    }
  }

  #taken(message: JsMsg, era: string): TakenOffer {
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
      accept: async () => {
        if (await message.ackAck().catch(() => false)) return;
        // The server may have lost the queue, and the offer with it.
        if ((await this.era()) === era)
          throw new MaosError('INTERNAL', 'The NATS server did not confirm that an offer is taken.');
      },
      giveBack: async (delayMs) => message.nak(delayMs),
    };
  }

  async claim(key: AttemptKey, claim: AttemptClaim): Promise<number | null> {
    const create = (): Promise<number | null> =>
      unlessChanged(this.#storage.claims.create(claimKey(key), JSON.stringify(claim)));
    const revision = await create();
    if (revision !== null || (await this.claimOf(key)) !== null) return revision;
    return create();
  }

  async unclaim(key: AttemptKey, revision: number): Promise<void> {
    await unlessChanged(
      this.#storage.claims.delete(claimKey(key), { previousSeq: revision }).then(() => revision),
    );
  }

  async renew(key: AttemptKey, claim: AttemptClaim, revision: number): Promise<number | null> {
    return unlessChanged(this.#storage.claims.update(claimKey(key), JSON.stringify(claim), revision));
  }

  async claimOf(key: AttemptKey): Promise<StoredClaim | null> {
    const entry = await this.#storage.claims.get(claimKey(key));
    return entry === null || entry.operation !== 'PUT'
      ? null
      : this.#ifCounts(key, { claim: readClaim(entry.json()), revision: entry.revision });
  }

  /** Removes a claim whose era is over. */
  async #ifCounts(key: AttemptKey, stored: StoredClaim): Promise<StoredClaim | null> {
    const { era } = stored.claim;
    if (era === undefined || era === (await this.era())) return stored;
    await this.unclaim(key, stored.revision);
    return null;
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
    const { wishes } = this.#storage;
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
    return this.#wishOf(await this.#storage.wishes.get(claimKey(key)));
  }

  /** An invalid wish counts as none, because it must not keep the home from cancelling. */
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
    return this.#watch(
      'a wish',
      key,
      ({ wishes }) => wishes,
      (entry) => listener(readWish(entry.json())),
    );
  }

  async announce(host: HostReport): Promise<void> {
    await this.#storage.hosts.put(host.name, JSON.stringify(host));
  }

  async hosts(): Promise<readonly HostReport[]> {
    const found: HostReport[] = [];
    for (const name of await this.#lastParts('KV_maos_host', '$KV.maos_host')) {
      const entry = await this.#storage.hosts.get(name);
      if (entry?.operation !== 'PUT') continue;
      try {
        const host = readHost(entry.json());
        // A host that may write only the record with its own name must not report for another.
        if (host.name === name) found.push(host);
        else this.#onIgnored('the report of a host', `it is stored as that of ${name}`);
      } catch (error) {
        this.#onIgnored('the report of a host', error);
      }
    }
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async beat(host: string, incarnation: string, era: string): Promise<void> {
    await this.#storage.beats.put(`${host}.${incarnation}`, era);
  }

  async lastBeat(host: string, incarnation: string): Promise<string | null> {
    const entry = await this.#storage.beats.get(`${host}.${incarnation}`);
    return entry?.operation === 'PUT' ? entry.string() : null;
  }

  async append(key: AttemptKey, stream: OutputStream, offset: number, bytes: Uint8Array): Promise<void> {
    const subject = `${subjectOf(key, 'out')}.${shortStream[stream]}`;
    const end = this.#ends.get(subject) ?? (await this.#endOf(subject));
    if (offset + bytes.length <= end.bytes) return;
    if (offset !== end.bytes) throw new Error(`The NATS server has this output up to byte ${end.bytes}.`);
    const given = headers();
    given.set('Offset', String(offset));
    this.#ends.delete(subject);
    const { seq } = await this.#js.publish(subject, bytes, {
      headers: given,
      // Prevents gaps, whatever the server has forgotten meanwhile. No `msgID`, because the server would confirm a
      // longer piece from the same offset but keep the first one.
      expect: { lastSubjectSequence: end.sequence },
    });
    this.#ends.set(subject, { bytes: offset + bytes.length, sequence: seq });
  }

  async appended(key: AttemptKey, stream: OutputStream): Promise<number> {
    const subject = `${subjectOf(key, 'out')}.${shortStream[stream]}`;
    const end = await this.#endOf(subject);
    this.#ends.set(subject, end);
    return end.bytes;
  }

  async #endOf(subject: string): Promise<OutputEnd> {
    const last = await this.#manager.streams.getMessage(outputs, { last_by_subj: subject });
    if (last === null) return { bytes: 0, sequence: 0 };
    return { bytes: offsetOf(last.header) + last.data.length, sequence: last.seq };
  }

  async tell(key: AttemptKey, fact: HostFact): Promise<void> {
    const { sessionId, agentId, attempt } = key;
    await this.#js.publish(subjectOf(key, 'fact'), JSON.stringify(fact), {
      msgID: `${sessionId}.${agentId}.${attempt}.fact.${factName(fact)}`,
    });
  }

  async follow(key: AttemptKey, listener: AttemptListener): Promise<() => void> {
    const stops: (() => void)[] = [];
    const stop = (): void => {
      for (const each of stops) each();
    };
    try {
      const claim = (entry: KvEntry): void => {
        const stored = { claim: readClaim(entry.json()), revision: entry.revision };
        if (stored.claim.era === undefined) listener.claim(stored);
        else
          this.#ifCounts(key, stored).then(
            (counts) => counts !== null && listener.claim(counts),
            (error: unknown) => this.#onIgnored('a claim of an era', error),
          );
      };
      stops.push(await this.#watch('a claim', key, ({ claims }) => claims, claim));
      const output = (message: JsMsg): void => {
        const stream = message.subject.endsWith('.err') ? 'stderr' : 'stdout';
        listener.output(stream, offsetOf(message.headers), message.data);
      };
      stops.push(await this.#consume(outputs, `${subjectOf(key, 'out')}.*`, output));
      const fact = (message: JsMsg): void => listener.fact(readFact(message.json()));
      stops.push(await this.#consume(facts, subjectOf(key, 'fact'), fact));
      return stop;
    } catch (error) {
      stop();
      throw error;
    }
  }

  async put(name: string, content: Uint8Array): Promise<BlobName> {
    await this.#storage.blobs.putBlob({ name }, content);
    return { name, sha256: createHash('sha256').update(content).digest('hex') };
  }

  async has(name: string): Promise<boolean> {
    return (await this.#storage.blobs.info(name))?.deleted === false;
  }

  async putFile(name: string, path: string): Promise<BlobName> {
    const digest = createHash('sha256');
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for await (const piece of createReadStream(path)) {
        digest.update(piece);
        yield piece;
      }
    }
    await this.#storage.blobs.put({ name }, ReadableStream.from(pieces()));
    return { name, sha256: digest.digest('hex') };
  }

  async get(blob: BlobName): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of piecesOf(this.#storage.blobs, blob)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  async getFile(blob: BlobName, path: string): Promise<void> {
    const part = `${path}.part`;
    const file = openSync(part, 'w', fileMode);
    try {
      for await (const piece of piecesOf(this.#storage.blobs, blob)) {
        // Synchronous, because the client buffers what arrives meanwhile without making the server wait.
        for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      }
      renameSync(part, path);
    } finally {
      closeSync(file);
      rmSync(part, { force: true });
    }
  }

  async forget(key: AttemptKey): Promise<void> {
    await this.#manager.streams.purge(outputs, { filter: `${subjectOf(key, 'out')}.*` });
    await this.#manager.streams.purge(facts, { filter: subjectOf(key, 'fact') });
    await this.#storage.wishes.purge(claimKey(key));
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
      if (name.startsWith(beginning)) await this.#storage.blobs.delete(name);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #watch(
    what: string,
    key: AttemptKey,
    bucketOf: (storage: Storage) => KV,
    deliver: (entry: KvEntry) => void,
  ): Promise<() => void> {
    return this.#subscriptions.add(async () => {
      const entries = await bucketOf(this.#storage).watch({ key: claimKey(key), ignoreDeletes: true });
      void this.#each(entries, what, deliver);
      return () => entries.stop();
    });
  }

  #consume(stream: string, filter: string, deliver: (message: JsMsg) => void): Promise<() => void> {
    let last = { sequence: 0, era: '' };
    return this.#subscriptions.add(async () => {
      const { era } = this.#storage;
      const from =
        last.era === era && last.sequence > 0
          ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last.sequence + 1 }
          : { deliver_policy: DeliverPolicy.All };
      const consumer = await this.#js.consumers.get(stream, { filter_subjects: filter, ...from });
      const messages = await consumer.consume();
      let isCurrent = true;
      void this.#each(messages, stream, (message) => {
        if (!isCurrent) return;
        last = { sequence: message.seq, era };
        deliver(message);
      });
      return () => {
        isCurrent = false;
        messages.stop();
      };
    });
  }

  /**
   * What follows a prefix in the subjects of a stream. The client's own `keys` and `list` may wait for ever when a key
   * is written meanwhile, because they then miss the last message.
   */
  async #lastParts(stream: string, prefix: string): Promise<readonly string[]> {
    const { state } = await this.#manager.streams.info(stream, { subjects_filter: `${prefix}.>` });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length + 1));
  }

  /** Reports and ignores invalid messages, because whoever can write to the server must not end the subscriptions. */
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

/** Null if the compare-and-set failed because the value has changed. */
async function unlessChanged(written: Promise<number>): Promise<number | null> {
  const wrongLastSequence = 10_071;
  try {
    return await written;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === wrongLastSequence) return null;
    throw error;
  }
}
