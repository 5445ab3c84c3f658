/** One migration: changes a schema from `version - 1` to `version`. Never changed after a release. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/**
 * `project.db`. Versions count from 1 without gaps. Add a new migration at the end, and change schema.sql with it (a
 * test compares the two). Its statements run in one transaction without foreign key checks, so that a table can be
 * rebuilt.
 */
export const projectMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE projects (
        hash       TEXT NOT NULL PRIMARY KEY,
        path       TEXT NOT NULL,
        created_at TEXT NOT NULL
      ) STRICT;

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
        max_concurrency     INTEGER,
        max_agents_per_role INTEGER,
        depth               INTEGER NOT NULL,
        pause_reason        TEXT    CHECK (pause_reason IN ('user', 'interrupted', 'quota')),
        resume_at           TEXT,
        created_at          TEXT    NOT NULL,
        started_at          TEXT,
        ended_at            TEXT,
        owner_id            TEXT    REFERENCES owners (instance_id),
        owner_epoch         INTEGER NOT NULL,
        desired             TEXT    CHECK (desired IN ('running', 'paused', 'cancelled')),
        desired_reason      TEXT,
        objective           TEXT    NOT NULL,
        CHECK ((state = 'paused') = (pause_reason IS NOT NULL)),
        CHECK (state = 'paused' OR resume_at IS NULL),
        CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
        CHECK ((desired IS NULL) = (desired_reason IS NULL))
      ) STRICT;

      CREATE INDEX sessions_by_state ON sessions (state, id);
      CREATE INDEX sessions_by_owner ON sessions (owner_id, desired) WHERE owner_id IS NOT NULL;

      CREATE TABLE agents (
        id                       TEXT    NOT NULL PRIMARY KEY,
        session_id               TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        position                 INTEGER NOT NULL,
        state                    TEXT    NOT NULL
                                 CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'resumable')),
        usage_input_tokens       INTEGER,
        usage_output_tokens      INTEGER,
        usage_cache_read_tokens  INTEGER,
        usage_cache_write_tokens INTEGER,
        usage_turns              INTEGER,
        usage_cost_usd           REAL,
        phase                    INTEGER NOT NULL,
        attempt                  INTEGER NOT NULL,
        name                     TEXT    NOT NULL,
        role                     TEXT    NOT NULL,
        role_custom              TEXT    CHECK (json_valid(role_custom)),
        ordinal                  INTEGER NOT NULL,
        instance                 TEXT    NOT NULL,
        backend                  TEXT    NOT NULL,
        command                  TEXT    CHECK (json_valid(command)),
        model                    TEXT,
        workspace                TEXT    NOT NULL CHECK (workspace IN ('project', 'own')),
        timeout_ms               INTEGER NOT NULL,
        max_memory_mb            INTEGER NOT NULL,
        conversation             TEXT,
        started_at               TEXT,
        ended_at                 TEXT,
        failure_kind             TEXT,                   -- the domain's kinds: a new one needs no rebuild of the table
        failure_message          TEXT,
        failure_stderr_tail      TEXT,
        result                   TEXT,
        task                     TEXT    NOT NULL,
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

      CREATE TABLE agent_dependencies (
        agent_id      TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        depends_on_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        PRIMARY KEY (agent_id, depends_on_id),
        CHECK (agent_id <> depends_on_id)
      ) STRICT, WITHOUT ROWID;

      CREATE INDEX agent_dependencies_by_upstream ON agent_dependencies (depends_on_id);
      CREATE TABLE phases (
        session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        idx        INTEGER NOT NULL,
        state      TEXT    NOT NULL CHECK (state IN ('planned', 'running', 'completed', 'failed', 'skipped')),
        PRIMARY KEY (session_id, idx)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE events (
        session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq        INTEGER NOT NULL CHECK (seq >= 1),
        type       TEXT    NOT NULL,
        agent_id   TEXT,
        at         TEXT    NOT NULL,
        hash       TEXT    NOT NULL,
        data       TEXT    NOT NULL CHECK (json_valid(data)),
        PRIMARY KEY (session_id, seq)
      ) STRICT;

      CREATE TABLE artifacts (
        session_id  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        path        TEXT    NOT NULL,
        revision    INTEGER NOT NULL CHECK (revision >= 1),
        size_bytes  INTEGER NOT NULL,
        sha256      TEXT    NOT NULL,
        agent_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,
        candidates  TEXT    NOT NULL CHECK (json_valid(candidates)),
        recorded_at TEXT    NOT NULL,
        PRIMARY KEY (session_id, path, revision)
      ) STRICT, WITHOUT ROWID;

      CREATE INDEX artifacts_by_agent ON artifacts (agent_id) WHERE agent_id IS NOT NULL;
      CREATE TABLE messages (
        id              TEXT NOT NULL PRIMARY KEY,
        session_id      TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        sender_id       TEXT REFERENCES agents (id) ON DELETE CASCADE,
        recipient_id    TEXT REFERENCES agents (id) ON DELETE CASCADE,
        reply_to        TEXT REFERENCES messages (id) ON DELETE SET NULL,
        state           TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'acknowledged', 'dead')),
        type            TEXT NOT NULL,
        subject         TEXT NOT NULL,
        queued_at       TEXT NOT NULL,
        delivered_at    TEXT,
        acknowledged_at TEXT,
        dead_at         TEXT,
        dead_reason     TEXT,
        body            TEXT NOT NULL,
        CHECK (state <> 'queued' OR delivered_at IS NULL),
        CHECK (state NOT IN ('delivered', 'acknowledged') OR delivered_at IS NOT NULL),
        CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL)),
        CHECK ((state = 'dead') = (dead_at IS NOT NULL)),
        CHECK ((dead_at IS NULL) = (dead_reason IS NULL))
      ) STRICT;

      CREATE INDEX messages_by_session ON messages (session_id, id);
      CREATE INDEX messages_by_recipient ON messages (recipient_id, state, id);
      CREATE INDEX messages_by_sender ON messages (sender_id) WHERE sender_id IS NOT NULL;
      CREATE INDEX messages_by_reply ON messages (reply_to) WHERE reply_to IS NOT NULL;
      CREATE TABLE checkpoints (
        session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq        INTEGER NOT NULL CHECK (seq >= 1),
        reason     TEXT    NOT NULL,
        path       TEXT    NOT NULL,
        created_at TEXT    NOT NULL,
        PRIMARY KEY (session_id, seq)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    version: 2,
    sql: `
      ALTER TABLE sessions ADD COLUMN budget TEXT CHECK (json_valid(budget));
      ALTER TABLE sessions ADD COLUMN exiting INTEGER NOT NULL DEFAULT 0 CHECK (exiting IN (0, 1));
      ALTER TABLE agents ADD COLUMN budget TEXT CHECK (json_valid(budget));
      ALTER TABLE agents ADD COLUMN usage_before TEXT CHECK (json_valid(usage_before));
      ALTER TABLE agents ADD COLUMN resumed TEXT;
      ALTER TABLE agents ADD COLUMN not_before TEXT;
      ALTER TABLE agents ADD COLUMN postponed INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE agents ADD COLUMN desired TEXT CHECK (desired IN ('pending', 'cancelled'));
      ALTER TABLE agents ADD COLUMN desired_reason TEXT;
      CREATE INDEX agents_desired ON agents (session_id) WHERE desired IS NOT NULL;
      CREATE INDEX sessions_due ON sessions (resume_at) WHERE resume_at IS NOT NULL;
    `,
  },
  {
    version: 3,
    sql: `
      CREATE TABLE acp_runs (
        session_id  TEXT NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
        acp_session TEXT NOT NULL,
        input       TEXT NOT NULL CHECK (json_valid(input))
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX acp_runs_by_session ON acp_runs (acp_session, session_id);
    `,
  },
  {
    version: 4,
    sql: `
      ALTER TABLE events RENAME TO events_without_place;
      CREATE TABLE events (
        place      INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq        INTEGER NOT NULL CHECK (seq >= 1),
        type       TEXT    NOT NULL,
        agent_id   TEXT,
        at         TEXT    NOT NULL,
        hash       TEXT    NOT NULL,
        data       TEXT    NOT NULL CHECK (json_valid(data)),
        UNIQUE (session_id, seq)
      ) STRICT;
      INSERT INTO events (session_id, seq, type, agent_id, at, hash, data)
        SELECT session_id, seq, type, agent_id, at, hash, data FROM events_without_place ORDER BY rowid;
      DROP TABLE events_without_place;
    `,
  },
  {
    // No earlier version stored messages, so the table is replaced.
    version: 5,
    sql: `
      DROP TABLE messages;
      CREATE TABLE messages (
        id              TEXT    NOT NULL PRIMARY KEY,
        session_id      TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        sender_id       TEXT    REFERENCES agents (id) ON DELETE CASCADE,
        recipient_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,
        reply_to        TEXT    REFERENCES messages (id) ON DELETE SET NULL,
        broadcast_id    TEXT,
        correlation_id  TEXT,
        state           TEXT    NOT NULL CHECK (state IN ('queued', 'delivered', 'acknowledged', 'dead')),
        type            TEXT    NOT NULL,
        schema_version  INTEGER NOT NULL,
        attempt         INTEGER NOT NULL,
        max_attempts    INTEGER NOT NULL,
        queued_at       TEXT    NOT NULL,
        available_at    TEXT,
        delivered_at    TEXT,
        lease_until     TEXT,
        acknowledged_at TEXT,
        dead_at         TEXT,
        dead_reason     TEXT,
        last_trouble    TEXT,
        revision        INTEGER NOT NULL,
        recorded        INTEGER NOT NULL,
        content_type    TEXT    NOT NULL,
        subject         TEXT    NOT NULL,
        body            TEXT    NOT NULL,
        CHECK ((state = 'queued') = (available_at IS NOT NULL)),
        CHECK ((state = 'delivered') = (lease_until IS NOT NULL)),
        CHECK ((attempt = 0) = (delivered_at IS NULL)),
        CHECK (state = 'queued' OR attempt > 0),
        CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL)),
        CHECK ((state = 'dead') = (dead_at IS NOT NULL)),
        CHECK ((dead_at IS NULL) = (dead_reason IS NULL))
      ) STRICT;

      CREATE INDEX messages_by_session ON messages (session_id, id);
      CREATE INDEX messages_by_recipient ON messages (recipient_id, state, id);
      CREATE INDEX messages_by_sender ON messages (sender_id) WHERE sender_id IS NOT NULL;
      CREATE INDEX messages_by_reply ON messages (reply_to) WHERE reply_to IS NOT NULL;
      CREATE INDEX messages_by_broadcast ON messages (broadcast_id) WHERE broadcast_id IS NOT NULL;
      CREATE INDEX messages_due ON messages (session_id, recipient_id, available_at, id) WHERE state = 'queued';
      CREATE INDEX messages_leased ON messages (lease_until) WHERE lease_until IS NOT NULL;
      CREATE INDEX messages_unrecorded ON messages (recipient_id) WHERE recorded < revision;
    `,
  },
  {
    version: 6,
    sql: 'ALTER TABLE sessions ADD COLUMN folder TEXT;',
  },
  {
    version: 7,
    sql: `
      ALTER TABLE agents ADD COLUMN lingering TEXT CHECK (json_valid(lingering));
      ALTER TABLE agents ADD COLUMN denials TEXT CHECK (json_valid(denials));
    `,
  },
  {
    version: 8,
    sql: `
      ALTER TABLE sessions ADD COLUMN parent_session_id TEXT;
      ALTER TABLE sessions ADD COLUMN parent_agent_id TEXT;
      ALTER TABLE sessions ADD COLUMN on_parent_end TEXT CHECK (on_parent_end IN ('cancel', 'keep'));
      CREATE INDEX sessions_by_parent ON sessions (parent_agent_id) WHERE parent_agent_id IS NOT NULL;
    `,
  },
  {
    // The events of a running agent show whether it had a process.
    version: 9,
    sql: `
      ALTER TABLE agents ADD COLUMN stage TEXT
        CHECK (stage IN ('preparing', 'executing', 'verifying', 'awaiting', 'collecting'));
      UPDATE agents SET stage = CASE WHEN EXISTS (
          SELECT 1 FROM events WHERE events.session_id = agents.session_id AND events.agent_id = agents.id
            AND events.type = 'agent.spawned' AND json_extract(events.data, '$.attempt') = agents.attempt
        ) THEN 'executing' ELSE 'preparing' END
        WHERE state = 'running';
    `,
  },
  {
    version: 10,
    sql: `
      ALTER TABLE sessions ADD COLUMN inactive_ms INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE agents ADD COLUMN inactive_ms INTEGER NOT NULL DEFAULT 0;
    `,
  },
  {
    version: 11,
    sql: 'ALTER TABLE agents ADD COLUMN options TEXT CHECK (json_valid(options));',
  },
  {
    version: 12,
    sql: 'ALTER TABLE agents ADD COLUMN subagents INTEGER NOT NULL DEFAULT 0;',
  },
  {
    version: 13,
    sql: `
      ALTER TABLE sessions ADD COLUMN options TEXT CHECK (json_valid(options));

      CREATE TABLE input_requests (
        id          TEXT    NOT NULL PRIMARY KEY,
        session_id  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        agent_id    TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        attempt     INTEGER NOT NULL,
        request_key TEXT    NOT NULL,
        kind        TEXT    NOT NULL CHECK (kind IN ('permission', 'question')),
        state       TEXT    NOT NULL CHECK (state IN ('open', 'answered', 'expired', 'withdrawn')),
        tool        TEXT,
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
      CREATE INDEX input_requests_open ON input_requests (expires_at) WHERE state = 'open';
    `,
  },
  {
    // Earlier versions only leased messages.
    version: 14,
    sql: `
      ALTER TABLE messages RENAME TO leased_messages;
      CREATE TABLE messages (
        place           INTEGER PRIMARY KEY,
        id              TEXT    NOT NULL UNIQUE,
        session_id      TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        sender_id       TEXT    REFERENCES agents (id) ON DELETE CASCADE,
        recipient_id    TEXT    REFERENCES agents (id) ON DELETE CASCADE,
        reply_to        TEXT    REFERENCES messages (id) ON DELETE SET NULL,
        broadcast_id    TEXT,
        correlation_id  TEXT,
        state           TEXT    NOT NULL
                        CHECK (state IN ('queued', 'delivered', 'acknowledged', 'expired', 'dead')),
        type            TEXT    NOT NULL,
        schema_version  INTEGER NOT NULL,
        attempt         INTEGER NOT NULL,
        max_attempts    INTEGER NOT NULL,
        via             TEXT,
        agent_attempt   INTEGER,
        queued_at       TEXT    NOT NULL,
        expires_at      TEXT,
        available_at    TEXT,
        delivered_at    TEXT,
        lease_until     TEXT,
        acknowledged_at TEXT,
        dead_at         TEXT,
        dead_reason     TEXT,
        last_trouble    TEXT,
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
      INSERT INTO messages (id, session_id, sender_id, recipient_id, reply_to, broadcast_id, correlation_id, state, type, schema_version,
          attempt, max_attempts, queued_at, available_at, delivered_at, lease_until, acknowledged_at, dead_at, dead_reason,
          last_trouble, revision, recorded, content_type, subject, body, via)
        SELECT id, session_id, sender_id, recipient_id, reply_to, broadcast_id, correlation_id, state, type, schema_version,
          attempt, max_attempts, queued_at, available_at, delivered_at, lease_until, acknowledged_at, dead_at, dead_reason,
          last_trouble, revision, recorded, content_type, subject, body,
          CASE WHEN attempt > 0 AND state <> 'queued' THEN 'lease' END
        FROM leased_messages ORDER BY rowid;
      DROP TABLE leased_messages;

      CREATE INDEX messages_by_session ON messages (session_id, id);
      CREATE INDEX messages_by_recipient ON messages (recipient_id, state);
      CREATE INDEX messages_by_sender ON messages (sender_id, queued_at) WHERE sender_id IS NOT NULL;
      CREATE INDEX messages_by_reply ON messages (reply_to) WHERE reply_to IS NOT NULL;
      CREATE INDEX messages_by_broadcast ON messages (broadcast_id) WHERE broadcast_id IS NOT NULL;
      CREATE INDEX messages_due ON messages (session_id, recipient_id, available_at) WHERE state = 'queued' AND via IS NULL;
      CREATE INDEX messages_leased ON messages (lease_until) WHERE lease_until IS NOT NULL;
      CREATE INDEX messages_expiring ON messages (expires_at)
        WHERE state = 'queued' AND via IS NULL AND expires_at IS NOT NULL;
      CREATE INDEX messages_unrecorded ON messages (recipient_id) WHERE recorded < revision;
    `,
  },
  {
    version: 15,
    sql: `
      CREATE TABLE path_claims (
        id         INTEGER PRIMARY KEY,
        session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        agent_id   TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        attempt    INTEGER NOT NULL,
        path       TEXT    NOT NULL,
        claimed_at TEXT    NOT NULL,
        expires_at TEXT    NOT NULL,
        reason     TEXT    NOT NULL,
        UNIQUE (agent_id, path)
      ) STRICT;

      CREATE INDEX path_claims_by_session ON path_claims (session_id);

      CREATE TABLE path_claim_notices (
        claim_id INTEGER NOT NULL REFERENCES path_claims (id) ON DELETE CASCADE,
        agent_id TEXT    NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
        attempt  INTEGER NOT NULL,
        path     TEXT    NOT NULL,
        PRIMARY KEY (claim_id, agent_id, attempt, path)
      ) STRICT, WITHOUT ROWID;

      CREATE INDEX path_claim_notices_by_agent ON path_claim_notices (agent_id);
    `,
  },
  {
    version: 16,
    sql: `
      CREATE TABLE notifications (
        session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq        INTEGER NOT NULL,
        way        TEXT    NOT NULL CHECK (way IN ('command', 'webhook')),
        tries      INTEGER NOT NULL DEFAULT 0,
        due_at     TEXT    NOT NULL,
        claimed_by TEXT,
        reason     TEXT,
        failed_at  TEXT,
        PRIMARY KEY (session_id, seq, way)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX notifications_waiting ON notifications (due_at) WHERE failed_at IS NULL;
      CREATE INDEX notifications_failed ON notifications (failed_at) WHERE failed_at IS NOT NULL;
    `,
  },
  {
    // SQLite cannot change a CHECK: the table is built again for the workspace 'worktree'.
    version: 17,
    sql: `
      CREATE TABLE agents_with_worktrees (
        id                       TEXT    NOT NULL PRIMARY KEY,
        session_id               TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        position                 INTEGER NOT NULL,
        state                    TEXT    NOT NULL
                                 CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'resumable')),
        usage_input_tokens       INTEGER,
        usage_output_tokens      INTEGER,
        usage_cache_read_tokens  INTEGER,
        usage_cache_write_tokens INTEGER,
        usage_turns              INTEGER,
        usage_cost_usd           REAL,
        phase                    INTEGER NOT NULL,
        attempt                  INTEGER NOT NULL,
        name                     TEXT    NOT NULL,
        role                     TEXT    NOT NULL,
        role_custom              TEXT    CHECK (json_valid(role_custom)),
        ordinal                  INTEGER NOT NULL,
        instance                 TEXT    NOT NULL,
        backend                  TEXT    NOT NULL,
        command                  TEXT    CHECK (json_valid(command)),
        model                    TEXT,
        workspace                TEXT    NOT NULL CHECK (workspace IN ('project', 'own', 'worktree')),
        timeout_ms               INTEGER NOT NULL,
        max_memory_mb            INTEGER NOT NULL,
        conversation             TEXT,
        started_at               TEXT,
        ended_at                 TEXT,
        failure_kind             TEXT,
        failure_message          TEXT,
        failure_stderr_tail      TEXT,
        result                   TEXT,
        task                     TEXT    NOT NULL,
        budget                   TEXT    CHECK (json_valid(budget)),
        usage_before             TEXT    CHECK (json_valid(usage_before)),
        resumed                  TEXT,
        not_before               TEXT,
        postponed                INTEGER NOT NULL DEFAULT 0,
        desired                  TEXT    CHECK (desired IN ('pending', 'cancelled')),
        desired_reason           TEXT,
        lingering                TEXT    CHECK (json_valid(lingering)),
        denials                  TEXT    CHECK (json_valid(denials)),
        stage                    TEXT    CHECK (stage IN ('preparing', 'executing', 'verifying', 'awaiting', 'collecting')),
        inactive_ms              INTEGER NOT NULL DEFAULT 0,
        options                  TEXT    CHECK (json_valid(options)),
        subagents                INTEGER NOT NULL DEFAULT 0,
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
      INSERT INTO agents_with_worktrees (
          id, session_id, position, state, usage_input_tokens, usage_output_tokens, usage_cache_read_tokens,
          usage_cache_write_tokens, usage_turns, usage_cost_usd, phase, attempt, name, role, role_custom, ordinal,
          instance, backend, command, model, workspace, timeout_ms, max_memory_mb, conversation, started_at,
          ended_at, failure_kind, failure_message, failure_stderr_tail, result, task, budget, usage_before, resumed,
          not_before, postponed, desired, desired_reason, lingering, denials, stage, inactive_ms, options,
          subagents)
        SELECT id, session_id, position, state, usage_input_tokens, usage_output_tokens, usage_cache_read_tokens,
          usage_cache_write_tokens, usage_turns, usage_cost_usd, phase, attempt, name, role, role_custom, ordinal,
          instance, backend, command, model, workspace, timeout_ms, max_memory_mb, conversation, started_at,
          ended_at, failure_kind, failure_message, failure_stderr_tail, result, task, budget, usage_before, resumed,
          not_before, postponed, desired, desired_reason, lingering, denials, stage, inactive_ms, options,
          subagents
        FROM agents ORDER BY rowid;
      DROP TABLE agents;
      ALTER TABLE agents_with_worktrees RENAME TO agents;
      CREATE INDEX agents_desired ON agents (session_id) WHERE desired IS NOT NULL;
    `,
  },
  {
    version: 18,
    sql: `
      ALTER TABLE sessions ADD COLUMN idempotency_key TEXT;
      ALTER TABLE sessions ADD COLUMN plan_digest TEXT CHECK ((plan_digest IS NULL) = (idempotency_key IS NULL));
      CREATE UNIQUE INDEX sessions_by_key ON sessions (idempotency_key) WHERE idempotency_key IS NOT NULL;
    `,
  },
  {
    // Not `exiting`: earlier versions that still run join the two tables and mean that column of sessions.
    version: 19,
    sql: `
      ALTER TABLE owners ADD COLUMN exit_announced INTEGER NOT NULL DEFAULT 0 CHECK (exit_announced IN (0, 1));
    `,
  },
  {
    version: 20,
    sql: `
      CREATE INDEX sessions_by_landed ON sessions (json_extract(json_extract(options, '$.landing'), '$.sessionId'))
        WHERE instr(options, 'landing');
    `,
  },
];

