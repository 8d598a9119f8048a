-- The schema as the migrations make it. Written by a test, for review.

CREATE TABLE "audit_events" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "occurred_at" integer NOT NULL,
    "actor_kind" text NOT NULL CHECK ("actor_kind" IN ('principal', 'system')),
    "actor_id" uuid_text NULL,
    "actor_label" text NOT NULL,
    "action" text NOT NULL,
    "target_kind" text NOT NULL,
    "target_id" text NOT NULL,
    "target_label" text NOT NULL,
    "outcome" text NOT NULL CHECK ("outcome" IN ('success', 'failure')),
    "request_id" text NULL,
    "source_ip" text NULL,
    "metadata" jsonb_text NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE INDEX "audit_events_list_order" ON "audit_events" ("workspace_id", "occurred_at", "id");

CREATE TABLE "call_attempts" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "run_id" uuid_text NOT NULL,
    "occurred_at" integer NOT NULL,
    "call_name" text NOT NULL,
    "limit_name" text NOT NULL,
    "attempt" integer NOT NULL,
    "outcome" text NOT NULL CHECK ("outcome" IN ('throttled', 'failed')),
    "reason_code" text NULL,
    "http_status" integer NULL,
    "provider_code" text NULL,
    "request_id" uuid_text NULL,
    "trace_id" uuid_text NULL,
    "correlation_id" uuid_text NULL,
    "took" integer NOT NULL,
    "time_lost" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "run_id") REFERENCES "operation_runs" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE INDEX "call_attempts_age" ON "call_attempts" ("workspace_id", "occurred_at");

CREATE INDEX "call_attempts_of_run" ON "call_attempts" ("workspace_id", "run_id");

CREATE INDEX "call_attempts_order" ON "call_attempts" ("workspace_id", "connection_id", "occurred_at", "id");

CREATE TABLE "compliance_snapshots" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "run_id" uuid_text NOT NULL,
    "taken_at" integer NOT NULL,
    "controls" jsonb_text NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "run_id") REFERENCES "operation_runs" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE INDEX "compliance_snapshots_connection_order" ON "compliance_snapshots" ("workspace_id", "connection_id", "taken_at", "id");

CREATE INDEX "compliance_snapshots_list_order" ON "compliance_snapshots" ("workspace_id", "taken_at", "id");

CREATE INDEX "compliance_snapshots_of_run" ON "compliance_snapshots" ("workspace_id", "run_id");

CREATE TABLE "connection_history" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "axis" text NOT NULL CHECK ("axis" IN ('consent', 'verification')),
    "from_state" text NOT NULL,
    "to_state" text NOT NULL,
    "reason_code" text NULL,
    "run_id" uuid_text NULL,
    "occurred_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE INDEX "connection_history_age" ON "connection_history" ("workspace_id", "occurred_at");

CREATE INDEX "connection_history_list_order" ON "connection_history" ("workspace_id", "connection_id", "occurred_at", "id");

