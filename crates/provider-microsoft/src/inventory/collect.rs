//! The inventory: every kind in turn, page by page into the sink.

use inventory::{Collection, ItemKind, ObservationSink, Section, SectionOutcome};
use provider_core::{Progress, ProviderFailure, Retry};
use serde::Deserialize;

use super::{
    outcome,
    rows::{
        AccessPolicy, CompliancePolicy, ConfigurationPolicy, Group, ManagedDevice, Observed, Organization,
        User,
    },
};
use crate::{
    contracts::table::{GROUPS_COUNT, MANAGED_DEVICE_OVERVIEW, USERS_COUNT},
    gateway::Session,
    pages::Pages,
};

/// Reads everything there is.
pub(crate) async fn run(
    session: &Session<'_>,
    sink: &mut dyn ObservationSink,
) -> Result<Collection, ProviderFailure> {
    session.pulse().beat().await?;
    let totals = Totals::read(session).await?;
    let mut reader = Reader {
        session,
        sink,
        totals,
        before: 0,
    };
    let sections = vec![
        reader.section::<Organization>().await?,
        reader.section::<User>().await?,
        reader.section::<Group>().await?,
        reader.section::<ManagedDevice>().await?,
        reader.section::<ConfigurationPolicy>().await?,
        reader.section::<CompliancePolicy>().await?,
        reader.section::<AccessPolicy>().await?,
    ];
    Ok(Collection { sections })
}

/// How many there are of the kinds that can be counted beforehand and that decide how long it
/// takes. Where a number is missing that could be there, nothing is known of the whole.
struct Totals(Option<[(ItemKind, u64); 3]>);

/// Of the "Get managedDeviceOverview" page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    enrolled_device_count: u64,
}

impl Totals {
    async fn read(session: &Session<'_>) -> Result<Self, ProviderFailure> {
        let users = known(session.get_count(&USERS_COUNT).await)?;
        let groups = known(session.get_count(&GROUPS_COUNT).await)?;
        let overview = session.get_one::<Overview>(&MANAGED_DEVICE_OVERVIEW).await;
        let devices = known(overview.map(|overview| overview.enrolled_device_count))?;
        Ok(Self(match (users, groups, devices) {
            (Some(users), Some(groups), Some(devices)) => Some([
                (ItemKind::User, users),
                (ItemKind::Group, groups),
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
    totals: Totals,
    /// The total of the counted kinds that are done.
    before: u64,
}

impl Reader<'_, '_> {
    async fn section<T: Observed>(&mut self) -> Result<Section, ProviderFailure> {
        let mut pages = Pages::new(self.session, T::CONTRACT);
        let mut items = 0;
        let outcome = loop {
            match pages.next::<T>().await {
                Ok(Some(page)) => {
                    items = if page.restarted { 0 } else { items } + page.rows.len() as u64;
                    if !page.rows.is_empty() {
                        self.sink
                            .accept(page.rows.into_iter().map(T::observe).collect(), None)
                            .await?;
                    }
                    self.report(T::KIND, items).await?;
                }
                Ok(None) => break SectionOutcome::Complete,
                Err(failure) => break outcome(failure)?,
            }
        };
        self.before += self.totals.of(T::KIND);
        Ok(Section {
            kind: T::KIND,
            outcome,
            items,
        })
    }

    /// Tells how far the run has come, if the totals are known.
    async fn report(&mut self, kind: ItemKind, items: u64) -> Result<(), ProviderFailure> {
        let processed = self.before + items.min(self.totals.of(kind));
        let progress = self.totals.sum().map(|total| Progress { processed, total });
        Ok(self.session.pulse().report(progress).await?)
    }
}
