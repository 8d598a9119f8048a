//! The table: every operation of the API, what it takes to call it, and a body that is accepted.

use kernel::{IdSource as _, SystemIds};
use serde_json::Value;

use super::bodies::{
    changes, connection, credential, identity, member, named, preview, read_all, start, way_back,
};
use crate::spec;

/// What it takes to call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing at all.
    Nothing,
    /// To be somebody.
    Token,
    /// To be a member whose role holds this.
    Capability(&'static str),
}

/// One operation.
pub(crate) struct Case {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    pub(crate) body: Option<fn(&Place) -> Value>,
    /// Whether it cannot be called without `If-Match`.
    pub(crate) matched: bool,
    /// Whether it takes something away from its connection, or the connection itself: each call
    /// that may succeed gets one of its own.
    pub(crate) spends: bool,
}

/// A workspace and one of each thing in it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) workspace: String,
    pub(crate) environment: String,
    pub(crate) connection: String,
    pub(crate) run: String,
    pub(crate) snapshot: String,
    pub(crate) notification: String,
}

impl Place {
    /// Ids that nobody ever had.
    pub(crate) fn nowhere() -> Self {
        let id = || SystemIds.next_uuid().to_string();
        Self {
            workspace: id(),
            environment: id(),
            connection: id(),
            run: id(),
            snapshot: id(),
            notification: id(),
        }
    }

    /// The address of an operation here.
    pub(crate) fn fill(&self, template: &str) -> String {
        let values = [
            ("workspace_id", self.workspace.as_str()),
            ("environment_id", &self.environment),
            ("connection_id", &self.connection),
            ("run_id", &self.run),
            ("snapshot_id", &self.snapshot),
            ("notification_id", &self.notification),
        ];
        spec::fill(template, &values)
    }
}

impl Case {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn in_workspace(&self) -> bool {
        self.path.contains("{workspace_id}")
    }

    /// The same, callable with `If-Match` only.
    const fn matched(mut self) -> Self {
        self.matched = true;
        self
    }

    /// The same, with a connection of its own for each call.
    const fn spending(mut self) -> Self {
        self.spends = true;
        self
    }

    /// Whether the path names a thing inside the workspace.
    pub(crate) fn names_a_child(&self) -> bool {
        self.path.matches('{').count() > 1
    }
}

const fn case(method: &'static str, path: &'static str, needs: Needs) -> Case {
    Case {
        method,
        path,
        needs,
        body: None,
        matched: false,
        spends: false,
    }
}

const fn get(path: &'static str, needs: Needs) -> Case {
    case("GET", path, needs)
}

const fn post(path: &'static str, needs: Needs, body: fn(&Place) -> Value) -> Case {
    sent("POST", path, needs, body)
}

/// One that takes a body.
const fn sent(method: &'static str, path: &'static str, needs: Needs, body: fn(&Place) -> Value) -> Case {
    Case {
        body: Some(body),
        ..case(method, path, needs)
    }
}

use Needs::{Capability, Nothing, Token};

/// Every operation. One that is missing here fails a test, and so does one that is not served.
pub(crate) const CASES: [Case; 55] = [
    get("/livez", Nothing),
    get("/readyz", Nothing),
    get("/metrics", Nothing),
    get("/api/v1/openapi.json", Nothing),
    get("/api/v1/operation-types", Nothing),
    get("/api/v1/problems", Nothing),
    get("/api/v1/reason-codes", Nothing),
    get("/api/v1/workspaces", Token),
    post("/api/v1/workspaces", Token, named),
    get("/api/v1/workspaces/{workspace_id}", Capability("workspace.view")),
    get(
        "/api/v1/workspaces/{workspace_id}/environments",
        Capability("workspace.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/environments/{environment_id}",
        Capability("workspace.view"),
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/environments",
        Capability("environments.manage"),
        named,
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/members",
        Capability("members.view"),
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/members",
        Capability("members.manage"),
        member,
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections",
        Capability("connections.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}",
        Capability("connections.view"),
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/connections",
        Capability("connections.manage"),
        connection,
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/connections/target-scope-preview",
        Capability("connections.view"),
        preview,
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity-resolution",
        Capability("connections.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/surface-summary",
        Capability("connections.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/history",
        Capability("connections.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/throttling",
        Capability("connections.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/call-attempts",
        Capability("connections.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/expiry-calendar",
        Capability("connections.view"),
    ),
    sent(
        "PATCH",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}",
        Capability("connections.manage"),
        changes,
    ),
    case(
        "DELETE",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}",
        Capability("connections.manage"),
    )
    .spending(),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/make-default",
        Capability("connections.manage"),
    )
    .matched(),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/enable",
        Capability("connections.manage"),
    ),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/disable",
        Capability("connections.manage"),
    )
    .spending(),
    post(
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/consent-link",
        Capability("connections.manage"),
        way_back,
    ),
    sent(
        "PUT",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity",
        Capability("credentials.manage"),
        identity,
    )
    .matched()
    .spending(),
    sent(
        "PUT",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential",
        Capability("credentials.manage"),
        credential,
    )
    .matched(),
    case(
        "DELETE",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential",
        Capability("credentials.manage"),
    )
    .matched()
    .spending(),
    sent(
        "PUT",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next",
        Capability("credentials.manage"),
        credential,
    )
    .matched(),
    case(
        "DELETE",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next",
        Capability("credentials.manage"),
    )
    .matched()
    .spending(),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/promote",
        Capability("credentials.manage"),
    )
    .matched()
    .spending(),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/rollback",
        Capability("credentials.manage"),
    )
    .matched()
    .spending(),
    get(
        "/api/v1/workspaces/{workspace_id}/operation-runs",
        Capability("operations.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}",
        Capability("operations.view"),
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/operation-runs",
        Capability("operations.start"),
        start,
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/operation-runs/preflight",
        Capability("operations.start"),
        start,
    ),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/cancel",
        Capability("operations.cancel"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/inventory/items",
        Capability("inventory.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/compliance-snapshots",
        Capability("inventory.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/compliance-snapshots/{snapshot_id}",
        Capability("inventory.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/stream",
        Capability("operations.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/events",
        Capability("workspace.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/events/stream",
        Capability("workspace.view"),
    ),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/events/stream-tickets",
        Capability("workspace.view"),
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/notifications",
        Capability("workspace.view"),
    ),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/notifications/{notification_id}/read",
        Capability("workspace.view"),
    ),
    case(
        "POST",
        "/api/v1/workspaces/{workspace_id}/notifications/{notification_id}/unread",
        Capability("workspace.view"),
    ),
    post(
        "/api/v1/workspaces/{workspace_id}/notifications/read-all",
        Capability("workspace.view"),
        read_all,
    ),
    get(
        "/api/v1/workspaces/{workspace_id}/audit-events",
        Capability("audit.view"),
    ),
];
