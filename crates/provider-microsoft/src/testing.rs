//! What tests of this crate share: a stage with the simulator on it, a set with a service of a test's
//! own making, and the runs that play there.

use std::sync::Arc;

use inventory::{Collection, InventoryExecutor as _, ItemKind, ObservedItem, SectionOutcome};
use kernel::{Clock as _, IdSource as _, ManualClock, SecretText, SequentialIds, SystemClock, Timestamp};
use microsoft_simulator::{AppOptions, Fault, FaultKind, Simulator, SimulatorOptions, TenantOptions};
use provider_core::{
    ConnectionAccess, ConnectionCheck, ConnectionId, CredentialKind, Destination, OpenedCredential,
    ProviderExecutor as _, ProviderFailure, ScopeIdentifier, ScopeKind, ScopeRules as _,
};
use url::Url;
use uuid::{Uuid, uuid};

use crate::{EndpointOverride, FederatedSources, MicrosoftProvider, MicrosoftScopeRules, MicrosoftSettings};

pub(crate) use self::run::{RecordedPauses, Run, Seen};
use self::service::{Heard, Reply, Service};

pub(crate) mod run;
pub(crate) mod scripted;
pub(crate) mod service;

pub(crate) const TENANT: Uuid = uuid!("11111111-bbbb-4ccc-8ddd-000000000002");
pub(crate) const CLIENT: Uuid = uuid!("11111111-aaaa-4bbb-8ccc-000000000001");
pub(crate) const SECRET: &str = "a~8Q-the.right_secret";

/// How one kind came out.
pub(crate) fn section(collection: &Collection, kind: ItemKind) -> (SectionOutcome, u64) {
    let section = collection
        .sections
        .iter()
        .find(|section| section.kind == kind)
        .expect("every kind is there");
    (section.outcome, section.items)
}

/// A connection to `tenant` with `secret`.
pub(crate) fn access(secret: &str) -> ConnectionAccess {
    ConnectionAccess {
        connection_id: ConnectionId::from_uuid(SequentialIds::default().next_uuid()),
        workspace: uuid::Uuid::from_u128(1),
        destination: Destination {
            provider: MicrosoftScopeRules::default().provider(),
            realm: "global".to_owned(),
            scope_kind: ScopeKind::Tenant,
            scope_identifier: ScopeIdentifier::canonical(TENANT.to_string()),
            client_identifier: Some(CLIENT.to_string()),
        },
        credential: OpenedCredential {
            version: 1,
            kind: CredentialKind::ClientSecret,
            secret: SecretText::new(secret.to_owned()),
        },
    }
}

/// A simulator with one tenant, an adapter that points at it, and a connection.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) provider: MicrosoftProvider,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) pauses: Arc<RecordedPauses>,
    pub(crate) access: ConnectionAccess,
    pub(crate) run: Run,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut TenantOptions)) -> Self {
        let mut tenant = TenantOptions::sample(TENANT);
        tenant.apps.push(AppOptions::consented(CLIENT, SECRET));
        change(&mut tenant);
        let options = SimulatorOptions {
            tenants: vec![tenant],
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.expect("a free port");
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let pauses = Arc::new(RecordedPauses::on(&clock));
        let provider = adapter(&simulator.base_url(), &clock, &pauses);
        Self {
            simulator,
            provider,
            clock,
            pauses,
            access: access(SECRET),
            run: Run::default(),
        }
    }

    pub(crate) fn fault(&self, path_contains: &str, times: u32, kind: FaultKind) {
        let path_contains = path_contains.to_owned();
        self.simulator.control().inject(Fault {
            path_contains,
            times,
            kind,
        });
    }

    /// How often a path was asked for.
    pub(crate) fn calls(&self, path_contains: &str) -> usize {
        self.simulator
            .control()
            .calls()
            .iter()
            .filter(|call| call.path.contains(path_contains))
            .count()
    }

    pub(crate) async fn check(&self) -> Result<ConnectionCheck, ProviderFailure> {
        self.provider.check(&self.access, &self.run).await
    }

    /// A run of its own.
    pub(crate) async fn collect(&self) -> Result<(Collection, Vec<ObservedItem>), ProviderFailure> {
        let mut seen = Seen::default();
        let collection = self.provider.collect(&self.access, &self.run, &mut seen).await?;
        Ok((collection, seen.items))
    }
}

/// A service of a test's own making, an adapter that points at it, and a connection.
pub(crate) struct Set {
    pub(crate) service: Service,
    pub(crate) provider: MicrosoftProvider,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) pauses: Arc<RecordedPauses>,
    pub(crate) access: ConnectionAccess,
    pub(crate) run: Run,
}

impl Set {
    pub(crate) async fn new(
        answer: impl Fn(&Heard, &str, Timestamp) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::default()));
        let pauses = Arc::new(RecordedPauses::on(&clock));
        let hands = Arc::clone(&clock);
        let service = Service::start(move |heard, own| answer(heard, own, hands.now())).await;
        let provider = adapter(&service.address, &clock, &pauses);
        Self {
            service,
            provider,
            clock,
            pauses,
            access: access(SECRET),
            run: Run::default(),
        }
    }

    /// An attempt of a run that keeps its point.
    pub(crate) async fn attempt(&self) -> (Result<Collection, ProviderFailure>, Vec<ObservedItem>) {
        attempt(&self.provider, &self.access, &self.run).await
    }
}

/// An attempt of a run that keeps its point.
pub(crate) async fn attempt(
    provider: &MicrosoftProvider,
    access: &ConnectionAccess,
    run: &Run,
) -> (Result<Collection, ProviderFailure>, Vec<ObservedItem>) {
    let mut seen = Seen {
        point: Arc::clone(&run.point),
        ..Seen::default()
    };
    let collection = provider.collect(access, run, &mut seen).await;
    (collection, seen.items)
}

/// An adapter whose every request goes to `address`.
pub(crate) fn adapter(
    address: &str,
    clock: &Arc<ManualClock>,
    pauses: &Arc<RecordedPauses>,
) -> MicrosoftProvider {
    adapter_with(address, clock, pauses, FederatedSources::default())
}

/// The same with token files.
pub(crate) fn adapter_with(
    address: &str,
    clock: &Arc<ManualClock>,
    pauses: &Arc<RecordedPauses>,
    federated: FederatedSources,
) -> MicrosoftProvider {
    let url = Url::parse(address).expect("an address");
    MicrosoftProvider::new(MicrosoftSettings {
        endpoint_override: Some(EndpointOverride::loopback(url).expect("loopback")),
        federated,
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
        pauses: pauses.clone(),
    })
    .expect("the client can be made")
}
