export interface IdSource {
  /** 26 characters, sortable by time, monotonic within the process. */
  ulid(): string;
  /** Six random characters of a-z and 0-9. */
  suffix(): string;
}
