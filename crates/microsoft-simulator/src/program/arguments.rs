//! The program's arguments, and what they say about tenants. No argument is a secret: others can read arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use microsoft_simulator::{AppOptions, TenantOptions};
use uuid::Uuid;

/// Environment variable with the client secret.
pub(crate) const SECRET_VARIABLE: &str = "SIMULATOR_CLIENT_SECRET";

/// How far the ids of tenants that are listed one after another lie apart.
const NEXT_TENANT: u128 = 0x1_0000;

/// Shown below the list of arguments.
const EXAMPLES: &str = "\
Examples:
  HTTPS with a throw-away certificate; `ready.json` tells address, ids and credentials:
    microsoft-simulator --tls-self-signed sim --ready-file sim/ready.json
    curl --cacert sim/ca.pem \"$(jq -r .base_url sim/ready.json)/_simulator/health\"

  Plain HTTP on a fixed port, three tenants of 5,000 users each:
    microsoft-simulator --listen 127.0.0.1:8400 --tenants 3 --users 5000 --ready-file ready.json

  A certificate of your own, and the limits that Microsoft publishes:
    microsoft-simulator --tls-cert cert.pem --tls-key key.pem --throttle published --ready-file ready.json

The secret of the application is made up at each start, unless SIMULATOR_CLIENT_SECRET holds one. It is written to the
ready file and nowhere else. SIGTERM or Ctrl-C ends the program.";

/// A stand-in for Microsoft Entra and Microsoft Graph on a loopback port.
///
/// It invents tenants from a seed, issues tokens at `/{tenant}/oauth2/v2.0/token`, answers `/v1.0/...` and `/beta/...`,
/// and takes orders at `/_simulator/...`: faults, holds, consents, the clock.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Loopback address and port; port 0 takes a free one.
    #[arg(
        long,
        visible_alias = "bind",
        default_value = "127.0.0.1:0",
        value_name = "ADDR:PORT"
    )]
    pub(crate) listen: SocketAddr,
    /// Speak HTTPS with this certificate chain (PEM, the server's own first).
    #[arg(
        long,
        requires = "tls_key",
        conflicts_with = "tls_self_signed",
        value_name = "FILE"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM).
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Speak HTTPS with a throw-away certificate for 127.0.0.1, ::1 and localhost. Writes cert.pem, key.pem and ca.pem,
    /// which clients are to trust; it is good for these names alone, for 30 days.
    #[arg(long, value_name = "DIR")]
    pub(crate) tls_self_signed: Option<PathBuf>,
    /// Where to write client-cert.pem and client-key.pem, a certificate that every application may sign in with.
    /// Default: the folder of --tls-self-signed; without either there is none.
    #[arg(long, value_name = "DIR")]
    pub(crate) credentials_dir: Option<PathBuf>,
    /// Everything invented depends on it.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Number of tenants; all have the sizes that follow, each has an application with a secret of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) tenants: u16,
    /// Number of users.
    #[arg(long)]
    pub(crate) users: Option<usize>,
    /// Number of groups.
    #[arg(long)]
    pub(crate) groups: Option<usize>,
    /// Number of managed devices.
    #[arg(long)]
    pub(crate) devices: Option<usize>,
    /// Number of device configurations.
    #[arg(long)]
    pub(crate) policies: Option<usize>,
    /// Number of compliance policies.
    #[arg(long)]
    pub(crate) compliance_policies: Option<usize>,
    /// Number of conditional access policies.
    #[arg(long)]
    pub(crate) conditional_access_policies: Option<usize>,
    /// The tenants have no Intune licence.
    #[arg(long)]
    pub(crate) no_intune: bool,
    /// Id of the first tenant; the others count on from it.
    #[arg(long, default_value = "7e4a0000-51d0-4c0a-9a11-000000000001")]
    pub(crate) tenant_id: Uuid,
    /// Client id of the application that the first tenant admits; the others count on from it.
    #[arg(long, default_value = "7e4a0000-51d0-4c0a-9a11-000000000002")]
    pub(crate) client_id: Uuid,
    /// Client id of one multi-tenant application that tenants can consent to.
    #[arg(long, requires = "ready_file")]
    pub(crate) platform_client_id: Option<Uuid>,
    /// Where the consent page of that application may lead to; can be given several times.
    #[arg(long, requires = "platform_client_id")]
    pub(crate) redirect_uri: Vec<String>,
    /// Where to write address, ids and credentials once it answers: JSON, all at once, readable by the owner only.
    #[arg(long, value_name = "PATH")]
    pub(crate) ready_file: Option<PathBuf>,
    /// File with faults to play from the start on.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Whether calls are counted against the published limits, and refused above them.
    #[arg(long, value_enum, default_value_t = Throttle::Off)]
    pub(crate) throttle: Throttle,
}

/// Which limits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Throttle {
    /// Those that Microsoft publishes.
    Published,
    /// None.
    Off,
}

impl Arguments {
    /// The tenant with a number, counted from 0, and the one application it admits.
    pub(crate) fn tenant(&self, number: u16, secret: String, certificate: Option<&[u8]>) -> TenantOptions {
        let nth = |first: Uuid| {
            let distance = u128::from(number) * NEXT_TENANT;
            Uuid::from_u128(first.as_u128().wrapping_add(distance))
        };
        let mut app = AppOptions::consented(nth(self.client_id), secret);
        if let Some(der) = certificate {
            app = app.with_certificate(der);
        }
        let sample = TenantOptions::sample(nth(self.tenant_id));
        let (display_name, primary_domain) = if number == 0 {
            (sample.display_name, sample.primary_domain)
        } else {
            let place = number + 1;
            (format!("Contoso {place}"), format!("contoso{place}.example"))
        };
        TenantOptions {
            display_name,
            primary_domain,
            users: self.users.unwrap_or(sample.users),
            groups: self.groups.unwrap_or(sample.groups),
            devices: self.devices.unwrap_or(sample.devices),
            policies: self.policies.unwrap_or(sample.policies),
            compliance_policies: self.compliance_policies.unwrap_or(sample.compliance_policies),
            conditional_access_policies: self
                .conditional_access_policies
                .unwrap_or(sample.conditional_access_policies),
            intune_licensed: !self.no_intune,
            apps: vec![app],
            tenant_id: sample.tenant_id,
            replication_delay: sample.replication_delay,
        }
    }

    /// Where the applications' certificate goes.
    pub(crate) fn credentials_folder(&self) -> Option<&PathBuf> {
        self.credentials_dir.as_ref().or(self.tls_self_signed.as_ref())
    }
}
