//! What a connection points at, in six neutral fields that fit every provider.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenancy::DisplayName;

use crate::ScopeRules;

/// The key of a provider: `a-z`, `0-9` and `_`, 1 to 32 characters. The core holds no list of
/// keys; the adapter that is wired in says its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderKey(String);

impl ProviderKey {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, ScopeProblem> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(fits) {
            return Err(ScopeProblem::UnsupportedCombination);
        }
        Ok(Self(text.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProviderKey {
    type Error = ScopeProblem;

    fn try_from(text: String) -> Result<Self, ScopeProblem> {
        Self::new(&text)
    }
}

impl From<ProviderKey> for String {
    fn from(key: ProviderKey) -> Self {
        key.0
    }
}

/// What kind of thing a scope is. One kind in this release; the field stays general.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// A customer's whole tenant at the provider.
    Tenant,
}

impl ScopeKind {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        (text == Self::Tenant.as_str()).then_some(Self::Tenant)
    }
}

/// The canonical identifier of a scope: what an adapter's [`ScopeRules`] made of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ScopeIdentifier(String);

impl ScopeIdentifier {
    /// For adapters, with the canonical form, and for rows that were canonical when stored.
    pub const fn canonical(text: String) -> Self {
        Self(text)
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why an input does not describe a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeProblem {
    /// No adapter for this provider, or it has no scopes of this kind.
    #[error("this provider and scope kind are not supported together")]
    UnsupportedCombination,
    /// The provider needs more context than was given.
    #[error("the provider context is incomplete")]
    MissingProviderContext,
    /// The identifier is not in the canonical form that the provider asks for.
    #[error("the scope identifier is not one that can be used")]
    InvalidIdentifier,
    /// The provider context holds a key or value that the provider does not know.
    #[error("the provider context is not understood")]
    InvalidProviderContext,
}

impl ScopeProblem {
    /// The stable code that callers branch on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnsupportedCombination => "unsupported_provider_scope_combination",
            Self::MissingProviderContext => "missing_provider_context",
            Self::InvalidIdentifier => "invalid_scope_identifier",
            Self::InvalidProviderContext => "invalid_provider_context",
        }
    }
}

/// Detail that belongs to the provider and is shown nested under `provider_context`, never beside
/// neutral fields. The keys and their meaning are the adapter's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderContext(pub Map<String, Value>);

/// The six fields. Private, so that [`TargetScope::normalize`] is the only way to new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetScope {
    provider: ProviderKey,
    scope_kind: ScopeKind,
    scope_identifier: ScopeIdentifier,
    scope_display_name: DisplayName,
    shared_label: &'static str,
    shared_help_text: &'static str,
}

impl TargetScope {
    /// How every surface calls this thing.
    pub const LABEL: &'static str = "Target scope";
    /// What every surface says about it.
    pub const HELP: &'static str =
        "What operations of this connection read. One operation at a time can be active on it.";

    /// Turns an input into a scope, or says why it is none.
    pub fn normalize(
        rules: &dyn ScopeRules,
        provider: &ProviderKey,
        scope_kind: ScopeKind,
        identifier: &str,
        display_name: DisplayName,
    ) -> Result<Self, ScopeProblem> {
        if *provider != rules.provider() {
            return Err(ScopeProblem::UnsupportedCombination);
        }
        let scope_identifier = rules.canonical_identifier(scope_kind, identifier)?;
        Ok(Self::stored(
            provider.clone(),
            scope_kind,
            scope_identifier,
            display_name,
        ))
    }

    /// For rows: the values were normalized before they were stored.
    pub const fn stored(
        provider: ProviderKey,
        scope_kind: ScopeKind,
        scope_identifier: ScopeIdentifier,
        scope_display_name: DisplayName,
    ) -> Self {
        Self {
            provider,
            scope_kind,
            scope_identifier,
            scope_display_name,
            shared_label: Self::LABEL,
            shared_help_text: Self::HELP,
        }
    }

    /// The provider.
    pub const fn provider(&self) -> &ProviderKey {
        &self.provider
    }

    /// The kind.
    pub const fn scope_kind(&self) -> ScopeKind {
        self.scope_kind
    }

    /// The canonical identifier.
    pub const fn scope_identifier(&self) -> &ScopeIdentifier {
        &self.scope_identifier
    }

    /// The name for people.
    pub const fn scope_display_name(&self) -> &DisplayName {
        &self.scope_display_name
    }

    /// The key under which at most one run is active: provider, kind and identifier. The
    /// workspace is a column of its own in the index that decides.
    pub fn scope_key(&self) -> String {
        format!(
            "{}/{}/{}",
            self.provider,
            self.scope_kind.as_str(),
            self.scope_identifier.as_str()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serializes_to_exactly_six_fields() {
        let scope = TargetScope::stored(
            ProviderKey::new("example").expect("valid"),
            ScopeKind::Tenant,
            ScopeIdentifier::canonical("one".into()),
            DisplayName::new("One").expect("valid"),
        );
        let value = serde_json::to_value(&scope).expect("serializes");
        let mut keys: Vec<_> = value
            .as_object()
            .expect("object")
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "provider",
                "scope_display_name",
                "scope_identifier",
                "scope_kind",
                "shared_help_text",
                "shared_label"
            ]
        );
        assert_eq!(scope.scope_key(), "example/tenant/one");
    }
}
