//! What a simulator is started with: its tenants, how big they are, and which applications they let in.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::credential::AppCredential;
use crate::registration::AppRegistration;
use crate::tls::ServerTls;

/// The application permissions that cover every endpoint of the simulator, all read only.
///
/// Names as in the Microsoft Graph permissions reference.
pub const RECOMMENDED_ROLES: [&str; 16] = [
    "Application.Read.All",
    "AuditLog.Read.All",
    "Device.Read.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementRBAC.Read.All",
    "DeviceManagementServiceConfig.Read.All",
    "Domain.Read.All",
    "GroupMember.Read.All",
    "LicenseAssignment.Read.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "SecurityEvents.Read.All",
    "User.Read.All",
];

/// Options of one simulator.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Where to listen; only loopback addresses are accepted. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Everything that is invented depends on this number and on the tenant id.
    pub seed: u64,
    /// The tenants that exist.
    pub tenants: Vec<TenantOptions>,
    /// The multi-tenant applications that exist.
    pub registrations: Vec<AppRegistration>,
    /// With it the simulator speaks HTTPS, otherwise HTTP.
    pub tls: Option<ServerTls>,
    /// A file with faults to play from the start on.
    pub script: Option<PathBuf>,
    /// Whether calls are counted against the published limits, and refused above them.
    pub throttle: bool,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 7,
            tenants: Vec::new(),
            registrations: Vec::new(),
            tls: None,
            script: None,
            throttle: false,
        }
    }
}

/// One customer tenant. The sizes cost no memory: objects are made when they are asked for.
#[derive(Clone, Debug)]
pub struct TenantOptions {
    /// Canonical id of the tenant.
    pub tenant_id: Uuid,
    /// Name of the organization.
    pub display_name: String,
    /// Default verified domain, also usable to find the tenant.
    pub primary_domain: String,
    /// Number of users.
    pub users: usize,
    /// Number of groups.
    pub groups: usize,
    /// Number of managed devices; each also exists as a directory device.
    pub devices: usize,
    /// Number of device configurations, and of beta configuration policies.
    pub policies: usize,
    /// Number of device compliance policies.
    pub compliance_policies: usize,
    /// Number of conditional access policies.
    pub conditional_access_policies: usize,
    /// Without a licence every Intune call is refused.
    pub intune_licensed: bool,
    /// Applications of the outside world as this tenant sees them.
    pub apps: Vec<AppOptions>,
    /// How long after a consent the token endpoint does not know of it yet.
    pub replication_delay: Duration,
}

impl TenantOptions {
    /// A small, licensed tenant called Contoso that no application has been admitted to yet.
    pub fn sample(tenant_id: Uuid) -> Self {
        Self {
            tenant_id,
            display_name: "Contoso".to_owned(),
            primary_domain: "contoso.example".to_owned(),
            users: 250,
            groups: 40,
            devices: 180,
            policies: 24,
            compliance_policies: 6,
            conditional_access_policies: 8,
            intune_licensed: true,
            apps: Vec::new(),
            replication_delay: Duration::ZERO,
        }
    }

    /// The domain the tenant was born with; real ones end in `onmicrosoft.com`.
    pub(crate) fn initial_domain(&self) -> String {
        let label = self.primary_domain.split('.').next().unwrap_or("tenant");
        format!("{label}.onmicrosoft.example")
    }
}

/// An application as one tenant knows it.
#[derive(Clone)]
pub struct AppOptions {
    /// Application (client) id.
    pub client_id: Uuid,
    /// Name of the service principal.
    pub display_name: String,
    /// A secret that is accepted; empty for none.
    pub client_secret: String,
    /// What is accepted beside it. With an [`AppRegistration`] of the same client id, the registration's
    /// credentials are accepted too.
    pub credentials: Vec<AppCredential>,
    /// Names of the application permissions that were granted.
    pub roles: Vec<String>,
    /// Whether the tenant has a service principal for it.
    pub state: AppState,
}

impl AppOptions {
    /// An application that an administrator consented to, with [`RECOMMENDED_ROLES`].
    pub fn consented(client_id: Uuid, client_secret: impl Into<String>) -> Self {
        Self {
            client_id,
            display_name: "Connected application".to_owned(),
            client_secret: client_secret.into(),
            credentials: Vec::new(),
            roles: RECOMMENDED_ROLES.iter().map(|&role| role.to_owned()).collect(),
            state: AppState::Consented,
        }
    }

    /// The service principal that a consent to a registration makes; it has no credential of its own.
    pub(crate) fn of(registration: &AppRegistration) -> Self {
        Self {
            client_id: registration.client_id,
            display_name: registration.display_name.clone(),
            client_secret: String::new(),
            credentials: Vec::new(),
            roles: Vec::new(),
            state: AppState::Absent,
        }
    }

    /// Adds a credential.
    #[must_use]
    pub fn with_credential(mut self, credential: AppCredential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Adds a secret that never ends.
    #[must_use]
    pub fn with_secret(self, value: impl Into<String>) -> Self {
        self.with_credential(AppCredential::secret(value))
    }

    /// Adds a certificate in DER.
    #[must_use]
    pub fn with_certificate(self, der: impl Into<Vec<u8>>) -> Self {
        self.with_credential(AppCredential::certificate(der))
    }
}

impl fmt::Debug for AppOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppOptions")
            .field("client_id", &self.client_id)
            .field("display_name", &self.display_name)
            .field("client_secret", &"[redacted]")
            .field("credentials", &self.credentials)
            .field("roles", &self.roles)
            .field("state", &self.state)
            .finish()
    }
}

/// State of an application's service principal in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// It exists and may sign in.
    Consented,
    /// It does not exist: nobody consented, or it was deleted.
    Absent,
    /// It exists and an administrator switched it off.
    Disabled,
}
