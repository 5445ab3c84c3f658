-- The complete current schema of MAOS. Databases are built only by the numbered migrations in
-- src/infrastructure/sqlite/migrations.ts; a test checks that this file matches them. Change both together.
--
-- Times are ISO 8601 in UTC, with milliseconds and Z, so that they compare as text. JSON is stored as text.
-- Ids sort by time (ULID), so 'newest first' is 'by id, descending'.

-- project.db
-- One per project: ~/.maos/projects/{workspace-hash}/project.db. PRAGMA user_version = 20.

-- The project that the file belongs to, as one row. Maps the folder's hash to its path.
CREATE TABLE projects (
  hash       TEXT NOT NULL PRIMARY KEY,  -- SHA-256 of the canonical path
  path       TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- MAOS processes that own or owned sessions. Leases are valid as long as their owner's heartbeat is recent.
CREATE TABLE owners (
  instance_id    TEXT    NOT NULL PRIMARY KEY,
  heartbeat_at   TEXT    NOT NULL,
  -- 1: it exits on purpose, and has started a process that adopts its sessions.
  exit_announced INTEGER NOT NULL DEFAULT 0 CHECK (exit_announced IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id                  TEXT    NOT NULL PRIMARY KEY,
  project_hash        TEXT    NOT NULL REFERENCES projects (hash),
  state               TEXT    NOT NULL
                      CHECK (state IN ('created', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  strategy            TEXT    NOT NULL CHECK (strategy IN ('parallel', 'sequential', 'pipeline', 'adaptive')),
  failure_policy      TEXT    NOT NULL CHECK (failure_policy IN ('continue', 'fail_fast')),
  on_exit             TEXT    NOT NULL CHECK (on_exit IN ('stop', 'keep')),
  max_concurrency     INTEGER,                     -- null: no limit for this session
  max_agents_per_role INTEGER,                     -- null: no limit for this session
  depth               INTEGER NOT NULL,            -- 0: not started by an agent
  pause_reason        TEXT    CHECK (pause_reason IN ('user', 'interrupted', 'quota')),
  resume_at           TEXT,
  created_at          TEXT    NOT NULL,
  started_at          TEXT,
  ended_at            TEXT,
  -- The lease: only the owner of the current epoch may change the session. Every new owner increments the epoch.
  owner_id            TEXT    REFERENCES owners (instance_id),
  owner_epoch         INTEGER NOT NULL,
  -- What another process has requested from the owner; cleared when the session ends.
  desired             TEXT    CHECK (desired IN ('running', 'paused', 'cancelled')),
  desired_reason      TEXT,
  objective           TEXT    NOT NULL,            -- after the short columns, because it may be long
  budget              TEXT    CHECK (json_valid(budget)),  -- limits for all agents together; null: none
  -- 1: the owner announced its exit, and the process that adopts the session must stop it.
  exiting             INTEGER NOT NULL DEFAULT 0 CHECK (exiting IN (0, 1)),
  folder              TEXT,                        -- where its agents work; null: the project's own folder
  -- The agent that started the session, of any project; all null: a person or client started it.
  parent_session_id   TEXT,
  parent_agent_id     TEXT,
  on_parent_end       TEXT    CHECK (on_parent_end IN ('cancel', 'keep')),
  -- Milliseconds since started_at during which the session did not run, because the machine slept or its clock was set;
  -- negative: the clock was set back.
  inactive_ms         INTEGER NOT NULL DEFAULT 0,
  options             TEXT    CHECK (json_valid(options)),   -- fields that no query filters by; null: none
  -- A request with the same key and plan gets this session; both null: every request starts another one.
  idempotency_key     TEXT,
  plan_digest         TEXT    CHECK ((plan_digest IS NULL) = (idempotency_key IS NULL)),  -- SHA-256 of the plan as asked for
  CHECK ((state = 'paused') = (pause_reason IS NOT NULL)),
  CHECK (state = 'paused' OR resume_at IS NULL),
  CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
  CHECK ((desired IS NULL) = (desired_reason IS NULL))
) STRICT;

-- For lists by state, and unfinished sessions.
CREATE INDEX sessions_by_state ON sessions (state, id);
-- For requests to an owner, and owners without sessions.
CREATE INDEX sessions_by_owner ON sessions (owner_id, desired) WHERE owner_id IS NOT NULL;
-- For pauses that end by themselves.
CREATE INDEX sessions_due ON sessions (resume_at) WHERE resume_at IS NOT NULL;
-- For the teams that an agent started, when it ends, pauses or continues.
CREATE INDEX sessions_by_parent ON sessions (parent_agent_id) WHERE parent_agent_id IS NOT NULL;
-- One session per key, even if several processes are asked at once.
CREATE UNIQUE INDEX sessions_by_key ON sessions (idempotency_key) WHERE idempotency_key IS NOT NULL;
-- For the sessions that land a session's work. An option that is a JSON document is itself stored as text.
CREATE INDEX sessions_by_landed ON sessions (json_extract(json_extract(options, '$.landing'), '$.sessionId'))
  WHERE instr(options, 'landing');

CREATE TABLE agents (
  id                       TEXT    NOT NULL PRIMARY KEY,
  session_id               TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  position                 INTEGER NOT NULL,       -- in the plan, from 0
  state                    TEXT    NOT NULL
                           CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'resumable')),
  -- Usage that the backend reported; all null: nothing reported yet.
  usage_input_tokens       INTEGER,
  usage_output_tokens      INTEGER,
  usage_cache_read_tokens  INTEGER,
  usage_cache_write_tokens INTEGER,
  usage_turns              INTEGER,
  usage_cost_usd           REAL,                   -- null: the backend reports no cost
  phase                    INTEGER NOT NULL,       -- phases.idx
  attempt                  INTEGER NOT NULL,       -- number of starts
  name                     TEXT    NOT NULL,
  role                     TEXT    NOT NULL,
  role_custom              TEXT    CHECK (json_valid(role_custom)),  -- {description, responsibilities, file?}; null: predefined
  ordinal                  INTEGER NOT NULL,       -- 1 for the first agent of its role
  instance                 TEXT    NOT NULL,
  backend                  TEXT    NOT NULL,
  command                  TEXT    CHECK (json_valid(command)),      -- array (program, arguments) or string (sh line)
  model                    TEXT,
  workspace                TEXT    NOT NULL CHECK (workspace IN ('project', 'own', 'worktree')),
  timeout_ms               INTEGER NOT NULL,
  max_memory_mb            INTEGER NOT NULL,
  conversation             TEXT,                   -- the backend's own id, to resume with
  started_at               TEXT,
  ended_at                 TEXT,
  failure_kind             TEXT,                   -- no CHECK, so that a new kind needs no new table
  failure_message          TEXT,
  failure_stderr_tail      TEXT,
  result                   TEXT,                   -- its own summary, given to agents that depend on it
  task                     TEXT    NOT NULL,
  budget                   TEXT    CHECK (json_valid(budget)),        -- its own limits; null: none
  usage_before             TEXT    CHECK (json_valid(usage_before)),  -- usage of attempts before the current one
  resumed                  TEXT,                   -- the conversation that the current attempt continues
  not_before               TEXT,                   -- its provider refuses it until then
  postponed                INTEGER NOT NULL DEFAULT 0,                -- number of consecutive refusals
  -- What another process has requested from the owner for this agent.
  desired                  TEXT    CHECK (desired IN ('pending', 'cancelled')),
  desired_reason           TEXT,
  lingering                TEXT    CHECK (json_valid(lingering)),     -- {background, until}: its processes outlive its result
  denials                  TEXT    CHECK (json_valid(denials)),       -- {count, shown}: actions that were denied to its CLI
  -- Stage while it is running, otherwise null. A running MAOS of an earlier version does not write it.
  stage                    TEXT    CHECK (stage IN ('preparing', 'executing', 'verifying', 'awaiting', 'collecting')),
  inactive_ms              INTEGER NOT NULL DEFAULT 0,                -- as in sessions, for the current or last attempt
  options                  TEXT    CHECK (json_valid(options)),       -- fields of the plan that no query filters by
  subagents                INTEGER NOT NULL DEFAULT 0,                -- started by its CLI in that attempt, as far as reported
  UNIQUE (session_id, position),
  UNIQUE (session_id, name),
  CHECK ((failure_kind IS NULL) = (failure_message IS NULL)),
  CHECK ((failure_kind IS NULL) = (failure_stderr_tail IS NULL)),
  CHECK ((usage_turns IS NULL) = (usage_input_tokens IS NULL)),
  CHECK ((usage_turns IS NULL) = (usage_output_tokens IS NULL)),
  CHECK ((usage_turns IS NULL) = (usage_cache_read_tokens IS NULL)),
  CHECK ((usage_turns IS NULL) = (usage_cache_write_tokens IS NULL)),
  CHECK (usage_turns IS NOT NULL OR usage_cost_usd IS NULL)
) STRICT;

-- For requests for single agents.
CREATE INDEX agents_desired ON agents (session_id) WHERE desired IS NOT NULL;

-- agent_id may start only after depends_on_id has completed.
CREATE TABLE agent_dependencies (
  agent_id      TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  depends_on_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  PRIMARY KEY (agent_id, depends_on_id),
  CHECK (agent_id <> depends_on_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX agent_dependencies_by_upstream ON agent_dependencies (depends_on_id);

-- Progress of the plan's phases. Agents of the same phase may run at the same time.
CREATE TABLE phases (
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  idx        INTEGER NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('planned', 'running', 'completed', 'failed', 'skipped')),
  PRIMARY KEY (session_id, idx)
) STRICT, WITHOUT ROWID;

-- The event log: appended in the transaction that makes the change, never changed. No foreign key on agent_id, because
-- the log is self-contained, and the foreign key would need another index on the largest table.
CREATE TABLE events (
  -- Position among all events of the project, in the order they were stored. AUTOINCREMENT, so that positions of
  -- removed events are never reused, and followers of the project can recognize new events by position.
  place      INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL CHECK (seq >= 1),    -- from 1 within the session, without gaps
  type       TEXT    NOT NULL,
  agent_id   TEXT,
  at         TEXT    NOT NULL,
  hash       TEXT    NOT NULL,                     -- of the previous event's hash and this event: event-hash.ts
  data       TEXT    NOT NULL CHECK (json_valid(data)),
  UNIQUE (session_id, seq)
) STRICT;

-- Files that agents created. A changed file is recorded again with the next revision.
CREATE TABLE artifacts (
  session_id  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  path        TEXT    NOT NULL,                    -- relative to the session's folder
  revision    INTEGER NOT NULL CHECK (revision >= 1),
  size_bytes  INTEGER NOT NULL,
  sha256      TEXT    NOT NULL,
  agent_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,  -- null: several agents may have created it
  candidates  TEXT    NOT NULL CHECK (json_valid(candidates)),   -- names of the agents that may have
  recorded_at TEXT    NOT NULL,
  PRIMARY KEY (session_id, path, revision)
) STRICT, WITHOUT ROWID;

CREATE INDEX artifacts_by_agent ON artifacts (agent_id) WHERE agent_id IS NOT NULL;

-- Messages between agents, people and clients.
CREATE TABLE messages (
  place           INTEGER PRIMARY KEY,             -- the order in which messages were stored
  id              TEXT    NOT NULL UNIQUE,
  session_id      TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  sender_id       TEXT    REFERENCES agents (id) ON DELETE CASCADE,      -- null: from outside the team
  recipient_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,      -- null: to outside the team
  reply_to        TEXT    REFERENCES messages (id) ON DELETE SET NULL,
  broadcast_id    TEXT,                            -- shared by the messages of one broadcast
  correlation_id  TEXT,
  state           TEXT    NOT NULL
                  CHECK (state IN ('queued', 'delivered', 'acknowledged', 'expired', 'dead')),
  type            TEXT    NOT NULL,
  schema_version  INTEGER NOT NULL,
  attempt         INTEGER NOT NULL,                -- number of deliveries
  max_attempts    INTEGER NOT NULL,
  via             TEXT,                            -- way of the last delivery; while queued, the way it is claimed for
  agent_attempt   INTEGER,                         -- the recipient's attempt that it is claimed for, or was seen in
  queued_at       TEXT    NOT NULL,
  expires_at      TEXT,                            -- not delivered after this time
  available_at    TEXT,                            -- while queued: not delivered before this time
  delivered_at    TEXT,                            -- time of the last delivery
  lease_until     TEXT,                            -- while leased: queued again unless acknowledged by then
  acknowledged_at TEXT,
  dead_at         TEXT,
  dead_reason     TEXT,
  last_trouble    TEXT,                            -- why the last delivery failed
  -- Number of changes, and the newest of them that the recipient's messages.jsonl contains.
  revision        INTEGER NOT NULL,
  recorded        INTEGER NOT NULL,
  content_type    TEXT    NOT NULL,
  subject         TEXT    NOT NULL,
  body            TEXT    NOT NULL,
  CHECK ((state = 'queued') = (available_at IS NOT NULL)),
  CHECK ((state = 'delivered' AND via = 'lease') = (lease_until IS NOT NULL)),
  CHECK ((attempt = 0) = (delivered_at IS NULL)),
  CHECK (state IN ('queued', 'expired', 'dead') OR (attempt > 0 AND via IS NOT NULL)),
  CHECK (via IS NOT NULL OR agent_attempt IS NULL),
  CHECK (state <> 'expired' OR expires_at IS NOT NULL),
  CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL)),
  CHECK ((state = 'dead') = (dead_at IS NOT NULL)),
  CHECK ((dead_at IS NULL) = (dead_reason IS NULL))
) STRICT;

CREATE INDEX messages_by_session ON messages (session_id, id);
CREATE INDEX messages_by_recipient ON messages (recipient_id, state);
CREATE INDEX messages_by_sender ON messages (sender_id, queued_at) WHERE sender_id IS NOT NULL;
CREATE INDEX messages_by_reply ON messages (reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX messages_by_broadcast ON messages (broadcast_id) WHERE broadcast_id IS NOT NULL;
-- For a recipient's next messages; leases and deadlines that expire; messages that messages.jsonl lacks.
CREATE INDEX messages_due ON messages (session_id, recipient_id, available_at) WHERE state = 'queued' AND via IS NULL;
CREATE INDEX messages_leased ON messages (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX messages_expiring ON messages (expires_at)
  WHERE state = 'queued' AND via IS NULL AND expires_at IS NOT NULL;
CREATE INDEX messages_unrecorded ON messages (recipient_id) WHERE recorded < revision;

-- Requests of agents to people: permissions and questions.
CREATE TABLE input_requests (
  id          TEXT    NOT NULL PRIMARY KEY,
  session_id  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  agent_id    TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  attempt     INTEGER NOT NULL,
  request_key TEXT    NOT NULL,                        -- the CLI's own id of the request
  kind        TEXT    NOT NULL CHECK (kind IN ('permission', 'question')),
  state       TEXT    NOT NULL CHECK (state IN ('open', 'answered', 'expired', 'withdrawn')),
  tool        TEXT,                                    -- null: a question
  asked_at    TEXT    NOT NULL,
  expires_at  TEXT    NOT NULL,
  closed_at   TEXT,
  choices     TEXT    NOT NULL CHECK (json_valid(choices)),
  answered_by TEXT    CHECK (json_valid(answered_by)),
  action      TEXT    NOT NULL,
  reason      TEXT,
  answer      TEXT    CHECK (json_valid(answer)),
  UNIQUE (agent_id, attempt, request_key),
  CHECK ((state = 'open') = (closed_at IS NULL)),
  CHECK ((state = 'answered') = (answer IS NOT NULL)),
  CHECK ((state = 'answered') = (answered_by IS NOT NULL))
) STRICT;

CREATE INDEX input_requests_by_session ON input_requests (session_id, id);
-- For the requests that expire next.
CREATE INDEX input_requests_open ON input_requests (expires_at) WHERE state = 'open';

-- Paths that agents have claimed in the project. A claim is valid until expires_at or the end of its agent.
CREATE TABLE path_claims (
  id         INTEGER PRIMARY KEY,
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  agent_id   TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  attempt    INTEGER NOT NULL,
  path       TEXT    NOT NULL,                    -- absolute; may contain *, ? and **
  claimed_at TEXT    NOT NULL,
  expires_at TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  UNIQUE (agent_id, path)
) STRICT;

CREATE INDEX path_claims_by_session ON path_claims (session_id);

-- The claims of which an agent has already been informed, per path.
CREATE TABLE path_claim_notices (
  claim_id INTEGER NOT NULL REFERENCES path_claims (id) ON DELETE CASCADE,
  agent_id TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  attempt  INTEGER NOT NULL,
  path     TEXT    NOT NULL,
  PRIMARY KEY (claim_id, agent_id, attempt, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX path_claim_notices_by_agent ON path_claim_notices (agent_id);

-- Copies of a session's state on disk, from which the session can be restored.
CREATE TABLE checkpoints (
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL CHECK (seq >= 1),
  reason     TEXT    NOT NULL,
  path       TEXT    NOT NULL,                     -- relative to the session's folder
  created_at TEXT    NOT NULL,
  PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;

-- Sessions that are runs of the Agent Communication Protocol, with their input.
CREATE TABLE acp_runs (
  session_id  TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  acp_session TEXT NOT NULL,                       -- UUID, shared by the runs of one conversation
  input       TEXT NOT NULL CHECK (json_valid(input))  -- Message[], in the form that clients read
) STRICT, WITHOUT ROWID;

CREATE INDEX acp_runs_by_session ON acp_runs (acp_session, session_id);

-- Notifications that a command or webhook of the user has yet to receive, and those that MAOS gave up on. Stored in the
-- transaction of their event, and removed once sent.
CREATE TABLE notifications (
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL,                     -- of the event
  way        TEXT    NOT NULL CHECK (way IN ('command', 'webhook')),
  tries      INTEGER NOT NULL DEFAULT 0,
  due_at     TEXT    NOT NULL,                     -- not sent before this time
  claimed_by TEXT,                                 -- the instance that sends it; null: the session's owner, or any if it has none
  reason     TEXT,                                 -- why the last try failed
  failed_at  TEXT,                                 -- when MAOS gave up on it; null: it has not
  PRIMARY KEY (session_id, seq, way)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_waiting ON notifications (due_at) WHERE failed_at IS NULL;
CREATE INDEX notifications_failed ON notifications (failed_at) WHERE failed_at IS NOT NULL;

-- instances.db
-- One for all projects: ~/.maos/instances.db. PRAGMA user_version = 3.
-- Pid, start time, boot id and place together identify a process, because the system reuses pids. The place is the host
-- and its process namespace; only there can MAOS see that the process has ended.

-- Running MAOS processes.
CREATE TABLE instances (
  id           TEXT    NOT NULL PRIMARY KEY,
  pid          INTEGER NOT NULL,
  start_time   TEXT    NOT NULL,
  boot_id      TEXT    NOT NULL,
  version      TEXT    NOT NULL,
  port         INTEGER,                            -- null: no HTTP
  workspace    TEXT    NOT NULL,
  started_at   TEXT    NOT NULL,
  heartbeat_at TEXT    NOT NULL,
  place        TEXT                                -- null: written by an earlier version
) STRICT;

-- Agents that run on this machine, of all MAOS processes. No foreign key on instance_id, because an agent may outlive
-- its MAOS process and still use the machine.
CREATE TABLE agent_slots (
  agent_id    TEXT NOT NULL PRIMARY KEY,
  instance_id TEXT NOT NULL,
  session_id  TEXT NOT NULL,
  taken_at    TEXT NOT NULL,
  -- The agent's own process; null until it has one.
  pid         INTEGER,
  start_time  TEXT,
  boot_id     TEXT,
  place       TEXT,
  CHECK ((pid IS NULL) = (start_time IS NULL)),
  CHECK ((pid IS NULL) = (boot_id IS NULL))
) STRICT, WITHOUT ROWID;

-- Projects in which agents have started teams that end with these agents; the teams' sessions are in the databases of
-- these projects. A row is written before its session, and removed when the session has been asked to end.
CREATE TABLE nested_projects (
  session_id TEXT NOT NULL,
  agent_id   TEXT NOT NULL,
  project    TEXT NOT NULL,                        -- path
  PRIMARY KEY (session_id, agent_id, project)
) STRICT, WITHOUT ROWID;
