//! How a visit ends: one unit of work, in which the link is used up once and for all and
//! everything that follows from it is written.

use actix_web::web::Data;
use operations::{ConnectionChoice, GateError, OperationType, RunTrigger, StartOutcome, StartRequest, gate};
use provider_core::{
    ConsentAnswer, ConsentHint, ConsentLink, ConsentResult, ProviderConnection, ReasonCode, TextHash, Written,
};
use serde_json::Map;
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, WorkspaceScope};

use crate::{
    ApiState,
    journal::Author,
    problem::{Code, Problem},
    routes::{
        consent::asked::{entry, identity_asked, scope_of},
        operation_runs,
    },
};

/// A visit that came back.
pub(super) struct Ending {
    /// What handlers work with.
    pub(super) state: Data<ApiState>,
    /// The link.
    pub(super) link: ConsentLink,
    /// The hash of the visit's state.
    pub(super) visit: TextHash,
    /// Writes the journal entries.
    pub(super) author: Author,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Somebody agreed to what was asked.
    Recorded,
    /// Somebody declined, or could not agree.
    Declined(ReasonCode),
    /// It is no answer to what was asked.
    Rejected { code: Code, why: &'static str },
}

impl Verdict {
    /// What `answer` means. `unchanged` tells whether the question is still the present one.
    fn on(answer: &ConsentAnswer, link: &ConsentLink, unchanged: bool) -> Self {
        match answer {
            _ if !unchanged => Self::Rejected {
                code: Code::ConsentConnectionChanged,
                why: "connection",
            },
            ConsentAnswer::Refused(reason) => Self::Declined(*reason),
            ConsentAnswer::Agreed(Some(scope)) if scope.as_str() == link.question.scope_identifier => {
                Self::Recorded
            }
            ConsentAnswer::Agreed(_) => Self::Rejected {
                code: Code::ConsentTargetMismatch,
                why: "target",
            },
        }
    }

    const fn result(&self) -> ConsentResult {
        match self {
            Self::Recorded => ConsentResult::Recorded,
            Self::Declined(_) => ConsentResult::Declined,
            Self::Rejected { .. } => ConsentResult::Rejected,
        }
    }
}

/// Whether a check will judge a hint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    /// A new one.
    Check,
    /// One that was under way.
    Before,
    /// None: another run holds the target, or stored facts forbid it.
    Nothing,
}

impl Ending {
    /// It came back in another browser. Written down, because somebody may be trying; the visit
    /// goes on for the browser that it belongs to.
    pub(super) async fn turn_away(self) -> Result<(), Problem> {
        let scope = scope_of(&self.link);
        let mut work = self.state.storage.begin().await?;
        let id = self.link.question.connection_id;
        let connection = work.connections().find(&scope, id).await?;
        // A connection that was deleted has no name any more; its target says which one it was.
        let name = connection.map_or_else(
            || self.link.question.scope_identifier.clone(),
            |connection| connection.display_name.as_str().to_owned(),
        );
        let change = self.rejected(&name, "browser");
        work.consents().record_rejection(&scope, &change).await?;
        Ok(work.commit().await?)
    }

    /// Uses the link up and writes down what `answer` means.
    pub(super) async fn end(self, answer: ConsentAnswer) -> Result<ConsentResult, Problem> {
        let (state, link, scope) = (&self.state, &self.link, scope_of(&self.link));
        let mut work = state.storage.begin().await?;
        let id = link.question.connection_id;
        let connection = work.connections().find(&scope, id).await?;
        let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
        let unchanged = identity_asked(state, link, &connection).is_some();
        let verdict = Verdict::on(&answer, link, unchanged);
        let (now, result) = (state.clock.now(), verdict.result());
        let first = work
            .consents()
            .use_up(&scope, link.id, &self.visit, result, now)
            .await?;
        if !first {
            return Err(Problem::new(Code::ConsentStateUsed));
        }
        let accepted = match &verdict {
            Verdict::Recorded => self.record(&mut *work, &scope, connection.clone()).await?,
            Verdict::Declined(reason) => {
                self.decline(&mut *work, &scope, &connection, *reason).await?;
                false
            }
            Verdict::Rejected { why, .. } => {
                let change = self.rejected(connection.display_name.as_str(), why);
                work.consents().record_rejection(&scope, &change).await?;
                false
            }
        };
        work.commit().await?;
        if accepted {
            (state.wake)();
        }
        match verdict {
            Verdict::Recorded | Verdict::Declined(_) => Ok(result),
            Verdict::Rejected { code, .. } => Err(Problem::new(code)),
        }
    }

    /// Somebody agreed: a hint, and nothing that any operation but a check would go by. The run
    /// goes into the store first and the hint after it, in the order in which a worker that ends a
    /// run takes hold of both: neither waits for the other. Tells whether a worker has something
    /// to do.
    async fn record(
        &self,
        work: &mut dyn UnitOfWork,
        scope: &WorkspaceScope,
        connection: ProviderConnection,
    ) -> Result<bool, Problem> {
        let hint = ConsentHint {
            at: self.state.clock.now(),
            client_identifier: self.link.question.client_identifier.clone(),
        };
        let change = self.entry(&connection, AuditAction::ConsentRecorded, None);
        // Only with the hint may a check of a platform connection look.
        let hinted = ProviderConnection {
            consent_hint: Some(hint.clone()),
            ..connection.clone()
        };
        let started = self.start_check(work, scope, hinted).await?;
        let written = work
            .consents()
            .record_hint(scope, &connection, &hint, started != Started::Nothing, &change)
            .await?;
        unchanged(written)?;
        Ok(started == Started::Check)
    }

