//! The inventory: every kind in turn, page by page into the sink, each page with where another
//! attempt could go on after it. A row that cannot be read costs itself and the section's claim to
//! be complete; all others are kept.

use inventory::{Collection, ItemKind, ObservationSink, ObservedItem, Section, SectionOutcome};
use provider_core::{Progress, ProviderFailure, ReasonCode, Retry};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    outcome,
    rows::{
        AccessPolicy, Application, CompliancePolicy, ConfigurationPolicy, DirectoryRole, Domain,
        EnrollmentPolicy, Group, ManagedDevice, NetworkLocation, Observed, Organization, RegisteredDevice,
        SettingsPolicy, Subscription, User,
    },
};
use crate::{
    batch::{self, Part},
    contracts::{
        Contract,
        table::{DEVICES_COUNT, GROUPS_COUNT, MANAGED_DEVICE_OVERVIEW, USERS_COUNT},
    },
    gateway::{Misfit, Session, count, json},
    pages::{Page, Pages},
    resume::{Operation, Trail},
    token_cache::Demand,
};

/// The longest text of an item, all of it together. What is longer is no name and no state.
const LONGEST_ITEM: usize = 64 << 10;

/// Reads everything there is, or what an earlier attempt left of it.
pub(crate) async fn run(
    session: &Session<'_>,
    sink: &mut dyn ObservationSink,
) -> Result<Collection, ProviderFailure> {
    session.pulse().beat().await?;
    // Without a token nothing can be read: that ends the run and not one section after the other.
    session.token(Demand::Cached).await?;
    let mut trail = Trail::open(session, Operation::Collect);
    let totals = match trail.totals() {
        Some(totals) => totals,
        None => Totals::read(session).await?,
    };
    trail.set_totals(&totals);
    let mut reader = Reader {
        session,
        sink,
        trail,
        totals,
        before: 0,
    };
    let sections = vec![
        reader.section::<Organization>().await?,
        reader.section::<User>().await?,
        reader.section::<Group>().await?,
        reader.section::<RegisteredDevice>().await?,
        reader.section::<DirectoryRole>().await?,
        reader.section::<Domain>().await?,
        reader.section::<Subscription>().await?,
        reader.section::<ManagedDevice>().await?,
        reader.section::<ConfigurationPolicy>().await?,
        reader.section::<SettingsPolicy>().await?,
        reader.section::<CompliancePolicy>().await?,
        reader.section::<EnrollmentPolicy>().await?,
        reader.section::<Application>().await?,
        reader.section::<AccessPolicy>().await?,
        reader.section::<NetworkLocation>().await?,
    ];
    Ok(Collection { sections })
}

/// How many there are of the kinds that can be counted beforehand and that decide how long it
/// takes. Where a number is missing that could be there, nothing is known of the whole.
#[derive(Serialize, Deserialize)]
struct Totals(Option<[(ItemKind, u64); 4]>);

/// Of the "Get managedDeviceOverview" page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    enrolled_device_count: u64,
}

impl Totals {
    /// Asked for in one request, where the provider takes it.
    async fn read(session: &Session<'_>) -> Result<Self, ProviderFailure> {
        let contracts = [
            &USERS_COUNT,
            &GROUPS_COUNT,
            &DEVICES_COUNT,
            &MANAGED_DEVICE_OVERVIEW,
        ];
        let mut parts = batch::read(session, &contracts).await?.into_iter();
        let mut next = || parts.next().unwrap_or(Part::Alone);
        let users = known(whole(session, &USERS_COUNT, next(), count).await)?;
        let groups = known(whole(session, &GROUPS_COUNT, next(), count).await)?;
        let registered = known(whole(session, &DEVICES_COUNT, next(), count).await)?;
        let overview = whole(session, &MANAGED_DEVICE_OVERVIEW, next(), json::<Overview>).await;
        let devices = known(overview.map(|overview| overview.enrolled_device_count))?;
        Ok(Self(match (users, groups, registered, devices) {
            (Some(users), Some(groups), Some(registered), Some(devices)) => Some([
                (ItemKind::User, users),
                (ItemKind::Group, groups),
                (ItemKind::RegisteredDevice, registered),
                (ItemKind::Device, devices),
            ]),
            _ => None,
        }))
    }

    fn of(&self, kind: ItemKind) -> u64 {
        let totals = self.0.iter().flatten();
        totals
            .filter(|(own, _)| *own == kind)
            .map(|(_, total)| *total)
            .sum()
    }

    fn sum(&self) -> Option<u64> {
        self.0.map(|totals| totals.iter().map(|(_, total)| *total).sum())
    }
}

