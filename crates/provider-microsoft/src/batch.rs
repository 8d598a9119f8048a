//! Several reads in one request, for numbers that are wanted together. Each part keeps what it
//! would have alone: its contract, its limit, its patience, its record.
//!
//! Holds reads of registered calls and nothing else, so that the whole is safe to repeat. Where
//! the provider has no batches, every part is asked for alone.

mod wire;

use std::{sync::Arc, time::Duration};

use provider_core::{ProviderFailure, ReasonCode};

use crate::{
    contracts::{Contract, ENVELOPE},
    errors::graph::{Verdict, classify},
    gateway::{
        MOST_TOKENS, Misfit, Session,
        seen::Seen,
        turnstile::{Attempt, Charge, Turnstile},
    },
    http::{Answer, TransportError},
    limiter::Limit,
    retry::{Patience, Plan},
    token::AccessToken,
    token_cache::Demand,
};

/// What came of one part.
pub(crate) enum Part {
    /// The body of its answer.
    Body(Vec<u8>),
    /// It failed, and trying again is useless.
    Failed(ReasonCode),
    /// It has to be asked for alone.
    Alone,
}

/// A part that has no answer yet.
struct Open<'s> {
    at: usize,
    contract: &'static Contract,
    /// The call's address in the envelope.
    address: String,
    turnstile: Turnstile<'s>,
    patience: Patience<'s>,
}

/// What an envelope brought.
enum Opened {
    /// An answer to each part; nothing for those that were left out.
    Parts(Vec<Option<Answer>>),
    /// No answer to any.
    Lost(Verdict),
    /// There are no batches here: the answer to the envelope.
    Refused(Seen),
}

/// Reads all of `contracts`; the result is in their order. What does not exist in the connection's
/// cloud is not sent there, and what an envelope cannot hold is left to be asked for alone.
pub(crate) async fn read(
    session: &Session<'_>,
    contracts: &[&'static Contract],
) -> Result<Vec<Part>, ProviderFailure> {
    let mut parts: Vec<Part> = contracts.iter().map(|_| Part::Alone).collect();
    let graph = session.identity().endpoints.graph();
    let mut fitting = Vec::new();
    for (at, contract) in contracts.iter().copied().enumerate() {
        if !contract.exists_in(session.identity().cloud) {
            parts[at] = Part::Failed(ReasonCode::ProviderNotProvisioned);
        } else if let Some(address) = ENVELOPE.below(contract, graph) {
            fitting.push((at, contract, address));
        }
    }
    for chunk in fitting.chunks(ENVELOPE.most()) {
        let open = chunk.iter().map(|(at, contract, address)| Open {
            at: *at,
            contract,
            address: address.clone(),
            turnstile: session.turnstile(Limit::Calls(contract.throttle())),
            patience: session.patience(contract),
        });
        rounds(session, open.collect(), &mut parts).await?;
    }
    Ok(parts)
}

/// Sends one envelope after the other until every part has its answer.
async fn rounds<'s>(
    session: &'s Session<'_>,
    mut open: Vec<Open<'s>>,
    parts: &mut [Part],
) -> Result<(), ProviderFailure> {
    let mut replaced = false;
    while !open.is_empty() {
        session.pulse().beat().await?;
        let (token, attempts) = ready(session, &mut open).await?;
        let answers: Vec<Result<Answer, Verdict>> = match exchange(session, &token, &open, &attempts).await {
            Opened::Parts(answers) => answers.into_iter().map(|answer| answer.ok_or(MISSING)).collect(),
            Opened::Lost(verdict) => open.iter().map(|_| Err(verdict)).collect(),
            Opened::Refused(seen) => {
                let attempt = Attempt {
                    call: ENVELOPE.name(),
                    ..attempts[0]
                };
                let reason = Some(ReasonCode::ProviderResponseInvalid);
                open[0].turnstile.settle(attempt, &seen, reason, None);
                return Ok(());
            }
        };
        let mut round = Round {
            may_replace: !replaced,
            ..Round::default()
        };
        let judged: Vec<_> = open
            .into_iter()
            .zip(attempts)
            .zip(answers)
            .map(|((part, attempt), answer)| Judged::of(session, part, attempt, answer))
            .collect();
        // The run waits once for all of them: that time is lost once.
        let longest = judged.iter().filter_map(Judged::weight).max();
        for judged in judged {
            let decides = round.wait.is_none() && judged.weight() == longest;
            round.take(judged, decides, parts);
        }
        open = round.left;
        if round.refused_token {
            replaced = true;
            session.replace(&token, round.challenge.as_deref()).await?;
        }
        if let Some((at, plan)) = round.wait
            && let Some(part) = open.get_mut(at)
        {
            // Parts that were asked to wait for less wait as long: their limits are closed anyway.
            part.patience.follow(plan).await?;
        }
    }
    Ok(())
}

/// A part whose answer is not there although the others are.
const MISSING: Verdict = Verdict::Later(ReasonCode::ProviderResponseInvalid, None);

/// What one envelope leaves to do.
#[derive(Default)]
struct Round<'s> {
    left: Vec<Open<'s>>,
    may_replace: bool,
    refused_token: bool,
    challenge: Option<String>,
    /// The plan that decides what is done before the next envelope, and whose it is.
    wait: Option<(usize, Plan)>,
}

/// A part with what its answer means.
struct Judged<'s> {
    part: Open<'s>,
    attempt: Attempt,
    seen: Seen,
    verdict: Result<Vec<u8>, Verdict>,
    challenge: Option<String>,
    plan: Option<Plan>,
}

