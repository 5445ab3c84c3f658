/** A process of this home that serves HTTP on this machine. */
export interface HttpServer {
  readonly pid: number;
  readonly port: number;
}

export interface StoppedServer {
  readonly pid: number;
  /** False: it is still ending. */
  readonly isGone: boolean;
}
