"""The tables of a workspace's database, from its first version on."""

#: Forward migrations; the schema version is the number of those applied.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE datasources (
            uid INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            location TEXT NOT NULL,
            format TEXT NOT NULL,
            owned INTEGER NOT NULL,
            n_rows INTEGER NOT NULL,
            columns TEXT NOT NULL,
            uid_col TEXT,
            fingerprint TEXT NOT NULL,
            stamp TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE jobs (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- also the uid of its model source
            id TEXT NOT NULL UNIQUE,
            launch_token TEXT NOT NULL UNIQUE,
            call TEXT NOT NULL,
            x_uids BLOB,                            -- int64, little endian; NULL: every row
            total INTEGER NOT NULL,
            status TEXT NOT NULL,
            error TEXT,
            round INTEGER NOT NULL DEFAULT 0,       -- times that failed rows were to be retried
            succeeded INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            truncated INTEGER NOT NULL DEFAULT 0,
            input_tokens INTEGER NOT NULL DEFAULT 0,
            output_tokens INTEGER NOT NULL DEFAULT 0,
            cost_usd REAL,
            rows_per_s REAL,
            worker TEXT,
            lease_host TEXT,
            lease_pid INTEGER,
            lease_pid_started_at REAL,
            lease_expires_at REAL,
            created_at REAL NOT NULL,
            started_at REAL,                        -- of the run that goes on
            ended_at REAL,
            active_s REAL NOT NULL DEFAULT 0        -- of the runs that have ended
        ) STRICT
        """,
        """
        CREATE TABLE responses (
            job_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,               -- place among all rows of the job's datasources
            datasource_uid INTEGER NOT NULL,
            row_uid INTEGER NOT NULL,
            round INTEGER NOT NULL,
            succeeded INTEGER NOT NULL,
            response TEXT,
            finish_reason TEXT,
            error_code TEXT,
            error_message TEXT,
            input_tokens INTEGER,
            output_tokens INTEGER,
            latency_s REAL,
            attempts INTEGER NOT NULL
        ) STRICT
        """,
        # Both indexes answer "what is left to do" without touching the wide rows.
        "CREATE UNIQUE INDEX responses_by_row ON responses (job_seq, ordinal)",
        """
        CREATE INDEX failed_responses ON responses (job_seq, round, ordinal)
            WHERE succeeded = 0
        """,
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            job_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            message TEXT NOT NULL,
            data TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX events_by_job ON events (job_seq, seq)",
    ),
    (
        """
        CREATE TABLE endpoints (
            name TEXT PRIMARY KEY,
            job_id TEXT NOT NULL,
            region TEXT NOT NULL,
            account_id TEXT NOT NULL,
            instance_type TEXT NOT NULL,
            instance_count INTEGER NOT NULL,
            usd_per_hour REAL,
            keep INTEGER NOT NULL,
            scheduled INTEGER NOT NULL,
            state TEXT NOT NULL,
            planned_at REAL NOT NULL,
            opened_at REAL,
            closed_at REAL,
            expires_at REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX endpoints_by_job ON endpoints (job_id)",
    ),
    ("ALTER TABLE endpoints ADD COLUMN tenure INTEGER NOT NULL DEFAULT 0",),
    # What a job has cost follows from its endpoints.
    ("ALTER TABLE jobs DROP COLUMN cost_usd",),
    (
        # A run on a few rows, to look before paying: its answers can be read while they grow.
        "ALTER TABLE jobs ADD COLUMN trial INTEGER NOT NULL DEFAULT 0",
        # A list of jobs is looked through, or watched, without reading the x_uids of each.
        "CREATE INDEX jobs_by_status ON jobs (status, round)",
        # Tells a reader of the responses whether it has seen them all.
        "ALTER TABLE jobs ADD COLUMN commits INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE partial_responses (
            job_seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,
            row_uid INTEGER NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (job_seq, ordinal)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE presets (
            name TEXT PRIMARY KEY,
            settings TEXT NOT NULL,
            saved_at REAL NOT NULL
        ) STRICT
        """,
        # What a panel showed last, so that it shows the same after its kernel was restarted.
        """
        CREATE TABLE panels (
            place TEXT PRIMARY KEY,                 -- notebook, provider, model
            draft TEXT NOT NULL,
            job_id TEXT,
            saved_at REAL NOT NULL
        ) STRICT
        """,
    ),
)
