//! `doctor`: what is stuck, why, and what to do; with `--invariants` whether what is promised holds.
//!
//! Exits with 0 if nothing needs attention, 65 if something does, 69 if the database is away, 78 if the
//! configuration is at fault. The JSON form is stable: keys and codes are only ever added.

use std::{sync::Arc, time::Duration};

use clap::Args;
use kernel::{SystemClock, SystemIds};
use serde_json::{Value, json};
use storage_sea_orm::{
    DatabaseUrl,
    doctor::{Doctor, DoctorOptions, Finding, Severity},
    invariants::{InvariantOptions, InvariantReport, Violation},
};

use super::{Failure, load_ring, say};
use crate::{
    compose::{ComposeError, caretaker_settings},
    settings::Settings,
};

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Look at everything that is stored, and whether it can have come about as promised. Takes a while on a
    /// large database; it may run beside production.
    #[arg(long)]
    invariants: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &DoctorArgs, settings: &Settings) -> Result<(), Failure> {
    let url = DatabaseUrl::parse(settings.database.url.expose()).map_err(Failure::config)?;
    let ring = load_ring(settings)?;
    let doctor = Doctor::open(&url, ring, Arc::new(SystemClock), Arc::new(SystemIds))
        .await
        .map_err(|error| Failure::composing(&ComposeError::Database(error)))?;
    let caretaker = caretaker_settings(settings);
    let options = DoctorOptions {
        queue: caretaker.queue,
        sweep_every: caretaker.sweep_every,
        patience: Duration::from_mins(2),
    };
    let findings = doctor.examine(&options).await.map_err(Failure::unavailable)?;
    let unreadable = findings
        .iter()
        .any(|finding| finding.code == "schema_does_not_fit");
    let report = if args.invariants && !unreadable {
        let options = InvariantOptions {
            queue: caretaker.queue,
            ..InvariantOptions::default()
        };
        Some(doctor.invariants(&options).await.map_err(Failure::unavailable)?)
    } else {
        None
    };
    doctor.close().await.map_err(Failure::other)?;
    let broken = report.as_ref().map_or(0, |report| report.violations.len());
    let attention = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Attention)
        .count()
        + broken;
    if args.json {
        say(as_json(&findings, report.as_ref(), attention));
    } else {
        say(as_text(&findings, report.as_ref(), attention));
    }
    if attention == 0 {
        return Ok(());
    }
    Err(Failure::data(format!("{attention} things need attention")))
}

fn as_json(findings: &[Finding], report: Option<&InvariantReport>, attention: usize) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code,
            "severity": finding.severity.as_str(),
            "workspace_id": finding.workspace_id,
            "subject": finding.subject,
            "since": finding.since.map(|at| at.to_rfc3339()),
            "why": finding.why,
            "next_step": finding.next_step,
        })
    };
    let violation = |violation: &Violation| {
        json!({
            "invariant": violation.invariant.as_str(),
            "check": violation.check,
            "what": violation.what,
            "workspace_id": violation.workspace_id,
            "subject": violation.subject,
            "next_step": violation.look,
        })
    };
    json!({
        "healthy": attention == 0,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "invariants": report.map(|report| json!({
            "checks": report.checks,
            "violations": report.violations.iter().map(violation).collect::<Vec<_>>(),
            "unlisted": report.unlisted,
        })),
    })
}

fn as_text(findings: &[Finding], report: Option<&InvariantReport>, attention: usize) -> String {
    let mut lines = Vec::new();
    let place = |workspace: Option<uuid::Uuid>, subject: Option<&str>| {
        let workspace = workspace.map(|id| format!(" workspace {id}")).unwrap_or_default();
        let subject = subject.map(|id| format!(" {id}")).unwrap_or_default();
        format!("{workspace}{subject}")
    };
    for finding in findings {
        let mark = finding.severity.as_str().to_uppercase();
        let since = finding
            .since
            .map(|at| format!(" since {}", at.to_rfc3339()))
            .unwrap_or_default();
        let place = place(finding.workspace_id, finding.subject.as_deref());
        lines.push(format!("{mark} {}{place}{since}", finding.code));
        lines.push(format!("    {}", finding.why));
        lines.push(format!("    next: {}", finding.next_step));
    }
    for violation in report.iter().flat_map(|report| &report.violations) {
        let place = place(violation.workspace_id, Some(&violation.subject));
        lines.push(format!(
            "BROKEN {} {}{place}",
            violation.invariant.as_str(),
            violation.check
        ));
        lines.push(format!("    {}", violation.what));
        lines.push(format!("    next: {}", violation.look));
    }
    for (check, more) in report.iter().flat_map(|report| &report.unlisted) {
        lines.push(format!("and {more} more of {check}"));
    }
    let looked = report
        .map(|report| format!("; {} checks of invariants were made", report.checks))
        .unwrap_or_default();
    lines.push(match attention {
        0 => format!("nothing needs attention{looked}"),
        _ => format!("{attention} things need attention{looked}"),
    });
    lines.join("\n")
}
