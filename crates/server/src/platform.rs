//! From the settings to the adapter's own clients: which file says how a client proves itself.

use std::collections::BTreeMap;

use provider_microsoft::{
    AllowedWorkspaces, Cloud, FederatedSource, PlatformCredentialFile, PlatformIdentitySettings,
};
use uuid::Uuid;

use crate::{
    compose::ComposeError,
    settings::{FederatedTokenSettings, PlatformSettings},
};

/// The adapter's settings of all clients.
pub(crate) fn identities(
    settings: &[PlatformSettings],
) -> Result<Vec<PlatformIdentitySettings>, ComposeError> {
    settings.iter().map(identity).collect()
}

fn identity(settings: &PlatformSettings) -> Result<PlatformIdentitySettings, ComposeError> {
    let at_fault = |what: &str| ComposeError::Platform(format!("{}: {what}", settings.cloud));
    let cloud = Cloud::parse(&settings.cloud).ok_or_else(|| {
        let known = Cloud::ALL.map(Cloud::as_str).join(", ");
        at_fault(&format!("there is no such cloud; the known ones are {known}"))
    })?;
    let PlatformSettings {
        cloud: _,
        client_id,
        client_secret_file,
        certificate_file,
        pfx_file,
        pfx_password_file,
        federated_token_file,
        expires_at,
    } = settings;
    let secret = client_secret_file
        .clone()
        .map(PlatformCredentialFile::ClientSecretFile);
    let certificate = certificate_file
        .clone()
        .map(PlatformCredentialFile::CertificateFile);
    let pfx = match (pfx_file.clone(), pfx_password_file.clone()) {
        (Some(path), Some(password_file)) => Some(PlatformCredentialFile::PfxFile { path, password_file }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(at_fault("pfx_file and pfx_password_file belong together"));
        }
    };
    let token = federated_token_file
        .clone()
        .map(PlatformCredentialFile::FederatedTokenFile);
    let mut named = [secret, certificate, pfx, token].into_iter().flatten();
    let (Some(credential), None) = (named.next(), named.next()) else {
        return Err(at_fault(
            "name exactly one of client_secret_file, certificate_file, pfx_file, federated_token_file",
        ));
    };
    Ok(PlatformIdentitySettings {
        cloud,
        client_id: client_id.clone(),
        credential,
        expires_at: *expires_at,
    })
}

/// The adapter's token files.
pub(crate) fn sources(
    settings: &BTreeMap<String, FederatedTokenSettings>,
) -> Result<BTreeMap<String, FederatedSource>, ComposeError> {
    let source = |(name, settings): (&String, &FederatedTokenSettings)| {
        let workspaces = allowed(&settings.workspaces).ok_or_else(|| {
            ComposeError::Platform(format!(
                "federated_tokens.{name}: workspaces must be ids of workspaces, or \"*\" alone for all"
            ))
        })?;
        let file = settings.file.clone();
        Ok((name.clone(), FederatedSource { file, workspaces }))
    };
    settings.iter().map(source).collect()
}

fn allowed(workspaces: &[String]) -> Option<AllowedWorkspaces> {
    match workspaces {
        [] => None,
        [all] if all == "*" => Some(AllowedWorkspaces::All),
        ids => {
            let ids = ids.iter().map(|id| Uuid::try_parse(id).ok());
            ids.collect::<Option<_>>().map(AllowedWorkspaces::Only)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_is_for_named_workspaces_or_for_all() {
        let id = "0190b3e4-0000-7000-8000-000000000001".to_owned();
        assert_eq!(allowed(&["*".to_owned()]), Some(AllowedWorkspaces::All));
        assert!(matches!(
            allowed(std::slice::from_ref(&id)),
            Some(AllowedWorkspaces::Only(_))
        ));
        for bad in [vec![], vec!["*".to_owned(), id], vec!["everybody".to_owned()]] {
            assert_eq!(allowed(&bad), None, "{bad:?}");
        }
    }

    fn settings(toml: &str) -> PlatformSettings {
        let text = format!("cloud = \"global\"\nclient_id = \"c\"\n{toml}");
        let source = config::File::from_str(&text, config::FileFormat::Toml);
        let built = config::Config::builder()
            .add_source(source)
            .build()
            .expect("TOML");
        built.try_deserialize().expect("settings")
    }

    #[test]
    fn exactly_one_file_is_named() {
        for good in [
            "client_secret_file = \"a\"",
            "pfx_file = \"a\"\npfx_password_file = \"b\"",
            "federated_token_file = \"a\"",
        ] {
            assert!(identity(&settings(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "pfx_file = \"a\"",
            "client_secret_file = \"a\"\ncertificate_file = \"b\"",
        ] {
            assert!(identity(&settings(bad)).is_err(), "{bad}");
        }
    }
}
