//! Which files are rings.

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn the_last_line_is_active_and_the_others_still_open() {
    let other = STANDARD.encode([9; KEY_BYTES]);
    let ring = KeyRing::parse(&format!("# first\nold:{KEY}\n\nnew:{other}\n")).expect("a ring");
    assert_eq!(ring.active(), "new");
    assert_eq!(ring.kids().collect::<Vec<_>>(), ["old", "new"]);
    assert!(ring.key("old").is_some() && ring.key("none").is_none());
    assert_ne!(ring.check_value("old"), ring.check_value("new"));
}

#[test]
fn what_is_not_a_ring_says_which_line_and_not_what_it_holds() {
    let short = STANDARD.encode([1; 31]);
    let cases = [
        ("", "the key ring is empty".to_owned()),
        ("k1", "line 1".to_owned()),
        (&format!("k1:{short}"), "line 1".to_owned()),
        (
            &format!("k1:{KEY}\nk1:{KEY}"),
            "line 2 of the key ring repeats a name".to_owned(),
        ),
        (&format!("k 1:{KEY}"), "line 1".to_owned()),
        ("k1:not base64", "line 1".to_owned()),
    ];
    for (text, expected) in cases {
        let message = KeyRing::parse(text)
            .map(drop)
            .expect_err("not a ring")
            .to_string();
        assert!(message.contains(&expected), "{message}");
        assert!(!message.contains(KEY), "{message}");
    }
}

#[test]
fn a_generated_file_is_a_ring() {
    let ring = KeyRing::parse(&KeyRing::generate_file("first")).expect("a ring");
    assert_eq!(ring.active(), "first");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("k1:{KEY}")).expect("written");
    let mode =
        |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).expect("set");
    mode(0o644);
    assert!(matches!(KeyRing::load(file.path()), Err(KeyRingError::Exposed)));
    mode(0o600);
    assert!(KeyRing::load(file.path()).is_ok());
}
