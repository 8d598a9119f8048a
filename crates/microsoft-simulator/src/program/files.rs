//! The files that the program writes: each at once or not at all, and those with secrets for the owner only.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use microsoft_simulator::ServerTls;
use microsoft_simulator::testing::{TestAuthority, TestCertificate, wall_clock};
use serde_json::{Value, json};

use crate::arguments::Arguments;

/// How long throw-away certificates are good.
const LIFE: TimeDelta = TimeDelta::days(30);

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    Everybody,
    Owner,
}

/// Written aside and renamed, so that a reader sees all of it or nothing. What stands at the place aside already is
/// not ours: it is left alone, and nothing is written.
pub(crate) fn write(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        match readers {
            Readers::Everybody => 0o644,
            Readers::Owner => 0o600,
        },
    );
    let mut file = options.open(&aside).map_err(|error| about(&aside, &error))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&aside, path));
    written.map_err(|error| {
        // Half a file helps nobody; the first error is the one to tell.
        let _ = std::fs::remove_file(&aside);
        about(path, &error)
    })
}

/// The server's TLS, and the certificate authority that a client must trust for it, if it was made here.
pub(crate) fn server_tls(arguments: &Arguments) -> io::Result<Option<(ServerTls, Option<PathBuf>)>> {
    if let Some(folder) = &arguments.tls_self_signed {
        let authority = TestAuthority::new(wall_clock() + LIFE).map_err(io::Error::other)?;
        let server = authority.server().map_err(io::Error::other)?;
        let tls = server.server_tls().map_err(io::Error::other)?;
        let folder = folder_at(folder)?;
        let authority_file = folder.join("ca.pem");
        write(&authority_file, &authority.certificate_pem(), Readers::Everybody)?;
        write(
            &folder.join("cert.pem"),
            &server.certificate_pem(),
            Readers::Everybody,
        )?;
        write(&folder.join("key.pem"), &server.private_key_pem(), Readers::Owner)?;
        return Ok(Some((tls, Some(authority_file))));
    }
    let (Some(chain), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
        return Ok(None);
    };
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| about(path, &error));
    let tls = ServerTls::from_pem(&read(chain)?, &read(key)?)?;
    Ok(Some((tls, None)))
}

/// The certificate that every application may sign in with.
pub(crate) struct ClientCertificate {
    pub(crate) der: Vec<u8>,
    certificate_file: PathBuf,
    key_file: PathBuf,
    thumbprints: (String, String),
    not_after: DateTime<Utc>,
}

impl ClientCertificate {
    /// Makes one and writes it, if there is a place for it.
    pub(crate) fn make(arguments: &Arguments) -> io::Result<Option<Self>> {
        let Some(folder) = arguments.credentials_folder() else {
            return Ok(None);
        };
        let not_after = wall_clock() + LIFE;
        let made = TestCertificate::new("Simulated application", not_after).map_err(io::Error::other)?;
        let folder = folder_at(folder)?;
        let (certificate_file, key_file) = (folder.join("client-cert.pem"), folder.join("client-key.pem"));
        write(&certificate_file, &made.certificate_pem(), Readers::Everybody)?;
        write(&key_file, &made.private_key_pem(), Readers::Owner)?;
        Ok(Some(Self {
            der: made.certificate_der().to_vec(),
            certificate_file,
            key_file,
            thumbprints: (made.sha1_thumbprint(), made.sha256_thumbprint()),
            not_after,
        }))
    }

    /// As the ready file shows it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "certificate_file": self.certificate_file, "key_file": self.key_file, "x5t": self.thumbprints.0,
            "x5t#S256": self.thumbprints.1, "not_after": self.not_after.to_rfc3339(),
        })
    }
}

/// The folder, made if it is missing, as an absolute path.
fn folder_at(path: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(path).map_err(|error| about(path, &error))?;
    std::path::absolute(path)
}

/// An error of the system does not say which file it is about.
pub(crate) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who guesses the name must not lead a secret elsewhere.
    #[cfg(unix)]
    #[test]
    fn what_stands_in_the_way_is_not_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, elsewhere) = (folder.path().join("ready.json"), folder.path().join("elsewhere"));
        let aside = folder.path().join(format!("ready.{}.tmp", std::process::id()));
        std::fs::write(&elsewhere, "untouched").expect("written");
        std::os::unix::fs::symlink(&elsewhere, &aside).expect("a link");
        let error = write(&path, "secret", Readers::Owner).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("ready."), "{error}");
        assert_eq!(std::fs::read_to_string(&elsewhere).expect("text"), "untouched");
        assert!(!path.exists());
        std::fs::remove_file(&aside).expect("removed");
        write(&path, "secret", Readers::Owner).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "secret");
        assert!(!aside.exists());
    }
}