/// What a part of a batch holds, or the call alone.
async fn whole<T>(
    session: &Session<'_>,
    contract: &'static Contract,
    part: Part,
    parse: fn(&[u8]) -> Result<T, Misfit>,
) -> Result<T, ProviderFailure> {
    match part {
        Part::Body(body) => {
            parse(&body).map_err(|_| ProviderFailure::ended(ReasonCode::ProviderResponseInvalid))
        }
        Part::Failed(reason) => Err(session.failed(reason)),
        Part::Alone => session.get_whole(contract, parse).await,
    }
}

/// A number that the run can do without: none of a kind that is not assessed, unknown after any
/// other failure that the reading of that kind will meet again and report.
fn known(answer: Result<u64, ProviderFailure>) -> Result<Option<u64>, ProviderFailure> {
    match answer {
        Ok(number) => Ok(Some(number)),
        Err(
            failure @ ProviderFailure::Provider {
                retry: Retry::Never, ..
            },
        ) => Ok(matches!(outcome(failure), Ok(SectionOutcome::NotAssessed(_))).then_some(0)),
        Err(failure) => Err(failure),
    }
}

struct Reader<'r, 'a> {
    session: &'r Session<'a>,
    sink: &'r mut dyn ObservationSink,
    trail: Trail,
    totals: Totals,
    /// The total of the counted kinds that are done.
    before: u64,
}

/// What a section came to so far.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Sum {
    items: u64,
    /// Objects that could not be read, or are no items.
    skipped: u64,
}

impl Sum {
    /// A list of which a part could not be read is not complete, whatever else was read of it.
    const fn outcome(self) -> SectionOutcome {
        if self.skipped == 0 {
            SectionOutcome::Complete
        } else {
            SectionOutcome::Failed(ReasonCode::ProviderResponseInvalid)
        }
    }
}

impl Reader<'_, '_> {
    async fn section<T: Observed>(&mut self) -> Result<Section, ProviderFailure> {
        let part = T::CONTRACT.name();
        let (outcome, sum) = match self.trail.finished::<Sum>(part) {
            Some((ending, sum)) => (ending.into(), sum),
            None => self.read::<T>(part).await?,
        };
        self.before += self.totals.of(T::KIND);
        Ok(Section {
            kind: T::KIND,
            outcome,
            items: sum.items,
        })
    }

    async fn read<T: Observed>(&mut self, part: &str) -> Result<(SectionOutcome, Sum), ProviderFailure> {
        let (mut pages, mut sum) = self.trail.pages::<Sum>(self.session, T::CONTRACT);
        let outcome = loop {
            match pages.next::<T>().await {
                Ok(Some(page)) => {
                    if page.restarted {
                        sum = Sum::default();
                    }
                    self.take(part, &mut sum, page, &pages).await?;
                    self.report(T::KIND, sum.items).await?;
                }
                Ok(None) => break sum.outcome(),
                Err(failure) => break outcome(failure)?,
            }
        };
        if sum.skipped > 0 {
            tracing::warn!(
                contract = part,
                skipped = sum.skipped,
                "objects could not be read"
            );
        }
        self.trail.finish(part, outcome.into(), &sum);
        Ok((outcome, sum))
    }

    /// Hands a page on, together with where to go on after it.
    async fn take<T: Observed>(
        &mut self,
        part: &str,
        sum: &mut Sum,
        page: Page<T>,
        pages: &Pages<'_, '_>,
    ) -> Result<(), ProviderFailure> {
        let all = page.rows.len();
        let items: Vec<_> = page.rows.into_iter().map(T::observe).filter(fits).collect();
        sum.items += items.len() as u64;
        sum.skipped += page.skipped + (all - items.len()) as u64;
        let now = self.session.now();
        if pages.link().is_some() {
            self.trail.note(part, sum, pages, now);
        } else {
            self.trail.finish(part, sum.outcome().into(), sum);
        }
        if !items.is_empty() {
            let point = self.trail.point(now);
            self.sink.accept(items, point.as_ref()).await?;
        }
        Ok(())
    }

    /// Tells how far the run has come, if the totals are known.
    async fn report(&mut self, kind: ItemKind, items: u64) -> Result<(), ProviderFailure> {
        let processed = self.before + items.min(self.totals.of(kind));
        let progress = self.totals.sum().map(|total| Progress { processed, total });
        Ok(self.session.pulse().report(progress).await?)
    }
}

/// Whether an item can be told from others and is of a size that is worth keeping.
fn fits(item: &ObservedItem) -> bool {
    let attributes: usize = item.attributes.values().map(text_of).sum();
    let named = item.external_id.chars().any(|character| character != '\0');
    named && item.display_name.len() + attributes <= LONGEST_ITEM
}

fn text_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_of).sum(),
        Value::Object(map) => map.values().map(text_of).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
