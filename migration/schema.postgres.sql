-- The schema as the migrations make it. Written by a test, for review.

CREATE TABLE audit_events (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    occurred_at bigint NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    actor_label text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    target_label text NOT NULL,
    outcome text NOT NULL,
    request_id text,
    source_ip text,
    metadata jsonb NOT NULL,
    CONSTRAINT audit_events_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['principal'::text, 'system'::text]))),
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text]))),
    CONSTRAINT audit_events_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT audit_events_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX audit_events_list_order ON public.audit_events USING btree (workspace_id, occurred_at, id);
CREATE UNIQUE INDEX audit_events_pkey ON public.audit_events USING btree (workspace_id, id);

CREATE TABLE call_attempts (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    run_id uuid NOT NULL,
    occurred_at bigint NOT NULL,
    call_name text NOT NULL,
    limit_name text NOT NULL,
    attempt integer NOT NULL,
    outcome text NOT NULL,
    reason_code text,
    http_status integer,
    provider_code text,
    request_id uuid,
    trace_id uuid,
    correlation_id uuid,
    took bigint NOT NULL,
    time_lost bigint NOT NULL,
    CONSTRAINT call_attempts_outcome_check CHECK ((outcome = ANY (ARRAY['throttled'::text, 'failed'::text]))),
    CONSTRAINT call_attempts_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT call_attempts_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT call_attempts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT call_attempts_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES operation_runs(workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX call_attempts_age ON public.call_attempts USING btree (workspace_id, occurred_at);
CREATE INDEX call_attempts_of_run ON public.call_attempts USING btree (workspace_id, run_id);
CREATE INDEX call_attempts_order ON public.call_attempts USING btree (workspace_id, connection_id, occurred_at, id);
CREATE UNIQUE INDEX call_attempts_pkey ON public.call_attempts USING btree (workspace_id, id);

CREATE TABLE compliance_snapshots (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    run_id uuid NOT NULL,
    taken_at bigint NOT NULL,
    controls jsonb NOT NULL,
    CONSTRAINT compliance_snapshots_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT compliance_snapshots_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT compliance_snapshots_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT compliance_snapshots_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES operation_runs(workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX compliance_snapshots_connection_order ON public.compliance_snapshots USING btree (workspace_id, connection_id, taken_at, id);
CREATE INDEX compliance_snapshots_list_order ON public.compliance_snapshots USING btree (workspace_id, taken_at, id);
CREATE INDEX compliance_snapshots_of_run ON public.compliance_snapshots USING btree (workspace_id, run_id);
CREATE UNIQUE INDEX compliance_snapshots_pkey ON public.compliance_snapshots USING btree (workspace_id, id);

CREATE TABLE connection_history (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    axis text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    reason_code text,
    run_id uuid,
    occurred_at bigint NOT NULL,
    CONSTRAINT connection_history_axis_check CHECK ((axis = ANY (ARRAY['consent'::text, 'verification'::text]))),
    CONSTRAINT connection_history_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT connection_history_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT connection_history_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX connection_history_age ON public.connection_history USING btree (workspace_id, occurred_at);
CREATE INDEX connection_history_list_order ON public.connection_history USING btree (workspace_id, connection_id, occurred_at, id);
CREATE UNIQUE INDEX connection_history_pkey ON public.connection_history USING btree (workspace_id, id);

CREATE TABLE connection_requirements (
    workspace_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    requirement_key text NOT NULL,
    state text NOT NULL,
    checked_at bigint NOT NULL,
    run_id uuid NOT NULL,
    CONSTRAINT connection_requirements_pkey PRIMARY KEY (workspace_id, connection_id, requirement_key),
    CONSTRAINT connection_requirements_state_check CHECK ((state = ANY (ARRAY['granted'::text, 'missing'::text, 'unknown'::text]))),
    CONSTRAINT connection_requirements_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX connection_requirements_pkey ON public.connection_requirements USING btree (workspace_id, connection_id, requirement_key);

CREATE TABLE connection_tags (
    workspace_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    tag_key text NOT NULL,
    tag_value text NOT NULL,
    CONSTRAINT connection_tags_pkey PRIMARY KEY (workspace_id, connection_id, tag_key),
    CONSTRAINT connection_tags_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX connection_tags_pkey ON public.connection_tags USING btree (workspace_id, connection_id, tag_key);

CREATE TABLE consent_links (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    link_hash bytea NOT NULL,
    state_hash bytea,
    browser_hash bytea,
    identity_version bigint NOT NULL,
    scope_identifier text NOT NULL,
    client_identifier text NOT NULL,
    permission_set text NOT NULL,
    return_to text,
    created_by uuid,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    started_at bigint,
    used_at bigint,
    result text,
    CONSTRAINT consent_links_check CHECK (((used_at IS NULL) = (result IS NULL))),
    CONSTRAINT consent_links_link_unique UNIQUE (link_hash),
    CONSTRAINT consent_links_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT consent_links_result_check CHECK ((result = ANY (ARRAY['recorded'::text, 'declined'::text, 'rejected'::text]))),
    CONSTRAINT consent_links_state_unique UNIQUE (state_hash),
    CONSTRAINT consent_links_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT consent_links_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX consent_links_age ON public.consent_links USING btree (workspace_id, expires_at);
CREATE UNIQUE INDEX consent_links_link_unique ON public.consent_links USING btree (link_hash);
CREATE UNIQUE INDEX consent_links_pkey ON public.consent_links USING btree (workspace_id, id);
CREATE UNIQUE INDEX consent_links_state_unique ON public.consent_links USING btree (state_hash);

CREATE TABLE environments (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    slug text NOT NULL,
    display_name text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT environments_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT environments_slug_unique UNIQUE (workspace_id, slug),
    CONSTRAINT environments_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX environments_pkey ON public.environments USING btree (workspace_id, id);
CREATE UNIQUE INDEX environments_slug_unique ON public.environments USING btree (workspace_id, slug);

CREATE TABLE event_streams (
    workspace_id uuid NOT NULL,
    last_sequence bigint NOT NULL,
    first_kept bigint NOT NULL DEFAULT 1,
    CONSTRAINT event_streams_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT event_streams_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX event_streams_pkey ON public.event_streams USING btree (workspace_id);

CREATE TABLE expiry_notices (
    workspace_id uuid NOT NULL,
    subject text NOT NULL,
    expires_at bigint NOT NULL,
    threshold_days bigint NOT NULL,
    noticed_at bigint NOT NULL,
    CONSTRAINT expiry_notices_pkey PRIMARY KEY (workspace_id, subject, expires_at, threshold_days),
    CONSTRAINT expiry_notices_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX expiry_notices_pkey ON public.expiry_notices USING btree (workspace_id, subject, expires_at, threshold_days);

CREATE TABLE housekeeping_turns (
    workspace_id uuid NOT NULL,
    next_at bigint NOT NULL,
    CONSTRAINT housekeeping_turns_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT housekeeping_turns_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX housekeeping_turns_pkey ON public.housekeeping_turns USING btree (workspace_id);

CREATE TABLE idempotency_records (
    workspace_id uuid NOT NULL,
    principal_id uuid NOT NULL,
    request_key text NOT NULL,
    fingerprint text NOT NULL,
    fence uuid NOT NULL,
    locked_until bigint NOT NULL,
    expires_at bigint NOT NULL,
    status integer,
    headers jsonb,
    body text,
    CONSTRAINT idempotency_records_check CHECK (((status IS NULL) = (headers IS NULL))),
    CONSTRAINT idempotency_records_check1 CHECK (((status IS NOT NULL) OR (body IS NULL))),
    CONSTRAINT idempotency_records_pkey PRIMARY KEY (workspace_id, principal_id, request_key),
    CONSTRAINT idempotency_records_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principals(id),
    CONSTRAINT idempotency_records_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX idempotency_records_expiry ON public.idempotency_records USING btree (expires_at);
CREATE UNIQUE INDEX idempotency_records_pkey ON public.idempotency_records USING btree (workspace_id, principal_id, request_key);

CREATE TABLE inventory_items (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    kind text NOT NULL,
    external_id text NOT NULL,
    display_name text NOT NULL,
    attributes jsonb NOT NULL,
    content_hash text NOT NULL,
    version bigint NOT NULL,
    first_seen_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    last_seen_run_id uuid NOT NULL,
    first_seen_run_id uuid NOT NULL,
    changed_run_id uuid NOT NULL,
    CONSTRAINT inventory_items_external_unique UNIQUE (workspace_id, connection_id, kind, external_id),
    CONSTRAINT inventory_items_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT inventory_items_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT inventory_items_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT inventory_items_workspace_id_last_seen_run_id_fkey FOREIGN KEY (workspace_id, last_seen_run_id) REFERENCES operation_runs(workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX inventory_items_connection_order ON public.inventory_items USING btree (workspace_id, connection_id, first_seen_at, id);
CREATE UNIQUE INDEX inventory_items_external_unique ON public.inventory_items USING btree (workspace_id, connection_id, kind, external_id);
CREATE INDEX inventory_items_list_order ON public.inventory_items USING btree (workspace_id, first_seen_at, id);
CREATE UNIQUE INDEX inventory_items_pkey ON public.inventory_items USING btree (workspace_id, id);
CREATE INDEX inventory_items_run_order ON public.inventory_items USING btree (workspace_id, last_seen_run_id, connection_id);

CREATE TABLE key_ring (
    kid text NOT NULL,
    check_value bytea NOT NULL,
    registered_at bigint NOT NULL,
    state text NOT NULL DEFAULT 'registered'::text,
    changed_at bigint NOT NULL DEFAULT 0,
    CONSTRAINT key_ring_pkey PRIMARY KEY (kid),
    CONSTRAINT key_ring_state_check CHECK ((state = ANY (ARRAY['registered'::text, 'active'::text, 'retired'::text, 'lost'::text])))
);
CREATE UNIQUE INDEX key_ring_active_unique ON public.key_ring USING btree (state) WHERE (state = 'active'::text);
CREATE UNIQUE INDEX key_ring_pkey ON public.key_ring USING btree (kid);

CREATE TABLE members (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    principal_id uuid NOT NULL,
    label text NOT NULL,
    role text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT members_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principals(id),
    CONSTRAINT members_principal_unique UNIQUE (workspace_id, principal_id),
    CONSTRAINT members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'manager'::text, 'operator'::text, 'readonly'::text]))),
    CONSTRAINT members_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX members_of_principal ON public.members USING btree (principal_id);
CREATE UNIQUE INDEX members_pkey ON public.members USING btree (workspace_id, id);
CREATE UNIQUE INDEX members_principal_unique ON public.members USING btree (workspace_id, principal_id);

CREATE TABLE notifications (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    principal_id uuid NOT NULL,
    run_id uuid NOT NULL,
    operation_type text NOT NULL,
    outcome text NOT NULL,
    environment_id uuid,
    sequence bigint NOT NULL,
    created_at bigint NOT NULL,
    read_at bigint,
    CONSTRAINT notifications_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'partially_succeeded'::text, 'blocked'::text, 'failed'::text, 'canceled'::text]))),
    CONSTRAINT notifications_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notifications_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principals(id) ON DELETE RESTRICT,
    CONSTRAINT notifications_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT notifications_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES operation_runs(workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX notifications_order ON public.notifications USING btree (workspace_id, principal_id, created_at, id);
CREATE UNIQUE INDEX notifications_pkey ON public.notifications USING btree (workspace_id, id);
CREATE UNIQUE INDEX notifications_run_unique ON public.notifications USING btree (workspace_id, run_id);
CREATE INDEX notifications_unread ON public.notifications USING btree (workspace_id, principal_id) WHERE (read_at IS NULL);

CREATE TABLE operation_runs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    environment_id uuid,
    connection_id uuid,
    operation_type text NOT NULL,
    status text NOT NULL,
    outcome text NOT NULL,
    scope_key text,
    identity_hash text NOT NULL,
    inputs jsonb NOT NULL,
    initiator_principal_id uuid,
    initiator_label text NOT NULL,
    attempt integer NOT NULL,
    lost_leases integer NOT NULL,
    lease_owner text,
    lease_until bigint,
    heartbeat_at bigint,
    started_at bigint,
    completed_at bigint,
    not_before bigint,
    cancel_requested_at bigint,
    retry_of uuid,
    context jsonb NOT NULL,
    counts jsonb NOT NULL,
    failures jsonb NOT NULL,
    progress_processed bigint,
    progress_total bigint,
    created_at bigint NOT NULL,
    waiting_since bigint,
    waiting_reason text,
    waited bigint NOT NULL DEFAULT 0,
    kind text NOT NULL DEFAULT 'job'::text,
    trigger_kind text NOT NULL DEFAULT 'api'::text,
    parent_run_id uuid,
    schedule_id uuid,
    queued_at bigint,
    CONSTRAINT operation_runs_check CHECK (((status = ANY (ARRAY['queued'::text, 'running'::text])) = (outcome = 'pending'::text))),
    CONSTRAINT operation_runs_check1 CHECK (((status = ANY (ARRAY['queued'::text, 'running'::text])) = (completed_at IS NULL))),
    CONSTRAINT operation_runs_check2 CHECK (((lease_until IS NULL) = (lease_owner IS NULL))),
    CONSTRAINT operation_runs_check3 CHECK (((status = 'completed'::text) OR (scope_key IS NOT NULL))),
    CONSTRAINT operation_runs_check4 CHECK (((status = 'completed'::text) OR (environment_id IS NULL) OR (connection_id IS NOT NULL))),
    CONSTRAINT operation_runs_check5 CHECK ((((status = 'running'::text) AND (kind = 'job'::text)) = (lease_until IS NOT NULL))),
    CONSTRAINT operation_runs_initiator_principal_id_fkey FOREIGN KEY (initiator_principal_id) REFERENCES principals(id),
    CONSTRAINT operation_runs_kind_check CHECK ((kind = ANY (ARRAY['job'::text, 'group'::text]))),
    CONSTRAINT operation_runs_outcome_check CHECK ((outcome = ANY (ARRAY['pending'::text, 'succeeded'::text, 'partially_succeeded'::text, 'blocked'::text, 'failed'::text, 'canceled'::text]))),
    CONSTRAINT operation_runs_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT operation_runs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'completed'::text]))),
    CONSTRAINT operation_runs_trigger_kind_check CHECK ((trigger_kind = ANY (ARRAY['api'::text, 'bulk'::text, 'schedule'::text, 'consent'::text, 'system'::text]))),
    CONSTRAINT operation_runs_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT operation_runs_workspace_id_environment_id_fkey FOREIGN KEY (workspace_id, environment_id) REFERENCES environments(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT operation_runs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX operation_runs_active_list ON public.operation_runs USING btree (workspace_id, created_at, id) WHERE (completed_at IS NULL);
CREATE UNIQUE INDEX operation_runs_active_scope_unique ON public.operation_runs USING btree (workspace_id, scope_key) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX operation_runs_at_work ON public.operation_runs USING btree (workspace_id, operation_type) WHERE ((status = 'running'::text) AND (kind = 'job'::text));
CREATE INDEX operation_runs_children_order ON public.operation_runs USING btree (workspace_id, parent_run_id, created_at, id) WHERE (parent_run_id IS NOT NULL);
CREATE INDEX operation_runs_connection_order ON public.operation_runs USING btree (workspace_id, connection_id, created_at, id);
CREATE INDEX operation_runs_environment_order ON public.operation_runs USING btree (workspace_id, environment_id, created_at, id);
CREATE INDEX operation_runs_gathering ON public.operation_runs USING btree (workspace_id, created_at) WHERE ((status = 'running'::text) AND (kind = 'group'::text));
CREATE INDEX operation_runs_list_order ON public.operation_runs USING btree (workspace_id, created_at, id);
CREATE UNIQUE INDEX operation_runs_pkey ON public.operation_runs USING btree (workspace_id, id);
CREATE INDEX operation_runs_queue_order ON public.operation_runs USING btree (workspace_id, operation_type, created_at, id) WHERE ((status = 'queued'::text) AND (kind = 'job'::text));
CREATE INDEX operation_runs_schedule_order ON public.operation_runs USING btree (workspace_id, schedule_id, created_at, id) WHERE (schedule_id IS NOT NULL);

CREATE TABLE outbox_events (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    payload jsonb NOT NULL,
    created_at bigint NOT NULL,
    sequence bigint,
    arrival bigint NOT NULL,
    CONSTRAINT outbox_events_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT outbox_events_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX outbox_events_pkey ON public.outbox_events USING btree (workspace_id, id);
CREATE UNIQUE INDEX outbox_events_stream ON public.outbox_events USING btree (workspace_id, sequence);
CREATE INDEX outbox_events_subject_order ON public.outbox_events USING btree (workspace_id, subject_id, sequence);
CREATE INDEX outbox_events_unnumbered ON public.outbox_events USING btree (workspace_id) WHERE (sequence IS NULL);

CREATE TABLE platform_targets (
    provider text NOT NULL,
    realm text NOT NULL,
    scope_kind text NOT NULL,
    scope_identifier text NOT NULL,
    workspace_id uuid NOT NULL,
    proven_at bigint NOT NULL,
    CONSTRAINT platform_targets_pkey PRIMARY KEY (provider, realm, scope_kind, scope_identifier),
    CONSTRAINT platform_targets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX platform_targets_pkey ON public.platform_targets USING btree (provider, realm, scope_kind, scope_identifier);

CREATE TABLE principals (
    id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT principals_key_unique UNIQUE (issuer, subject),
    CONSTRAINT principals_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX principals_key_unique ON public.principals USING btree (issuer, subject);
CREATE UNIQUE INDEX principals_pkey ON public.principals USING btree (id);

CREATE TABLE provider_connections (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    environment_id uuid NOT NULL,
    version bigint NOT NULL,
    display_name text NOT NULL,
    connection_type text NOT NULL,
    provider text NOT NULL,
    scope_kind text NOT NULL,
    scope_identifier text NOT NULL,
    scope_display_name text NOT NULL,
    realm text NOT NULL,
    client_identifier text,
    is_default boolean NOT NULL,
    is_enabled boolean NOT NULL,
    consent_state text NOT NULL,
    consent_reason text,
    consent_since bigint NOT NULL,
    consent_checked_at bigint,
    consent_run_id uuid,
    verification_state text NOT NULL,
    verification_reason text,
    verification_since bigint NOT NULL,
    verification_checked_at bigint,
    verification_run_id uuid,
    created_at bigint NOT NULL,
    identity_version bigint NOT NULL DEFAULT 1,
    credential_version bigint NOT NULL DEFAULT 0,
    consent_hint_at bigint,
    consent_hint_client text,
    verification_next_at bigint,
    deleted_at bigint,
    CONSTRAINT provider_connections_connection_type_check CHECK ((connection_type = ANY (ARRAY['platform'::text, 'dedicated'::text]))),
    CONSTRAINT provider_connections_consent_state_check CHECK ((consent_state = ANY (ARRAY['unknown'::text, 'required'::text, 'granted'::text, 'failed'::text, 'revoked'::text]))),
    CONSTRAINT provider_connections_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT provider_connections_target_unique UNIQUE (workspace_id, environment_id, provider, scope_kind, scope_identifier),
    CONSTRAINT provider_connections_verification_state_check CHECK ((verification_state = ANY (ARRAY['unknown'::text, 'pending'::text, 'healthy'::text, 'degraded'::text, 'blocked'::text, 'error'::text]))),
    CONSTRAINT provider_connections_workspace_id_environment_id_fkey FOREIGN KEY (workspace_id, environment_id) REFERENCES environments(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT provider_connections_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX provider_connections_default_unique ON public.provider_connections USING btree (workspace_id, environment_id, provider) WHERE is_default;
CREATE UNIQUE INDEX provider_connections_pkey ON public.provider_connections USING btree (workspace_id, id);
CREATE UNIQUE INDEX provider_connections_target_unique ON public.provider_connections USING btree (workspace_id, environment_id, provider, scope_kind, scope_identifier);

CREATE TABLE provider_credentials (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    version bigint NOT NULL,
    sealed bytea NOT NULL,
    expires_at bigint,
    undecryptable boolean NOT NULL,
    created_at bigint NOT NULL,
    stage text NOT NULL,
    kind text NOT NULL,
    kid text,
    data_key_version bigint,
    fingerprint text,
    keep_until bigint,
    checked_at bigint,
    checked_run_id uuid,
    check_reason text,
    CONSTRAINT provider_credentials_kind_check CHECK ((kind = ANY (ARRAY['client_secret'::text, 'certificate'::text, 'federated_token'::text]))),
    CONSTRAINT provider_credentials_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT provider_credentials_stage_check CHECK ((stage = ANY (ARRAY['current'::text, 'next'::text, 'previous'::text]))),
    CONSTRAINT provider_credentials_stage_unique UNIQUE (workspace_id, connection_id, stage),
    CONSTRAINT provider_credentials_version_unique UNIQUE (workspace_id, connection_id, version),
    CONSTRAINT provider_credentials_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX provider_credentials_pkey ON public.provider_credentials USING btree (workspace_id, id);
CREATE UNIQUE INDEX provider_credentials_stage_unique ON public.provider_credentials USING btree (workspace_id, connection_id, stage);
CREATE UNIQUE INDEX provider_credentials_version_unique ON public.provider_credentials USING btree (workspace_id, connection_id, version);

CREATE TABLE retention_marks (
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    pruned_until bigint NOT NULL,
    CONSTRAINT retention_marks_pkey PRIMARY KEY (workspace_id, kind),
    CONSTRAINT retention_marks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX retention_marks_pkey ON public.retention_marks USING btree (workspace_id, kind);

CREATE TABLE run_resume_points (
    workspace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    attempt integer NOT NULL,
    written_at bigint NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT run_resume_points_pkey PRIMARY KEY (workspace_id, run_id),
    CONSTRAINT run_resume_points_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT run_resume_points_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES operation_runs(workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX run_resume_points_pkey ON public.run_resume_points USING btree (workspace_id, run_id);

CREATE TABLE schedules (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL,
    operation_type text NOT NULL,
    inputs jsonb NOT NULL,
    environment_id uuid,
    connection_id uuid,
    cron text NOT NULL,
    time_zone text NOT NULL,
    jitter_seconds bigint NOT NULL,
    state text NOT NULL,
    paused_reason text,
    next_tick_at bigint,
    next_due_at bigint,
    responsible_principal_id uuid NOT NULL,
    responsible_label text NOT NULL,
    last_result text,
    last_turn_at bigint,
    last_run_id uuid,
    consecutive_skips bigint NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT schedules_check CHECK (((state = 'active'::text) = (next_tick_at IS NOT NULL))),
    CONSTRAINT schedules_check1 CHECK (((state = 'active'::text) = (next_due_at IS NOT NULL))),
    CONSTRAINT schedules_check2 CHECK (((state = 'paused'::text) OR (paused_reason IS NULL))),
    CONSTRAINT schedules_check3 CHECK (((environment_id IS NOT NULL) OR (connection_id IS NULL))),
    CONSTRAINT schedules_check4 CHECK (((last_result IS NULL) = (last_turn_at IS NULL))),
    CONSTRAINT schedules_jitter_seconds_check CHECK ((jitter_seconds >= 0)),
    CONSTRAINT schedules_last_result_check CHECK ((last_result = ANY (ARRAY['started'::text, 'skipped_active'::text, 'skipped_busy'::text, 'skipped_empty'::text, 'blocked'::text]))),
    CONSTRAINT schedules_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT schedules_responsible_principal_id_fkey FOREIGN KEY (responsible_principal_id) REFERENCES principals(id),
    CONSTRAINT schedules_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text]))),
    CONSTRAINT schedules_workspace_id_environment_id_fkey FOREIGN KEY (workspace_id, environment_id) REFERENCES environments(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT schedules_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX schedules_due ON public.schedules USING btree (next_due_at) WHERE (state = 'active'::text);
CREATE INDEX schedules_list_order ON public.schedules USING btree (workspace_id, created_at, id);
CREATE UNIQUE INDEX schedules_pkey ON public.schedules USING btree (workspace_id, id);

CREATE TABLE stream_tickets (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    principal_id uuid NOT NULL,
    ticket_hash bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    CONSTRAINT stream_tickets_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT stream_tickets_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principals(id) ON DELETE RESTRICT,
    CONSTRAINT stream_tickets_ticket_unique UNIQUE (ticket_hash),
    CONSTRAINT stream_tickets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX stream_tickets_pkey ON public.stream_tickets USING btree (workspace_id, id);
CREATE UNIQUE INDEX stream_tickets_ticket_unique ON public.stream_tickets USING btree (ticket_hash);

CREATE TABLE throttle_ledger (
    workspace_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    limit_name text NOT NULL,
    attempts bigint NOT NULL,
    throttled bigint NOT NULL,
    failed bigint NOT NULL,
    time_lost bigint NOT NULL,
    last_throttled_at bigint,
    paused_until bigint,
    updated_at bigint NOT NULL,
    CONSTRAINT throttle_ledger_pkey PRIMARY KEY (workspace_id, connection_id, limit_name),
    CONSTRAINT throttle_ledger_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES provider_connections(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT throttle_ledger_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX throttle_ledger_pkey ON public.throttle_ledger USING btree (workspace_id, connection_id, limit_name);

CREATE TABLE webhook_attempts (
    workspace_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    cycle text NOT NULL,
    occurred_at bigint NOT NULL,
    took bigint NOT NULL,
    http_status integer,
    reason_code text,
    CONSTRAINT webhook_attempts_cycle_check CHECK ((cycle = ANY (ARRAY['event'::text, 'replay'::text, 'verification'::text]))),
    CONSTRAINT webhook_attempts_pkey PRIMARY KEY (workspace_id, delivery_id, attempt),
    CONSTRAINT webhook_attempts_workspace_id_delivery_id_fkey FOREIGN KEY (workspace_id, delivery_id) REFERENCES webhook_deliveries(workspace_id, id) ON DELETE RESTRICT,
    CONSTRAINT webhook_attempts_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX webhook_attempts_pkey ON public.webhook_attempts USING btree (workspace_id, delivery_id, attempt);

CREATE TABLE webhook_deliveries (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    cycle text NOT NULL,
    event_id uuid,
    message_id text NOT NULL,
    event_type text NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    made integer NOT NULL,
    next_attempt_at bigint,
    lease_until bigint,
    created_at bigint NOT NULL,
    finished_at bigint,
    CONSTRAINT webhook_deliveries_check CHECK (((state = 'pending'::text) = (next_attempt_at IS NOT NULL))),
    CONSTRAINT webhook_deliveries_check1 CHECK (((state = 'pending'::text) = (finished_at IS NULL))),
    CONSTRAINT webhook_deliveries_check2 CHECK (((cycle = 'verification'::text) = (event_id IS NULL))),
    CONSTRAINT webhook_deliveries_cycle_check CHECK ((cycle = ANY (ARRAY['event'::text, 'replay'::text, 'verification'::text]))),
    CONSTRAINT webhook_deliveries_once UNIQUE (workspace_id, webhook_id, event_id),
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'exhausted'::text, 'discarded'::text]))),
    CONSTRAINT webhook_deliveries_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT webhook_deliveries_workspace_id_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhook_endpoints(workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX webhook_deliveries_held ON public.webhook_deliveries USING btree (workspace_id, webhook_id, lease_until) WHERE (lease_until IS NOT NULL);
CREATE UNIQUE INDEX webhook_deliveries_once ON public.webhook_deliveries USING btree (workspace_id, webhook_id, event_id);
CREATE INDEX webhook_deliveries_order ON public.webhook_deliveries USING btree (workspace_id, webhook_id, created_at, id);
CREATE UNIQUE INDEX webhook_deliveries_pkey ON public.webhook_deliveries USING btree (workspace_id, id);
CREATE INDEX webhook_deliveries_queue ON public.webhook_deliveries USING btree (workspace_id, webhook_id, next_attempt_at, id) WHERE (state = 'pending'::text);

CREATE TABLE webhook_endpoints (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    description text,
    event_types jsonb NOT NULL,
    verified_at bigint,
    disabled_reason text,
    disabled_at bigint,
    exhausted_in_a_row integer NOT NULL,
    paused_until bigint,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT webhook_endpoints_check CHECK (((disabled_reason IS NULL) = (disabled_at IS NULL))),
    CONSTRAINT webhook_endpoints_disabled_reason_check CHECK ((disabled_reason = ANY (ARRAY['by_request'::text, 'receiver_gone'::text, 'deliveries_exhausted'::text]))),
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_endpoints_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE INDEX webhook_endpoints_order ON public.webhook_endpoints USING btree (workspace_id, created_at, id);
CREATE UNIQUE INDEX webhook_endpoints_pkey ON public.webhook_endpoints USING btree (workspace_id, id);

CREATE TABLE webhook_secrets (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    sealed bytea NOT NULL,
    data_key_version bigint NOT NULL,
    undecryptable boolean NOT NULL,
    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_secrets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT,
    CONSTRAINT webhook_secrets_workspace_id_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhook_endpoints(workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX webhook_secrets_one_present ON public.webhook_secrets USING btree (workspace_id, webhook_id) WHERE (expires_at IS NULL);
CREATE UNIQUE INDEX webhook_secrets_pkey ON public.webhook_secrets USING btree (workspace_id, id);

CREATE TABLE workspace_keys (
    workspace_id uuid NOT NULL,
    version bigint NOT NULL,
    kid text NOT NULL,
    wrapped_key bytea NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT workspace_keys_kid_fkey FOREIGN KEY (kid) REFERENCES key_ring(kid),
    CONSTRAINT workspace_keys_pkey PRIMARY KEY (workspace_id, version),
    CONSTRAINT workspace_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX workspace_keys_pkey ON public.workspace_keys USING btree (workspace_id, version);

CREATE TABLE workspaces (
    id uuid NOT NULL,
    slug text NOT NULL,
    display_name text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_slug_unique UNIQUE (slug)
);
CREATE UNIQUE INDEX workspaces_pkey ON public.workspaces USING btree (id);
CREATE UNIQUE INDEX workspaces_slug_unique ON public.workspaces USING btree (slug);

