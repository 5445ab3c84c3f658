import type { InstanceId } from '../../domain/ids.ts';

/** The MAOS processes of this machine. */
export interface Instances {
  /** Writes this process down, once; before it owns its first session. */
  announce(): Promise<void>;
  beat(at: string): void;
  /**
   * False when the process is gone for certain. One that cannot be seen from here (of another host, boot or process
   * namespace) counts as alive: only its lease tells. One that never announced itself owns nothing, and counts as gone.
   */
  isAlive(id: InstanceId): Promise<boolean>;
  /** When it was last heard of, whether or not its project's store took its heartbeat; null: it is not known. */
  heardAt(id: InstanceId): string | null;
}