CREATE TABLE "connection_requirements" (
    "workspace_id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "requirement_key" text NOT NULL,
    "state" text NOT NULL CHECK ("state" IN ('granted', 'missing', 'unknown')),
    "checked_at" integer NOT NULL,
    "run_id" uuid_text NOT NULL,
    PRIMARY KEY ("workspace_id", "connection_id", "requirement_key"),
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE TABLE "connection_tags" (
    "workspace_id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "tag_key" text NOT NULL,
    "tag_value" text NOT NULL,
    PRIMARY KEY ("workspace_id", "connection_id", "tag_key"),
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE TABLE "consent_links" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "link_hash" blob NOT NULL,
    "state_hash" blob NULL,
    "browser_hash" blob NULL,
    "identity_version" integer NOT NULL,
    "scope_identifier" text NOT NULL,
    "client_identifier" text NOT NULL,
    "permission_set" text NOT NULL,
    "return_to" text NULL,
    "created_by" uuid_text NULL,
    "created_at" integer NOT NULL,
    "expires_at" integer NOT NULL,
    "started_at" integer NULL,
    "used_at" integer NULL,
    "result" text NULL CHECK ("result" IN ('recorded', 'declined', 'rejected')),
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "consent_links_link_unique" UNIQUE ("link_hash"),
    CONSTRAINT "consent_links_state_unique" UNIQUE ("state_hash"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT,
    CHECK (("used_at" IS NULL) = ("result" IS NULL))
);

CREATE INDEX "consent_links_age" ON "consent_links" ("workspace_id", "expires_at");

CREATE TABLE "environments" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "slug" text NOT NULL,
    "display_name" text NOT NULL,
    "created_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "environments_slug_unique" UNIQUE ("workspace_id", "slug"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE TABLE "event_streams" (
    "workspace_id" uuid_text NOT NULL,
    "last_sequence" integer NOT NULL,
    "first_kept" integer NOT NULL DEFAULT 1,
    PRIMARY KEY ("workspace_id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE TABLE "expiry_notices" (
    "workspace_id" uuid_text NOT NULL,
    "subject" text NOT NULL,
    "expires_at" integer NOT NULL,
    "threshold_days" integer NOT NULL,
    "noticed_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "subject", "expires_at", "threshold_days"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE TABLE "housekeeping_turns" (
    "workspace_id" uuid_text NOT NULL,
    "next_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE TABLE "idempotency_records" (
    "workspace_id" uuid_text NOT NULL,
    "principal_id" uuid_text NOT NULL,
    "request_key" text NOT NULL,
    "fingerprint" text NOT NULL,
    "fence" uuid_text NOT NULL,
    "locked_until" integer NOT NULL,
    "expires_at" integer NOT NULL,
    "status" integer NULL,
    "headers" jsonb_text NULL,
    "body" text NULL,
    PRIMARY KEY ("workspace_id", "principal_id", "request_key"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("principal_id") REFERENCES "principals" ("id"),
    CHECK (("status" IS NULL) = ("headers" IS NULL)),
    CHECK ("status" IS NOT NULL OR "body" IS NULL)
);

CREATE INDEX "idempotency_records_expiry" ON "idempotency_records" ("expires_at");

CREATE TABLE "inventory_items" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "kind" text NOT NULL,
    "external_id" text NOT NULL,
    "display_name" text NOT NULL,
    "attributes" jsonb_text NOT NULL,
    "content_hash" text NOT NULL,
    "version" integer NOT NULL,
    "first_seen_at" integer NOT NULL,
    "last_seen_at" integer NOT NULL,
    "last_seen_run_id" uuid_text NOT NULL,
    "first_seen_run_id" uuid_text NOT NULL,
    "changed_run_id" uuid_text NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "inventory_items_external_unique" UNIQUE ("workspace_id", "connection_id", "kind", "external_id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "last_seen_run_id") REFERENCES "operation_runs" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE INDEX "inventory_items_connection_order" ON "inventory_items" ("workspace_id", "connection_id", "first_seen_at", "id");

CREATE INDEX "inventory_items_list_order" ON "inventory_items" ("workspace_id", "first_seen_at", "id");

CREATE INDEX "inventory_items_run_order" ON "inventory_items" ("workspace_id", "last_seen_run_id", "connection_id");

CREATE TABLE "key_ring" (
    "kid" text NOT NULL PRIMARY KEY,
    "check_value" blob NOT NULL,
    "registered_at" integer NOT NULL ,
    "state" text NOT NULL DEFAULT 'registered' CHECK ("state" IN ('registered', 'active', 'retired', 'lost')),
    "changed_at" integer NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX "key_ring_active_unique" ON "key_ring" ("state") WHERE "state" = 'active';

CREATE TABLE "members" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "principal_id" uuid_text NOT NULL,
    "label" text NOT NULL,
    "role" text NOT NULL CHECK ("role" IN ('owner', 'manager', 'operator', 'readonly')),
    "created_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "members_principal_unique" UNIQUE ("workspace_id", "principal_id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("principal_id") REFERENCES "principals" ("id")
);

CREATE INDEX "members_of_principal" ON "members" ("principal_id");

CREATE TABLE "notifications" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "principal_id" uuid_text NOT NULL,
    "run_id" uuid_text NOT NULL,
    "operation_type" text NOT NULL,
    "outcome" text NOT NULL CHECK ("outcome" IN ('succeeded', 'partially_succeeded', 'blocked', 'failed', 'canceled')),
    "environment_id" uuid_text NULL,
    "sequence" integer NOT NULL,
    "created_at" integer NOT NULL,
    "read_at" integer NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("principal_id") REFERENCES "principals" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "run_id") REFERENCES "operation_runs" ("workspace_id", "id") ON DELETE CASCADE
);

CREATE INDEX "notifications_order" ON "notifications" ("workspace_id", "principal_id", "created_at", "id");

CREATE UNIQUE INDEX "notifications_run_unique" ON "notifications" ("workspace_id", "run_id");

CREATE INDEX "notifications_unread" ON "notifications" ("workspace_id", "principal_id") WHERE "read_at" IS NULL;

CREATE TABLE "operation_runs" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "environment_id" uuid_text NULL,
    "connection_id" uuid_text NULL,
    "operation_type" text NOT NULL,
    "status" text NOT NULL CHECK ("status" IN ('queued', 'running', 'completed')),
    "outcome" text NOT NULL CHECK ("outcome" IN ('pending', 'succeeded', 'partially_succeeded', 'blocked', 'failed', 'canceled')),
    "scope_key" text NULL,
    "identity_hash" text NOT NULL,
    "inputs" jsonb_text NOT NULL,
    "initiator_principal_id" uuid_text NULL,
    "initiator_label" text NOT NULL,
    "attempt" integer NOT NULL,
    "lost_leases" integer NOT NULL,
    "lease_owner" text NULL,
    "lease_until" integer NULL,
    "heartbeat_at" integer NULL,
    "started_at" integer NULL,
    "completed_at" integer NULL,
    "not_before" integer NULL,
    "cancel_requested_at" integer NULL,
    "retry_of" uuid_text NULL,
    "context" jsonb_text NOT NULL,
    "counts" jsonb_text NOT NULL,
    "failures" jsonb_text NOT NULL,
    "progress_processed" integer NULL,
    "progress_total" integer NULL,
    "created_at" integer NOT NULL,
    "waiting_since" integer NULL,
    "waiting_reason" text NULL,
    "waited" integer NOT NULL DEFAULT 0,
    "kind" text NOT NULL DEFAULT 'job' CHECK ("kind" IN ('job', 'group')),
    "trigger_kind" text NOT NULL DEFAULT 'api' CHECK ("trigger_kind" IN ('api', 'bulk', 'schedule', 'consent', 'system')),
    "parent_run_id" uuid_text NULL,
    "schedule_id" uuid_text NULL,
    "queued_at" integer NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "environment_id") REFERENCES "environments" ("workspace_id", "id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT,
    FOREIGN KEY ("initiator_principal_id") REFERENCES "principals" ("id"),
    CHECK (("status" IN ('queued', 'running')) = ("outcome" = 'pending')),
    CHECK (("status" IN ('queued', 'running')) = ("completed_at" IS NULL)),
    CHECK (("lease_until" IS NULL) = ("lease_owner" IS NULL)),
    CHECK ("status" = 'completed' OR "scope_key" IS NOT NULL),
    CHECK ("status" = 'completed' OR "environment_id" IS NULL OR "connection_id" IS NOT NULL),
    CHECK (("status" = 'running' AND "kind" = 'job') = ("lease_until" IS NOT NULL))
);

CREATE INDEX "operation_runs_active_list" ON "operation_runs" ("workspace_id", "created_at", "id") WHERE "completed_at" IS NULL;

CREATE UNIQUE INDEX "operation_runs_active_scope_unique" ON "operation_runs" ("workspace_id", "scope_key") WHERE "status" IN ('queued', 'running');

CREATE INDEX "operation_runs_at_work" ON "operation_runs" ("workspace_id", "operation_type") WHERE "status" = 'running' AND "kind" = 'job';

CREATE INDEX "operation_runs_children_order" ON "operation_runs" ("workspace_id", "parent_run_id", "created_at", "id") WHERE "parent_run_id" IS NOT NULL;

CREATE INDEX "operation_runs_connection_order" ON "operation_runs" ("workspace_id", "connection_id", "created_at", "id");

CREATE INDEX "operation_runs_environment_order" ON "operation_runs" ("workspace_id", "environment_id", "created_at", "id");

CREATE INDEX "operation_runs_gathering" ON "operation_runs" ("workspace_id", "created_at") WHERE "status" = 'running' AND "kind" = 'group';

CREATE INDEX "operation_runs_list_order" ON "operation_runs" ("workspace_id", "created_at", "id");

CREATE INDEX "operation_runs_queue_order" ON "operation_runs" ("workspace_id", "operation_type", "created_at", "id") WHERE "status" = 'queued' AND "kind" = 'job';

CREATE INDEX "operation_runs_schedule_order" ON "operation_runs" ("workspace_id", "schedule_id", "created_at", "id") WHERE "schedule_id" IS NOT NULL;

CREATE TABLE "outbox_events" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "kind" text NOT NULL,
    "subject_kind" text NOT NULL,
    "subject_id" text NOT NULL,
    "payload" jsonb_text NOT NULL,
    "created_at" integer NOT NULL,
    "sequence" integer NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE UNIQUE INDEX "outbox_events_stream" ON "outbox_events" ("workspace_id", "sequence");

CREATE INDEX "outbox_events_subject_order" ON "outbox_events" ("workspace_id", "subject_id", "sequence");

CREATE INDEX "outbox_events_unnumbered" ON "outbox_events" ("workspace_id") WHERE "sequence" IS NULL;

CREATE TABLE "platform_targets" (
    "provider" text NOT NULL,
    "realm" text NOT NULL,
    "scope_kind" text NOT NULL,
    "scope_identifier" text NOT NULL,
    "workspace_id" uuid_text NOT NULL,
    "proven_at" integer NOT NULL,
    PRIMARY KEY ("provider", "realm", "scope_kind", "scope_identifier"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE TABLE "principals" (
    "id" uuid_text NOT NULL PRIMARY KEY,
    "issuer" text NOT NULL,
    "subject" text NOT NULL,
    "created_at" integer NOT NULL,
    CONSTRAINT "principals_key_unique" UNIQUE ("issuer", "subject")
);

CREATE TABLE "provider_connections" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "environment_id" uuid_text NOT NULL,
    "version" integer NOT NULL,
    "display_name" text NOT NULL,
    "connection_type" text NOT NULL CHECK ("connection_type" IN ('platform', 'dedicated')),
    "provider" text NOT NULL,
    "scope_kind" text NOT NULL,
    "scope_identifier" text NOT NULL,
    "scope_display_name" text NOT NULL,
    "realm" text NOT NULL,
    "client_identifier" text NULL,
    "is_default" boolean NOT NULL,
    "is_enabled" boolean NOT NULL,
    "consent_state" text NOT NULL CHECK ("consent_state" IN ('unknown', 'required', 'granted', 'failed', 'revoked')),
    "consent_reason" text NULL,
    "consent_since" integer NOT NULL,
    "consent_checked_at" integer NULL,
    "consent_run_id" uuid_text NULL,
    "verification_state" text NOT NULL CHECK ("verification_state" IN ('unknown', 'pending', 'healthy', 'degraded', 'blocked', 'error')),
    "verification_reason" text NULL,
    "verification_since" integer NOT NULL,
    "verification_checked_at" integer NULL,
    "verification_run_id" uuid_text NULL,
    "created_at" integer NOT NULL,
    "identity_version" integer NOT NULL DEFAULT 1,
    "credential_version" integer NOT NULL DEFAULT 0,
    "consent_hint_at" integer NULL,
    "consent_hint_client" text NULL,
    "verification_next_at" integer NULL,
    "deleted_at" integer NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "provider_connections_target_unique" UNIQUE ("workspace_id", "environment_id", "provider", "scope_kind", "scope_identifier"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "environment_id") REFERENCES "environments" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE UNIQUE INDEX "provider_connections_default_unique" ON "provider_connections" ("workspace_id", "environment_id", "provider") WHERE "is_default";

CREATE TABLE "provider_credentials" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "version" integer NOT NULL,
    "sealed" blob NOT NULL,
    "expires_at" integer NULL,
    "undecryptable" boolean NOT NULL,
    "created_at" integer NOT NULL,
    "stage" text NOT NULL CHECK ("stage" IN ('current', 'next', 'previous')),
    "kind" text NOT NULL CHECK ("kind" IN ('client_secret', 'certificate', 'federated_token')),
    "kid" text NULL,
    "data_key_version" integer NULL,
    "fingerprint" text NULL,
    "keep_until" integer NULL,
    "checked_at" integer NULL,
    "checked_run_id" uuid_text NULL,
    "check_reason" text NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "provider_credentials_stage_unique" UNIQUE ("workspace_id", "connection_id", "stage"),
    CONSTRAINT "provider_credentials_version_unique" UNIQUE ("workspace_id", "connection_id", "version"),
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE TABLE "retention_marks" (
    "workspace_id" uuid_text NOT NULL,
    "kind" text NOT NULL,
    "pruned_until" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "kind"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT
);

CREATE TABLE "run_resume_points" (
    "workspace_id" uuid_text NOT NULL,
    "run_id" uuid_text NOT NULL,
    "attempt" integer NOT NULL,
    "written_at" integer NOT NULL,
    "sealed" blob NOT NULL,
    PRIMARY KEY ("workspace_id", "run_id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "run_id") REFERENCES "operation_runs" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE TABLE "schedules" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "display_name" text NOT NULL,
    "operation_type" text NOT NULL,
    "inputs" jsonb_text NOT NULL,
    "environment_id" uuid_text NULL,
    "connection_id" uuid_text NULL,
    "cron" text NOT NULL,
    "time_zone" text NOT NULL,
    "jitter_seconds" integer NOT NULL CHECK ("jitter_seconds" >= 0),
    "state" text NOT NULL CHECK ("state" IN ('active', 'paused')),
    "paused_reason" text NULL,
    "next_tick_at" integer NULL,
    "next_due_at" integer NULL,
    "responsible_principal_id" uuid_text NOT NULL,
    "responsible_label" text NOT NULL,
    "last_result" text NULL CHECK ("last_result" IN ('started', 'skipped_active', 'skipped_busy', 'skipped_empty', 'blocked')),
    "last_turn_at" integer NULL,
    "last_run_id" uuid_text NULL,
    "consecutive_skips" integer NOT NULL,
    "version" integer NOT NULL,
    "created_at" integer NOT NULL,
    "updated_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "environment_id") REFERENCES "environments" ("workspace_id", "id") ON DELETE RESTRICT,
    FOREIGN KEY ("responsible_principal_id") REFERENCES "principals" ("id"),
    CHECK (("state" = 'active') = ("next_tick_at" IS NOT NULL)),
    CHECK (("state" = 'active') = ("next_due_at" IS NOT NULL)),
    CHECK ("state" = 'paused' OR "paused_reason" IS NULL),
    CHECK ("environment_id" IS NOT NULL OR "connection_id" IS NULL),
    CHECK (("last_result" IS NULL) = ("last_turn_at" IS NULL))
);

CREATE INDEX "schedules_due" ON "schedules" ("next_due_at") WHERE "state" = 'active';

CREATE INDEX "schedules_list_order" ON "schedules" ("workspace_id", "created_at", "id");

CREATE TABLE "stream_tickets" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "principal_id" uuid_text NOT NULL,
    "ticket_hash" blob NOT NULL,
    "created_at" integer NOT NULL,
    "expires_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "stream_tickets_ticket_unique" UNIQUE ("ticket_hash"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("principal_id") REFERENCES "principals" ("id") ON DELETE RESTRICT
);

CREATE TABLE "throttle_ledger" (
    "workspace_id" uuid_text NOT NULL,
    "connection_id" uuid_text NOT NULL,
    "limit_name" text NOT NULL,
    "attempts" integer NOT NULL,
    "throttled" integer NOT NULL,
    "failed" integer NOT NULL,
    "time_lost" integer NOT NULL,
    "last_throttled_at" integer NULL,
    "paused_until" integer NULL,
    "updated_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "connection_id", "limit_name"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "connection_id") REFERENCES "provider_connections" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE TABLE "webhook_attempts" (
    "workspace_id" uuid_text NOT NULL,
    "delivery_id" uuid_text NOT NULL,
    "attempt" integer NOT NULL,
    "cycle" text NOT NULL CHECK ("cycle" IN ('event', 'replay', 'verification')),
    "occurred_at" integer NOT NULL,
    "took" integer NOT NULL,
    "http_status" integer NULL,
    "reason_code" text NULL,
    PRIMARY KEY ("workspace_id", "delivery_id", "attempt"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "delivery_id") REFERENCES "webhook_deliveries" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE TABLE "webhook_deliveries" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "webhook_id" uuid_text NOT NULL,
    "cycle" text NOT NULL CHECK ("cycle" IN ('event', 'replay', 'verification')),
    "event_id" uuid_text NULL,
    "message_id" text NOT NULL,
    "event_type" text NOT NULL,
    "state" text NOT NULL CHECK ("state" IN ('pending', 'delivered', 'exhausted', 'discarded')),
    "attempt" integer NOT NULL,
    "made" integer NOT NULL,
    "next_attempt_at" integer NULL,
    "lease_until" integer NULL,
    "created_at" integer NOT NULL,
    "finished_at" integer NULL,
    PRIMARY KEY ("workspace_id", "id"),
    CONSTRAINT "webhook_deliveries_once" UNIQUE ("workspace_id", "webhook_id", "event_id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "webhook_id") REFERENCES "webhook_endpoints" ("workspace_id", "id") ON DELETE RESTRICT,
    CHECK (("state" = 'pending') = ("next_attempt_at" IS NOT NULL)),
    CHECK (("state" = 'pending') = ("finished_at" IS NULL)),
    CHECK (("cycle" = 'verification') = ("event_id" IS NULL))
);

CREATE INDEX "webhook_deliveries_held" ON "webhook_deliveries" ("workspace_id", "webhook_id", "lease_until") WHERE "lease_until" IS NOT NULL;

CREATE INDEX "webhook_deliveries_order" ON "webhook_deliveries" ("workspace_id", "webhook_id", "created_at", "id");

CREATE INDEX "webhook_deliveries_queue" ON "webhook_deliveries" ("workspace_id", "webhook_id", "next_attempt_at", "id") WHERE "state" = 'pending';

CREATE TABLE "webhook_endpoints" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "url" text NOT NULL,
    "description" text NULL,
    "event_types" jsonb_text NOT NULL,
    "verified_at" integer NULL,
    "disabled_reason" text NULL CHECK ("disabled_reason" IN ('by_request', 'receiver_gone', 'deliveries_exhausted')),
    "disabled_at" integer NULL,
    "exhausted_in_a_row" integer NOT NULL,
    "paused_until" integer NULL,
    "version" integer NOT NULL,
    "created_at" integer NOT NULL,
    "updated_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    CHECK (("disabled_reason" IS NULL) = ("disabled_at" IS NULL))
);

CREATE INDEX "webhook_endpoints_order" ON "webhook_endpoints" ("workspace_id", "created_at", "id");

CREATE TABLE "webhook_secrets" (
    "workspace_id" uuid_text NOT NULL,
    "id" uuid_text NOT NULL,
    "webhook_id" uuid_text NOT NULL,
    "created_at" integer NOT NULL,
    "expires_at" integer NULL,
    "sealed" blob NOT NULL,
    "data_key_version" integer NOT NULL,
    "undecryptable" boolean NOT NULL,
    PRIMARY KEY ("workspace_id", "id"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("workspace_id", "webhook_id") REFERENCES "webhook_endpoints" ("workspace_id", "id") ON DELETE RESTRICT
);

CREATE UNIQUE INDEX "webhook_secrets_one_present" ON "webhook_secrets" ("workspace_id", "webhook_id") WHERE "expires_at" IS NULL;

CREATE TABLE "workspace_keys" (
    "workspace_id" uuid_text NOT NULL,
    "version" integer NOT NULL,
    "kid" text NOT NULL,
    "wrapped_key" blob NOT NULL,
    "created_at" integer NOT NULL,
    PRIMARY KEY ("workspace_id", "version"),
    FOREIGN KEY ("workspace_id") REFERENCES "workspaces" ("id") ON DELETE RESTRICT,
    FOREIGN KEY ("kid") REFERENCES "key_ring" ("kid")
);

CREATE TABLE "workspaces" (
    "id" uuid_text NOT NULL PRIMARY KEY,
    "slug" text NOT NULL,
    "display_name" text NOT NULL,
    "created_at" integer NOT NULL,
    CONSTRAINT "workspaces_slug_unique" UNIQUE ("slug")
);

