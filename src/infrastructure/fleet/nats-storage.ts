import { isDeepStrictEqual } from 'node:util';
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { nanos } from '@nats-io/transport-node';

/* Names and settings of streams, buckets and subjects are those that every version of MAOS uses. */

export const offers = 'MAOS_OFFER';
export const outputs = 'MAOS_OUT';
export const facts = 'MAOS_FACT';
const week = nanos(7 * 86_400_000);
const hostTtlMs = 30_000;
const beatTtlMs = 15_000;

const streams: readonly (Pick<StreamConfig, 'name' | 'subjects'> & Partial<StreamConfig>)[] = [
  { name: offers, subjects: ['maos.*.offer.*'], retention: RetentionPolicy.Workqueue },
  { name: outputs, subjects: ['maos.*.out.>'], discard: DiscardPolicy.New, max_age: week },
  { name: facts, subjects: ['maos.*.fact.>'], discard: DiscardPolicy.New, max_age: week },
];

/** What a NATS server stores for MAOS. */
export interface Storage {
  readonly claims: KV;
  readonly hosts: KV;
  readonly beats: KV;
  readonly wishes: KV;
  readonly blobs: ObjectStore;
  /** See {@link eraOf}. */
  readonly era: string;
}

/** Creates what is missing. */
export async function openStorage(js: JetStreamClient, manager: JetStreamManager): Promise<Storage> {
  for (const stream of streams) await ensureStream(manager, stream);
  const kvm = new Kvm(js);
  const file = { storage: StorageType.File, history: 1 };
  return {
    claims: await kvm.create('maos_claim', file),
    hosts: await kvm.create('maos_host', { ...file, ttl: hostTtlMs }),
    beats: await kvm.create('maos_beat', { ...file, ttl: beatTtlMs }),
    wishes: await kvm.create('maos_desired', file),
    blobs: await new Objm(js).create('maos_blob', { storage: StorageType.File, ttl: week }),
    era: await eraOf(manager),
  };
}

/**
 * Changes the settings of streams that an earlier version has created. Hosts are not permitted to.
 * @throws if this user is not permitted either
 */
export async function updateStreams(manager: JetStreamManager): Promise<void> {
  for (const { name, ...wanted } of [...streams, { name: 'OBJ_maos_blob', max_age: week }]) {
    const { config } = await manager.streams.info(name);
    const isOther = ([key, value]: readonly [string, unknown]): boolean =>
      !isDeepStrictEqual(config[key as keyof StreamConfig], value);
    if (Object.entries(wanted).some(isOther)) await manager.streams.update(name, wanted);
  }
}

/** The time when the bucket of claims was created. With a new bucket, no earlier claim counts. */
export async function eraOf(manager: JetStreamManager): Promise<string> {
  return (await manager.streams.info('KV_maos_claim')).created;
}

async function ensureStream(manager: JetStreamManager, stream: (typeof streams)[number]): Promise<void> {
  try {
    await manager.streams.info(stream.name);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await manager.streams.add({ ...stream, storage: StorageType.File });
  }
}

/** Whether the error says that the server has no such stream. */
export function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.status === 404;
}
