import type { InstanceId } from '../../domain/ids.ts';

/** The MAOS instances of this machine. */
export interface Instances {
  /** Registers this process, once; call it before it owns its first session. */
  announce(): Promise<void>;
  beat(at: string): void;
  /**
   * False if the process has certainly ended. One that is not visible from here (another host, boot or process
   * namespace) counts as alive, so only its lease counts. One that was never registered owns nothing, and counts as
   * ended.
   */
  isAlive(id: InstanceId): Promise<boolean>;
  /** Its last heartbeat, even if its project's store was locked; null if unknown. */
  heardAt(id: InstanceId): string | null;
}
