//! Whether a file with a secret is for its owner alone.

use std::path::Path;

/// Whether a file at `path` with the permissions `mode` is for its owner alone.
///
/// `credentials` is the folder of `CREDENTIALS_DIRECTORY`, if there is one. systemd (254 and later) lets a
/// service with a dynamic user read what is in it by an access control list, of which the mode shows the mask as
/// the group's right to read (0440); nobody but the service can enter the folder (systemd.exec(5), "Credentials").
pub fn is_private(path: &Path, mode: u32, credentials: Option<&Path>) -> bool {
    let others = mode & 0o077 != 0;
    let more_than_read = mode & 0o037 != 0;
    // Not by way of `..`.
    let handed_over = credentials.is_some_and(|folder| path.parent() == Some(folder));
    !others || (handed_over && !more_than_read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_may_read_what_was_handed_over_and_nothing_else() {
        let folder = Path::new("/run/credentials/a.service");
        let (there, elsewhere) = (folder.join("key"), Path::new("/etc/key"));
        for (path, mode, credentials, private) in [
            (elsewhere, 0o600, None, true),
            (elsewhere, 0o400, Some(folder), true),
            (elsewhere, 0o440, None, false),
            (elsewhere, 0o440, Some(folder), false),
            (&there, 0o440, Some(folder), true),
            (&there, 0o440, None, false),
            (&there, 0o444, Some(folder), false),
            (&there, 0o460, Some(folder), false),
            (&folder.join("../b.service/key"), 0o440, Some(folder), false),
        ] {
            assert_eq!(
                is_private(path, mode, credentials),
                private,
                "{} {mode:o}",
                path.display()
            );
        }
    }
}