impl<'s> Judged<'s> {
    fn of(session: &Session<'_>, part: Open<'s>, attempt: Attempt, answer: Result<Answer, Verdict>) -> Self {
        let seen = answer.as_ref().map(Seen::of).unwrap_or_default();
        let mut challenge = None;
        let verdict = answer.and_then(|answer| {
            if answer.is_success() {
                return Ok(answer.body);
            }
            let verdict = classify(&answer, session.now());
            challenge = answer.challenge;
            Err(verdict)
        });
        let plan = match &verdict {
            Err(Verdict::Later(reason, told)) => Some(part.patience.plan(*reason, *told)),
            Ok(_) | Err(Verdict::Token(_) | Verdict::PageToken | Verdict::Failed(_)) => None,
        };
        Self {
            part,
            attempt,
            seen,
            verdict,
            challenge,
            plan,
        }
    }

    /// How much its wait weighs, if it is going to be asked for again.
    fn weight(&self) -> Option<(bool, Duration)> {
        let plan = self.plan.filter(|plan| plan.given_up().is_none())?;
        Some(plan.weight())
    }
}

impl<'s> Round<'s> {
    /// Puts a part where it belongs. `decides` tells that its plan is the one to follow.
    fn take(&mut self, judged: Judged<'s>, decides: bool, parts: &mut [Part]) {
        let Judged {
            part,
            attempt,
            seen,
            verdict,
            challenge,
            plan,
        } = judged;
        let failed = verdict.as_ref().err().map(Verdict::reason);
        let charge = if decides { Charge::Wait } else { Charge::Nothing };
        part.turnstile
            .settle_part(attempt, &seen, failed, plan.as_ref(), charge);
        let given_up = plan.and_then(|plan| plan.given_up());
        let result = match (verdict, plan, given_up) {
            (Ok(body), ..) => Part::Body(body),
            (Err(_), _, Some(reason)) => Part::Failed(reason),
            (Err(_), Some(plan), None) => {
                if decides {
                    self.wait = Some((self.left.len(), plan));
                }
                return self.left.push(part);
            }
            (Err(Verdict::Token(_)), None, None) if self.may_replace => {
                self.refused_token = true;
                self.challenge = self.challenge.take().or(challenge);
                return self.left.push(part);
            }
            (Err(verdict), None, None) => Part::Failed(verdict.reason()),
        };
        parts[part.at] = result;
    }
}

/// A token that still lives, and an attempt for each part, when the turns of all have come and no
/// limit was closed meanwhile.
async fn ready(
    session: &Session<'_>,
    open: &mut [Open<'_>],
) -> Result<(Arc<AccessToken>, Vec<Attempt>), ProviderFailure> {
    let mut waited = vec![Duration::ZERO; open.len()];
    let mut due = vec![true; open.len()];
    let mut dead = 0;
    session.token(Demand::Cached).await?;
    while dead < MOST_TOKENS {
        for ((part, waited), due) in open.iter_mut().zip(&mut waited).zip(&due) {
            if *due {
                let cost = part.contract.cost();
                *waited += part.turnstile.turn(cost, &mut part.patience).await?;
            }
        }
        // The turns may have taken longer than the first token lived.
        let token = session.token(Demand::Cached).await?;
        // And while one was waited for, or the token, another run may have heard that a limit is
        // closed whose turn had come here. The others have had their turns and take no second one.
        due = open.iter().map(|part| part.turnstile.is_closed()).collect();
        if due.contains(&true) {
            continue;
        }
        if token.is_usable(session.now()) {
            let attempts = open
                .iter_mut()
                .zip(waited)
                .map(|(part, waited)| session.attempt(part.contract.name(), part.patience.attempt(), waited));
            return Ok((token, attempts.collect()));
        }
        dead += 1;
    }
    Err(ProviderFailure::ended(ReasonCode::ProviderResponseInvalid))
}

/// Sends one envelope.
async fn exchange(
    session: &Session<'_>,
    token: &AccessToken,
    open: &[Open<'_>],
    attempts: &[Attempt],
) -> Opened {
    let parts: Vec<_> = open
        .iter()
        .zip(attempts)
        .map(|(part, attempt)| (part.contract, part.address.as_str(), attempt.id))
        .collect();
    let url = ENVELOPE.url(session.identity().endpoints.graph());
    let id = session.parts.ids.next_uuid();
    let door = &session.parts.door;
    let answer = match door
        .post_json(url, &token.bearer, wire::envelope(&parts), id)
        .await
    {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(contract = ENVELOPE.name(), parts = parts.len(), error = %error, "no answer");
            return Opened::Lost(match &error {
                TransportError::Unreachable(_) => Verdict::Later(error.reason(), None),
                TransportError::Tls(_) | TransportError::TooLarge(_) => Verdict::Failed(error.reason()),
            });
        }
    };
    tracing::debug!(contract = ENVELOPE.name(), parts = parts.len(), status = answer.status, request_id = ?answer.request_id);
    match answer.status {
        200 => match wire::open(&answer.body, parts.len()) {
            Ok(answers) => Opened::Parts(answers),
            Err(Misfit::Broken) => Opened::Lost(MISSING),
            Err(Misfit::Foreign) => Opened::Refused(Seen::of(&answer)),
        },
        400 | 404 | 405 | 501 => Opened::Refused(Seen::of(&answer)),
        _ => Opened::Parts(parts.iter().map(|_| Some(answer.clone())).collect()),
    }
}