/** `instances.db`, by the same rules. */
export const instancesMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE instances (
        id           TEXT    NOT NULL PRIMARY KEY,
        pid          INTEGER NOT NULL,
        start_time   TEXT    NOT NULL,
        boot_id      TEXT    NOT NULL,
        version      TEXT    NOT NULL,
        port         INTEGER,
        workspace    TEXT    NOT NULL,
        started_at   TEXT    NOT NULL,
        heartbeat_at TEXT    NOT NULL
      ) STRICT;

      CREATE TABLE agent_slots (
        agent_id    TEXT NOT NULL PRIMARY KEY,
        instance_id TEXT NOT NULL,
        session_id  TEXT NOT NULL,
        taken_at    TEXT NOT NULL,
        pid         INTEGER,
        start_time  TEXT,
        boot_id     TEXT,
        CHECK ((pid IS NULL) = (start_time IS NULL)),
        CHECK ((pid IS NULL) = (boot_id IS NULL))
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    version: 2,
    sql: `
      ALTER TABLE instances ADD COLUMN place TEXT;
      ALTER TABLE agent_slots ADD COLUMN place TEXT;
    `,
  },
  {
    version: 3,
    sql: `
      CREATE TABLE nested_projects (
        session_id TEXT NOT NULL,
        agent_id   TEXT NOT NULL,
        project    TEXT NOT NULL,
        PRIMARY KEY (session_id, agent_id, project)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
