//! What a sealed record is bound to. Change one part (move the row, put an old version back,
//! point the connection at another target or client) and the secret no longer decrypts.

use provider_core::{ConnectionId, CredentialId, CredentialKind, Destination, RunId};
use tenancy::{EnvironmentId, WorkspaceId};
use uuid::Uuid;

use super::envelope::KeyName;

/// What a record can be bound to.
pub(crate) trait Bound {
    /// The canonical bytes: each part with its length before it, so that no two bindings have
    /// the same bytes. `key` names the data key that seals the record.
    fn bytes(&self, key: &KeyName) -> Vec<u8>;
}

/// Everything that a credential belongs to.
pub(crate) struct Binding<'a> {
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) environment_id: EnvironmentId,
    pub(crate) connection_id: ConnectionId,
    pub(crate) credential_id: CredentialId,
    pub(crate) version: i64,
    pub(crate) kind: CredentialKind,
    pub(crate) destination: &'a Destination,
}

/// What a run's resume point belongs to.
pub(crate) struct PointBinding {
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) run_id: RunId,
}

/// What a signing secret of a webhook belongs to.
pub(crate) struct SigningBinding<'a> {
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) webhook_id: Uuid,
    pub(crate) secret_id: Uuid,
    /// Where messages go that are signed with it.
    pub(crate) url: &'a str,
}

fn add(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
    bytes.extend_from_slice(part);
}

impl Bound for PointBinding {
    fn bytes(&self, key: &KeyName) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        for part in [
            b"run_resume_point",
            [super::envelope::RECORD_VERSION].as_slice(),
            self.workspace_id.as_uuid().as_bytes(),
            self.run_id.as_uuid().as_bytes(),
            key.kid.as_bytes(),
            &key.version.to_be_bytes(),
        ] {
            add(&mut bytes, part);
        }
        bytes
    }
}

impl Bound for SigningBinding<'_> {
    fn bytes(&self, key: &KeyName) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        for part in [
            b"webhook_secret",
            [super::envelope::RECORD_VERSION].as_slice(),
            self.workspace_id.as_uuid().as_bytes(),
            self.webhook_id.as_bytes(),
            self.secret_id.as_bytes(),
            self.url.as_bytes(),
            key.kid.as_bytes(),
            &key.version.to_be_bytes(),
        ] {
            add(&mut bytes, part);
        }
        bytes
    }
}

impl Bound for Binding<'_> {
    fn bytes(&self, key: &KeyName) -> Vec<u8> {
        let client = self.destination.client_identifier.as_deref();
        let mut bytes = Vec::with_capacity(320);
        let mut part = |part: &[u8]| add(&mut bytes, part);
        part(b"provider_credential");
        part(&[super::envelope::RECORD_VERSION]);
        part(self.workspace_id.as_uuid().as_bytes());
        part(self.environment_id.as_uuid().as_bytes());
        part(self.connection_id.as_uuid().as_bytes());
        part(self.credential_id.as_uuid().as_bytes());
        part(&self.version.to_be_bytes());
        part(self.kind.as_str().as_bytes());
        part(self.destination.provider.as_str().as_bytes());
        part(self.destination.realm.as_bytes());
        part(self.destination.scope_kind.as_str().as_bytes());
        part(self.destination.scope_identifier.as_str().as_bytes());
        part(&[u8::from(client.is_some())]);
        part(client.unwrap_or_default().as_bytes());
        part(key.kid.as_bytes());
        part(&key.version.to_be_bytes());
        bytes
    }
}