    async fn decline(
        &self,
        work: &mut dyn UnitOfWork,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        reason: ReasonCode,
    ) -> Result<(), Problem> {
        let fact = Some(("reason_code", reason.as_str()));
        let change = self
            .entry(connection, AuditAction::ConsentDeclined, fact)
            .failed();
        let written = work
            .consents()
            .record_refusal(scope, connection, reason, self.state.clock.now(), &change)
            .await?;
        unchanged(written)
    }

    /// Starts the check that proves or disproves it, through the one gate. When another run holds
    /// the target the hint stays, and the connection's summary says that a check is what is left.
    async fn start_check(
        &self,
        work: &mut dyn UnitOfWork,
        scope: &WorkspaceScope,
        connection: ProviderConnection,
    ) -> Result<Started, Problem> {
        let state = &self.state;
        let requirements = work.connections().requirements(scope, connection.id).await?;
        let request = StartRequest {
            operation_type: OperationType::ConnectionCheck,
            environment_id: connection.environment_id,
            inputs: Map::new(),
            trigger: RunTrigger::Consent,
        };
        let choice = ConnectionChoice::Use(Box::new(connection), requirements);
        let now = state.clock.now();
        let run = gate::prepare(scope, request, &choice, &*state.rules, &*state.ids, now);
        let change = operation_runs::entry(&self.author, &run);
        match gate::start(&mut *work.runs(), scope, run, &change).await {
            Ok(StartOutcome::Accepted(_)) => Ok(Started::Check),
            // It is the same check, and looks at the hint when it has its answer.
            Ok(StartOutcome::Deduplicated(_)) => Ok(Started::Before),
            Ok(StartOutcome::ScopeBusy { .. } | StartOutcome::Blocked(_)) | Err(GateError::Unsettled) => {
                Ok(Started::Nothing)
            }
            Err(GateError::Store(error)) => Err(error.into()),
        }
    }

    fn entry(
        &self,
        connection: &ProviderConnection,
        action: AuditAction,
        fact: Option<(&str, &str)>,
    ) -> Change {
        let name = connection.display_name.as_str();
        entry(&self.author, &self.link, name, action, fact)
    }

    fn rejected(&self, name: &str, why: &str) -> Change {
        let fact = Some(("why", why));
        entry(&self.author, &self.link, name, AuditAction::ConsentRejected, fact).failed()
    }
}

/// The connection changed between two statements: nothing is written, and the next try is told.
fn unchanged(written: Written) -> Result<(), Problem> {
    match written {
        Written::Done => Ok(()),
        Written::VersionMismatch => Err(Problem::new(Code::ConsentConnectionChanged)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use kernel::{Id, Timestamp};
    use provider_core::{ConsentQuestion, ConsentUrls as _, testing::FakeProvider};
    use uuid::Uuid;

    use super::*;
    use crate::routes::consent::callback::pairs;

    fn link() -> ConsentLink {
        let now = Timestamp::default();
        ConsentLink {
            workspace_id: Id::from_uuid(Uuid::nil()),
            id: Id::from_uuid(Uuid::nil()),
            question: ConsentQuestion {
                connection_id: Id::from_uuid(Uuid::nil()),
                identity_version: 1,
                scope_identifier: "site-1".to_owned(),
                client_identifier: FakeProvider::PLATFORM_CLIENT.to_owned(),
                permission_set: FakeProvider.permission_set(),
            },
            browser_hash: None,
            return_to: None,
            created_at: now,
            expires_at: now + TimeDelta::hours(1),
            result: None,
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let rejected = |code, why| Verdict::Rejected { code, why };
        let elsewhere = || rejected(Code::ConsentTargetMismatch, "target");
        let declined = || Verdict::Declined(ReasonCode::ProviderConsentDeclined);
        for (query, expected) in [
            ("state=s&outcome=yes&site=site-1", Verdict::Recorded),
            ("state=s&outcome=yes&site=SITE-1", Verdict::Recorded),
            ("state=s&outcome=yes&site=site-2", elsewhere()),
            ("state=s&outcome=yes&site=common", elsewhere()),
            ("state=s&outcome=yes&site=site-1&site=site-1", elsewhere()),
            ("state=s&outcome=yes", elsewhere()),
            ("state=s&outcome=no&site=site-1", declined()),
            ("state=s&outcome=no&words=%3Cscript%3E", declined()),
            ("state=s", declined()),
        ] {
            let heard = FakeProvider.read_callback(&pairs(query).expect("few"));
            let answer = heard.expect("readable").answer;
            assert_eq!(Verdict::on(&answer, &link(), true), expected, "{query}");
            let changed = rejected(Code::ConsentConnectionChanged, "connection");
            assert_eq!(Verdict::on(&answer, &link(), false), changed, "{query}");
        }
    }

    #[test]
    fn queries_are_decoded_and_bounded() {
        let decoded = pairs("a=b+c&d=%2F&e").expect("few");
        let plain: Vec<_> = decoded.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(plain, [("a", "b c"), ("d", "/"), ("e", "")]);
        assert!(pairs("").expect("none").is_empty());
        assert_eq!(pairs(&"a=b&".repeat(20)).map(|pairs| pairs.len()), Some(20));
        assert!(pairs(&"a=b&".repeat(21)).is_none());
        assert!(pairs(&format!("state={}", "x".repeat(8 * 1024))).is_none());
        for query in ["", "outcome=yes", "state=a&state=b"] {
            assert!(
                FakeProvider.read_callback(&pairs(query).expect("few")).is_err(),
                "{query}"
            );
        }
    }
}
