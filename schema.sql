-- The whole current schema of MAOS, for people and for the test that compares it with what the numbered
-- migrations in src/infrastructure/sqlite/migrations.ts build. Change both together; a database is only ever
-- built by the migrations.
--
-- Times are ISO 8601 UTC with milliseconds and Z, so that they compare as text. JSON is stored as text.
-- Ids sort by time (ULID), so 'newest first' is 'by id, descending'.

-- project.db
-- One for each project: ~/.maos/projects/{workspace-hash}/project.db. PRAGMA user_version = 16.

-- The project the file belongs to: one row, kept so that the folder's hash can be read back as a path.
CREATE TABLE projects (
  hash       TEXT NOT NULL PRIMARY KEY,  -- SHA-256 of the canonical path
  path       TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- MAOS processes that own or owned sessions. A lease is as fresh as its owner's heartbeat.
CREATE TABLE owners (
  instance_id  TEXT NOT NULL PRIMARY KEY,
  heartbeat_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id                  TEXT    NOT NULL PRIMARY KEY,
  project_hash        TEXT    NOT NULL REFERENCES projects (hash),
  state               TEXT    NOT NULL
                      CHECK (state IN ('created', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  strategy            TEXT    NOT NULL CHECK (strategy IN ('parallel', 'sequential', 'pipeline', 'adaptive')),
  failure_policy      TEXT    NOT NULL CHECK (failure_policy IN ('continue', 'fail_fast')),
  on_exit             TEXT    NOT NULL CHECK (on_exit IN ('stop', 'keep')),
  max_concurrency     INTEGER,                     -- null: no limit of its own
  max_agents_per_role INTEGER,                     -- null: no limit of its own
  depth               INTEGER NOT NULL,            -- 0: not started by an agent
  pause_reason        TEXT    CHECK (pause_reason IN ('user', 'interrupted', 'quota')),
  resume_at           TEXT,
  created_at          TEXT    NOT NULL,
  started_at          TEXT,
  ended_at            TEXT,
  -- The lease: whoever changes the session must be its owner in this epoch; every new owner makes a new epoch.
  owner_id            TEXT    REFERENCES owners (instance_id),
  owner_epoch         INTEGER NOT NULL,
  -- What another process asked of the owner; cleared when the session ends.
  desired             TEXT    CHECK (desired IN ('running', 'paused', 'cancelled')),
  desired_reason      TEXT,
  objective           TEXT    NOT NULL,            -- long, and not needed to find a row
  budget              TEXT    CHECK (json_valid(budget)),  -- caps for all agents together; null: none
  -- 1: its owner announced its exit, and the session is to be stopped by whoever adopts it.
  exiting             INTEGER NOT NULL DEFAULT 0 CHECK (exiting IN (0, 1)),
  folder              TEXT,                        -- where its agents work; null: the project's own folder
  -- The agent that started it, of whatever project; all null: a person or client did.
  parent_session_id   TEXT,
  parent_agent_id     TEXT,
  on_parent_end       TEXT    CHECK (on_parent_end IN ('cancel', 'keep')),
  -- Milliseconds from started_at on in which it did not run, as the machine slept or its clock was set; below 0: back.
  inactive_ms         INTEGER NOT NULL DEFAULT 0,
  options             TEXT    CHECK (json_valid(options)),   -- what no query asks about; null: nothing
  CHECK ((state = 'paused') = (pause_reason IS NOT NULL)),
  CHECK (state = 'paused' OR resume_at IS NULL),
  CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
  CHECK ((desired IS NULL) = (desired_reason IS NULL))
) STRICT;

-- Lists filtered by state; unfinished sessions.
CREATE INDEX sessions_by_state ON sessions (state, id);
-- What an owner is asked for; owners that own nothing any more.
CREATE INDEX sessions_by_owner ON sessions (owner_id, desired) WHERE owner_id IS NOT NULL;
-- Pauses that are expected to end by themselves.
CREATE INDEX sessions_due ON sessions (resume_at) WHERE resume_at IS NOT NULL;
-- Teams that an agent started, when it ends, pauses or continues.
CREATE INDEX sessions_by_parent ON sessions (parent_agent_id) WHERE parent_agent_id IS NOT NULL;

CREATE TABLE agents (
  id                       TEXT    NOT NULL PRIMARY KEY,
  session_id               TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  position                 INTEGER NOT NULL,       -- in the plan, from 0
  state                    TEXT    NOT NULL
                           CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'resumable')),
  -- Usage as the backend reported it; all null while nothing was reported.
  usage_input_tokens       INTEGER,
  usage_output_tokens      INTEGER,
  usage_cache_read_tokens  INTEGER,
  usage_cache_write_tokens INTEGER,
  usage_turns              INTEGER,
  usage_cost_usd           REAL,                   -- null where the backend names no price
  phase                    INTEGER NOT NULL,       -- phases.idx
  attempt                  INTEGER NOT NULL,       -- how often it has been started
  name                     TEXT    NOT NULL,
  role                     TEXT    NOT NULL,
  role_custom              TEXT    CHECK (json_valid(role_custom)),  -- {description, responsibilities, file?}; null: predefined
  ordinal                  INTEGER NOT NULL,       -- 1 for the first agent of its role
  instance                 TEXT    NOT NULL,
  backend                  TEXT    NOT NULL,
  command                  TEXT    CHECK (json_valid(command)),      -- array (program, arguments) or string (sh line)
  model                    TEXT,
  workspace                TEXT    NOT NULL CHECK (workspace IN ('project', 'own')),
  timeout_ms               INTEGER NOT NULL,
  max_memory_mb            INTEGER NOT NULL,
  conversation             TEXT,                   -- the backend's own id, to resume with
  started_at               TEXT,
  ended_at                 TEXT,
  failure_kind             TEXT,                   -- the domain's kinds: a new one needs no rebuild of the table
  failure_message          TEXT,
  failure_stderr_tail      TEXT,
  result                   TEXT,                   -- its own summary: what dependents are told
  task                     TEXT    NOT NULL,
  budget                   TEXT    CHECK (json_valid(budget)),        -- its own caps; null: none
  usage_before             TEXT    CHECK (json_valid(usage_before)),  -- what attempts before the present one used
  resumed                  TEXT,                   -- the conversation the present attempt continues
  not_before               TEXT,                   -- its provider refuses it until then
  postponed                INTEGER NOT NULL DEFAULT 0,                -- how often in a row it did
  -- What another process asked of the owner for this agent alone.
  desired                  TEXT    CHECK (desired IN ('pending', 'cancelled')),
  desired_reason           TEXT,
  lingering                TEXT    CHECK (json_valid(lingering)),     -- {background, until}: a result, and processes that remain
  denials                  TEXT    CHECK (json_valid(denials)),       -- {count, shown}: what its CLI was not allowed to do
  -- Its stage while it runs, else null; an earlier version of maos that still runs writes none.
  stage                    TEXT    CHECK (stage IN ('preparing', 'executing', 'verifying', 'awaiting', 'collecting')),
  inactive_ms              INTEGER NOT NULL DEFAULT 0,                -- as in sessions, of its present or last attempt
  options                  TEXT    CHECK (json_valid(options)),       -- what else its plan says that no query needs
  subagents                INTEGER NOT NULL DEFAULT 0,                -- how many its CLI has started in that attempt, as far as it tells
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

-- Requests for single agents.
CREATE INDEX agents_desired ON agents (session_id) WHERE desired IS NOT NULL;

-- agent_id may start only after depends_on_id completed.
CREATE TABLE agent_dependencies (
  agent_id      TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  depends_on_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  PRIMARY KEY (agent_id, depends_on_id),
  CHECK (agent_id <> depends_on_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX agent_dependencies_by_upstream ON agent_dependencies (depends_on_id);

-- The orchestration's progress: steps of the plan whose agents may run side by side.
CREATE TABLE phases (
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  idx        INTEGER NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('planned', 'running', 'completed', 'failed', 'skipped')),
  PRIMARY KEY (session_id, idx)
) STRICT, WITHOUT ROWID;

-- The event log: appended in the transaction that made the change, never altered. No foreign key on agent_id:
-- the log stands by itself, and the largest table does without another index.
CREATE TABLE events (
  -- Among all events of the project, in the order they were stored. AUTOINCREMENT: what retention removes leaves no
  -- position to be used again, so that followers of the project know by it what is new.
  place      INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL CHECK (seq >= 1),    -- from 1 within the session, without gaps
  type       TEXT    NOT NULL,
  agent_id   TEXT,
  at         TEXT    NOT NULL,
  hash       TEXT    NOT NULL,                     -- over the previous event's hash and this event: event-hash.ts
  data       TEXT    NOT NULL CHECK (json_valid(data)),
  UNIQUE (session_id, seq)
) STRICT;

-- Files agents left. A file that changed is recorded again under the next revision.
CREATE TABLE artifacts (
  session_id  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  path        TEXT    NOT NULL,                    -- relative to the session's folder
  revision    INTEGER NOT NULL CHECK (revision >= 1),
  size_bytes  INTEGER NOT NULL,
  sha256      TEXT    NOT NULL,
  agent_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,  -- null: several could have left it
  candidates  TEXT    NOT NULL CHECK (json_valid(candidates)),   -- names of the agents that could have
  recorded_at TEXT    NOT NULL,
  PRIMARY KEY (session_id, path, revision)
) STRICT, WITHOUT ROWID;

CREATE INDEX artifacts_by_agent ON artifacts (agent_id) WHERE agent_id IS NOT NULL;

-- Messages between agents, and to them from people and clients.
CREATE TABLE messages (
  place           INTEGER PRIMARY KEY,             -- the order they were stored in
  id              TEXT    NOT NULL UNIQUE,
  session_id      TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  sender_id       TEXT    REFERENCES agents (id) ON DELETE CASCADE,      -- null: from outside the team
  recipient_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,      -- null: to the people outside
  reply_to        TEXT    REFERENCES messages (id) ON DELETE SET NULL,
  broadcast_id    TEXT,                            -- shared by the messages of one broadcast
  correlation_id  TEXT,
  state           TEXT    NOT NULL
                  CHECK (state IN ('queued', 'delivered', 'acknowledged', 'expired', 'dead')),
  type            TEXT    NOT NULL,
  schema_version  INTEGER NOT NULL,
  attempt         INTEGER NOT NULL,                -- how often it has been delivered
  max_attempts    INTEGER NOT NULL,
  via             TEXT,                            -- how it was delivered last; queued: how it is on its way
  agent_attempt   INTEGER,                         -- of the recipient, whose conversation it is on its way to, or in
  queued_at       TEXT    NOT NULL,
  expires_at      TEXT,                            -- not delivered any more from then on
  available_at    TEXT,                            -- queued: not delivered before
  delivered_at    TEXT,                            -- the last time
  lease_until     TEXT,                            -- leased: queued again unless acknowledged by then
  acknowledged_at TEXT,
  dead_at         TEXT,
  dead_reason     TEXT,
  last_trouble    TEXT,                            -- why the last delivery failed
  -- How often it has changed, and the change that messages.jsonl of its recipient has.
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
-- What a recipient may have next; leases and deadlines that run out; what messages.jsonl lacks.
CREATE INDEX messages_due ON messages (session_id, recipient_id, available_at) WHERE state = 'queued' AND via IS NULL;
CREATE INDEX messages_leased ON messages (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX messages_expiring ON messages (expires_at)
  WHERE state = 'queued' AND via IS NULL AND expires_at IS NOT NULL;
CREATE INDEX messages_unrecorded ON messages (recipient_id) WHERE recorded < revision;

-- What agents ask of people: permissions and questions.
CREATE TABLE input_requests (
  id          TEXT    NOT NULL PRIMARY KEY,
  session_id  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  agent_id    TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  attempt     INTEGER NOT NULL,
  request_key TEXT    NOT NULL,                        -- what the agent's CLI calls it
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
-- What expires next.
CREATE INDEX input_requests_open ON input_requests (expires_at) WHERE state = 'open';

-- Paths that agents work on, for the other agents of the project. In force until expires_at and while the agent has not ended.
CREATE TABLE path_claims (
  id         INTEGER PRIMARY KEY,
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  agent_id   TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  attempt    INTEGER NOT NULL,
  path       TEXT    NOT NULL,                    -- absolute; may hold *, ? and **
  claimed_at TEXT    NOT NULL,
  expires_at TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  UNIQUE (agent_id, path)
) STRICT;

CREATE INDEX path_claims_by_session ON path_claims (session_id);

-- Which agent has been told of which claim, for which path.
CREATE TABLE path_claim_notices (
  claim_id INTEGER NOT NULL REFERENCES path_claims (id) ON DELETE CASCADE,
  agent_id TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
  attempt  INTEGER NOT NULL,
  path     TEXT    NOT NULL,
  PRIMARY KEY (claim_id, agent_id, attempt, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX path_claim_notices_by_agent ON path_claim_notices (agent_id);

-- Copies of a session's state on disk, from which it can be restored.
CREATE TABLE checkpoints (
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL CHECK (seq >= 1),
  reason     TEXT    NOT NULL,
  path       TEXT    NOT NULL,                     -- relative to the session's folder
  created_at TEXT    NOT NULL,
  PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;

-- Sessions that are runs of the Agent Communication Protocol, with what they were asked.
CREATE TABLE acp_runs (
  session_id  TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  acp_session TEXT NOT NULL,                       -- UUID: runs of one conversation have the same
  input       TEXT NOT NULL CHECK (json_valid(input))  -- Message[], as clients read them back
) STRICT, WITHOUT ROWID;

CREATE INDEX acp_runs_by_session ON acp_runs (acp_session, session_id);

-- Notifications that wait to be sent by a command or a webhook of the user's, and those that were given up. Stored with
-- their event, removed once they are sent.
CREATE TABLE notifications (
  session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  seq        INTEGER NOT NULL,                     -- of the event they tell of
  way        TEXT    NOT NULL CHECK (way IN ('command', 'webhook')),
  tries      INTEGER NOT NULL DEFAULT 0,
  due_at     TEXT    NOT NULL,                     -- not sent before
  claimed_by TEXT,                                 -- the instance that sends it; null: the session's owner, or any
  reason     TEXT,                                 -- why the last try failed
  failed_at  TEXT,                                 -- given up
  PRIMARY KEY (session_id, seq, way)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_waiting ON notifications (due_at) WHERE failed_at IS NULL;
CREATE INDEX notifications_failed ON notifications (failed_at) WHERE failed_at IS NOT NULL;

-- instances.db
-- One for all projects: ~/.maos/instances.db. PRAGMA user_version = 3.
-- A process is identified by pid, start time, boot id and place together; the system reuses pids.
-- The place is the host and its process namespace: only there can be seen that the process has ended.

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
  place        TEXT                                -- null: written by a version that did not know it
) STRICT;

-- Agents running on this machine, over all MAOS processes. No foreign key on instance_id: an agent may outlive
-- its MAOS and still use the machine.
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

-- Projects in which agents have started teams, which end with them: their sessions are in the databases of these
-- projects. Written before the session is, and removed once they have been asked to end.
CREATE TABLE nested_projects (
  session_id TEXT NOT NULL,
  agent_id   TEXT NOT NULL,
  project    TEXT NOT NULL,                        -- path
  PRIMARY KEY (session_id, agent_id, project)
) STRICT, WITHOUT ROWID;
