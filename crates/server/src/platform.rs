//! From the settings to the adapter's own clients: which file says how a client proves itself.

use provider_microsoft::{Cloud, PlatformCredentialFile, PlatformIdentitySettings};

use crate::{compose::ComposeError, settings::PlatformSettings};

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

#[cfg(test)]
mod tests {
    use super::*;

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
