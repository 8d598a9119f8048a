//! Reading the files of a platform's credential: the same way when the program starts and each time
//! the worker opens it.

use std::path::Path;

use aws_lc_rs::digest;
use kernel::{SecretText, Timestamp};
use provider_core::{CredentialKind, OpenedCredential};
use zeroize::Zeroizing;

use super::{PlatformCredentialFile, PlatformProblem};
use crate::{
    certificate::{self, ClientCertificate, LARGEST, Problem},
    cloud::Cloud,
    credentials,
    federated::{self, FederatedSources, TokenProblem},
    files::{self, FileProblem, Privacy},
};

/// The largest file that holds a secret or a password.
const LARGEST_LINE: usize = 4 << 10;

/// What a credential's files held at one moment.
pub(super) struct Read {
    pub(super) opened: OpenedCredential,
    pub(super) fingerprint: Option<String>,
    pub(super) expires_at: Option<Timestamp>,
}

/// Which file is wrong, and how.
pub(super) struct Trouble<'a>(&'a Path, What);

enum What {
    File(FileProblem),
    Content(&'static str),
}

impl Trouble<'_> {
    pub(super) fn named(self, cloud: &'static str) -> PlatformProblem {
        let path = self.0.to_owned();
        match self.1 {
            What::File(FileProblem::Unreadable) => PlatformProblem::Unreadable { cloud, path },
            What::File(FileProblem::OpenToOthers) => PlatformProblem::OpenToOthers { cloud, path },
            What::Content(code) => PlatformProblem::Unusable { cloud, path, code },
        }
    }
}

impl Read {
    pub(super) fn from(cloud: Cloud, file: &PlatformCredentialFile) -> Result<Self, Trouble<'_>> {
        match file {
            PlatformCredentialFile::ClientSecretFile(path) => {
                let text = line(path)?;
                credentials::check_secret(&text).map_err(|code| Trouble(path, What::Content(code)))?;
                let version = version(&[text.as_bytes()]);
                let secret = SecretText::new(text.as_str().to_owned());
                Ok(Self::plain(CredentialKind::ClientSecret, version, secret))
            }
            PlatformCredentialFile::CertificateFile(path) => {
                let bytes = whole(path)?;
                let text = str::from_utf8(&bytes).map_err(|_| unusable(path, Problem::Unreadable))?;
                let found = certificate::from_pem(text).map_err(|problem| unusable(path, problem))?;
                Self::certified(path, &found, version(&[&bytes]))
            }
            PlatformCredentialFile::PfxFile { path, password_file } => {
                let (bytes, password) = (whole(path)?, line(password_file)?);
                let found = certificate::from_pfx(&bytes, &password).map_err(|problem| {
                    let at_fault = if problem.is_of_password() {
                        password_file
                    } else {
                        path
                    };
                    unusable(at_fault, problem)
                })?;
                Self::certified(path, &found, version(&[&bytes, password.as_bytes()]))
            }
            PlatformCredentialFile::FederatedTokenFile(path) => {
                federated::read(path).map_err(|problem| {
                    let what = match problem {
                        TokenProblem::File(problem) => What::File(problem),
                        TokenProblem::NoToken => What::Content("not_a_token"),
                    };
                    Trouble(path, what)
                })?;
                // What signs in is read when it is needed. A renewed token is the same identity:
                // its contents must not make cached access tokens strangers every hour.
                let name = FederatedSources::platform_name(cloud);
                let version = version(&[name.as_bytes(), path.as_os_str().as_encoded_bytes()]);
                Ok(Self::plain(
                    CredentialKind::FederatedToken,
                    version,
                    SecretText::new(name),
                ))
            }
        }
    }

    const fn plain(kind: CredentialKind, version: i64, secret: SecretText) -> Self {
        Self {
            opened: OpenedCredential {
                version,
                kind,
                secret,
            },
            fingerprint: None,
            expires_at: None,
        }
    }

    fn certified<'a>(path: &'a Path, found: &ClientCertificate, version: i64) -> Result<Self, Trouble<'a>> {
        let secret = found.to_pem().map_err(|problem| unusable(path, problem))?;
        Ok(Self {
            opened: OpenedCredential {
                version,
                kind: CredentialKind::Certificate,
                secret,
            },
            fingerprint: Some(found.fingerprint()),
            expires_at: Some(found.not_after()),
        })
    }
}

fn unusable(path: &Path, problem: Problem) -> Trouble<'_> {
    Trouble(path, What::Content(problem.code()))
}

fn whole(path: &Path) -> Result<Zeroizing<Vec<u8>>, Trouble<'_>> {
    files::read(path, LARGEST, Privacy::Private).map_err(|problem| Trouble(path, What::File(problem)))
}

fn line(path: &Path) -> Result<Zeroizing<String>, Trouble<'_>> {
    files::read_line(path, LARGEST_LINE, Privacy::Private)
        .map_err(|problem| Trouble(path, What::File(problem)))
}

/// A positive number that changes with the contents.
fn version(parts: &[&[u8]]) -> i64 {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&context.finish().as_ref()[..8]);
    (i64::from_be_bytes(bytes) & i64::MAX).max(1)
}
