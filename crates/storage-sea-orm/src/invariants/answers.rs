//! Kept answers to named requests against the runs that they name. That a key has one record is the primary
//! key's business; that the record tells the truth is looked at here.

use std::collections::HashMap;

use kernel::{StoreError, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise, marks,
    walk::{get, rows},
};

pub(super) const CHECKS: u64 = 3;

/// How many answers one statement reads: one to a start over many environments is long.
const BATCH: u32 = 50;

const LOOK: &str =
    "compare idempotency_records, whose body names the run, with operation_runs and its audit events";

const NO_RUN: Promise = Promise {
    invariant: Invariant::V3,
    check: "answer_without_run",
    what: "the kept answer to a named request names a run that is not there",
    look: LOOK,
};

const ANOTHER_RUN: Promise = Promise {
    invariant: Invariant::V3,
    check: "answer_of_another_run",
    what: "the kept answer to a named request and the run that it names do not agree",
    look: LOOK,
};

const TWO_KEYS: Promise = Promise {
    invariant: Invariant::V3,
    check: "run_of_two_keys",
    what: "two named requests were told that the same run is new",
    look: LOOK,
};

/// What an answer says of a run.
struct Told {
    run: Uuid,
    created_at: i64,
    operation_type: String,
    /// Who asked.
    principal: Uuid,
    /// Whether the run was said to be the request's own.
    new: bool,
    /// Where the answer says that the run is.
    location: Option<String>,
}

/// What the row says.
struct Stored {
    created_at: i64,
    operation_type: String,
    initiator: Option<Uuid>,
}

pub(super) async fn look(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    let mut owners: HashMap<Uuid, u32> = HashMap::new();
    let mut after = (Uuid::nil(), String::new());
    loop {
        let sql = format!(
            "SELECT principal_id, request_key, headers, body FROM idempotency_records
            WHERE workspace_id = $1 AND (principal_id, request_key) > ($2, $3)
            ORDER BY principal_id, request_key LIMIT {}",
            BATCH.min(looker.options.batch)
        );
        let values = vec![workspace.into(), after.0.into(), after.1.into()];
        let batch = rows(looker.database, &sql, values).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = (get(last, "principal_id")?, get(last, "request_key")?);
        let mut answers = Vec::new();
        for row in &batch {
            let body: Option<String> = get(row, "body")?;
            let headers: Option<Value> = get(row, "headers")?;
            answers.extend(told(body.as_deref(), headers.as_ref(), get(row, "principal_id")?));
        }
        let runs = runs(looker, workspace, &answers).await?;
        for told in answers {
            judge(looker, workspace, &told, runs.get(&told.run)).await?;
            let owner = owners.entry(told.run).or_default();
            *owner += u32::from(told.new);
            if *owner == 2 && told.new {
                looker.violated(TWO_KEYS, Some(workspace), told.run.to_string());
            }
        }
    }
}

/// What an answer tells of a run, if it is about the start of one.
fn told(body: Option<&str>, headers: Option<&Value>, principal: Uuid) -> Option<Told> {
    let body: Value = serde_json::from_str(body?).ok()?;
    let run = body.get("run")?;
    let text = |name: &str| run.get(name).and_then(Value::as_str);
    let created_at: Timestamp = text("created_at")?.parse().ok()?;
    Some(Told {
        run: text("id")?.parse().ok()?,
        created_at: created_at.timestamp_micros(),
        operation_type: text("operation_type")?.to_owned(),
        principal,
        new: body.get("disposition").and_then(Value::as_str) != Some("deduplicated"),
        location: location(headers),
    })
}

fn location(headers: Option<&Value>) -> Option<String> {
    let headers = headers?.as_array()?;
    let named = headers
        .iter()
        .find(|header| header.get(0).and_then(Value::as_str) == Some("location"));
    named?.get(1)?.as_str().map(str::to_owned)
}

/// The runs that answers name.
async fn runs(
    looker: &Looker<'_>,
    workspace: Uuid,
    answers: &[Told],
) -> Result<HashMap<Uuid, Stored>, StoreError> {
    let mut runs = HashMap::new();
    if answers.is_empty() {
        return Ok(runs);
    }
    let places: Vec<_> = (2..answers.len() + 2).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT id, created_at, operation_type, initiator_principal_id FROM operation_runs
        WHERE workspace_id = $1 AND id IN ({})",
        places.join(", ")
    );
    let mut values = vec![workspace.into()];
    values.extend(answers.iter().map(|told| told.run.into()));
    for row in rows(looker.database, &sql, values).await? {
        let stored = Stored {
            created_at: get(&row, "created_at")?,
            operation_type: get(&row, "operation_type")?,
            initiator: get(&row, "initiator_principal_id")?,
        };
        runs.insert(get(&row, "id")?, stored);
    }
    Ok(runs)
}

async fn judge(
    looker: &mut Looker<'_>,
    workspace: Uuid,
    told: &Told,
    stored: Option<&Stored>,
) -> Result<(), StoreError> {
    let Some(stored) = stored else {
        // Read late: it may have been pruned meanwhile.
        if told.created_at > marks::of(looker.database, workspace).await?.runs {
            looker.violated(NO_RUN, Some(workspace), told.run.to_string());
        }
        return Ok(());
    };
    let elsewhere = |location: &String| !location.ends_with(&told.run.to_string());
    if stored.created_at != told.created_at
        || stored.operation_type != told.operation_type
        || (told.new && stored.initiator != Some(told.principal))
        || told.location.as_ref().is_some_and(elsewhere)
    {
        looker.violated(ANOTHER_RUN, Some(workspace), told.run.to_string());
    }
    Ok(())
}
