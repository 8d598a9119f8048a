//! What a caller may ask for beyond the type of an operation, in one canonical spelling: equal
//! wishes make equal operation identities.

use provider_core::{CredentialStage, ProviderConnection};
use serde_json::{Map, Value};

use crate::OperationType;

/// The one input of this release: which credential a connection check tries.
const CREDENTIAL: &str = "credential";

/// An input that the operation does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operation does not take this input")]
pub struct UnknownInput {
    /// Its name.
    pub name: String,
    /// Whether the name is known and the value is not.
    pub known_name: bool,
}

/// Checks `inputs` and gives them back in their canonical spelling: what is the default anyway is
/// left out.
pub fn canonical(
    operation: OperationType,
    inputs: &Map<String, Value>,
) -> Result<Map<String, Value>, UnknownInput> {
    let mut kept = Map::new();
    for (name, value) in inputs {
        let takes = operation == OperationType::ConnectionCheck && name == CREDENTIAL;
        let unknown = |known_name| UnknownInput {
            name: name.clone(),
            known_name,
        };
        if !takes {
            return Err(unknown(false));
        }
        match value.as_str().and_then(CredentialStage::parse) {
            Some(CredentialStage::Current) => {}
            Some(CredentialStage::Next) => {
                kept.insert(name.clone(), value.clone());
            }
            Some(CredentialStage::Previous) | None => return Err(unknown(true)),
        }
    }
    Ok(kept)
}

/// Which credential a run with these inputs uses.
pub fn credential_stage(inputs: &Map<String, Value>) -> CredentialStage {
    inputs
        .get(CREDENTIAL)
        .and_then(Value::as_str)
        .and_then(CredentialStage::parse)
        .unwrap_or(CredentialStage::Current)
}

/// The connection as it would be with the credential of `stage`: what a trial is judged by.
pub fn with_stage(connection: &ProviderConnection, stage: CredentialStage) -> ProviderConnection {
    let mut connection = connection.clone();
    match stage {
        CredentialStage::Current => {}
        CredentialStage::Next => connection.credential = connection.next_credential.clone(),
        CredentialStage::Previous => connection.credential = connection.previous_credential.clone(),
    }
    connection
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(operation: OperationType, inputs: &Value) -> Result<Map<String, Value>, UnknownInput> {
        canonical(operation, inputs.as_object().expect("an object"))
    }

    #[test]
    fn a_check_may_try_the_next_credential() {
        let check = OperationType::ConnectionCheck;
        let next = of(check, &json!({ "credential": "next" })).expect("known");
        assert_eq!(credential_stage(&next), CredentialStage::Next);
        let plain = of(check, &json!({ "credential": "current" })).expect("known");
        assert_eq!(
            (plain.is_empty(), credential_stage(&plain)),
            (true, CredentialStage::Current)
        );
        for refused in [json!({ "credential": "previous" }), json!({ "credential": 1 })] {
            assert!(of(check, &refused).expect_err("refused").known_name);
        }
        assert!(!of(check, &json!({ "page": 1 })).expect_err("refused").known_name);
        let inventory = of(OperationType::InventorySync, &json!({ "credential": "next" }));
        assert!(!inventory.expect_err("refused").known_name);
    }
}
