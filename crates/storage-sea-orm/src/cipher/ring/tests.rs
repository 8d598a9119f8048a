//! Which files are rings.

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn keys_keep_the_order_of_their_lines() {
    let other = STANDARD.encode([9; KEY_BYTES]);
    let ring = KeyRing::parse(&format!("# first\nold:{KEY}\n\nnew:{other}\n")).expect("a ring");
    assert_eq!(ring.kids(), ["old", "new"]);
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
    assert_eq!(ring.kids(), ["first"]);
}

#[test]
fn a_key_is_trusted_when_the_database_knows_it() {
    let ring = KeyRing::parse(&format!("k1:{KEY}")).expect("a ring");
    assert!(ring.key("k1").is_some() && ring.trusted_key("k1").is_none());
    ring.trust("k1");
    assert!(ring.trusted_key("k1").is_some());
    assert!(ring.derived("k1", "a").is_some() && ring.derived("k2", "a").is_none());
}

#[cfg(unix)]
#[test]
fn a_file_that_changed_is_read_again_and_trusted_keys_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let write = |text: String| std::fs::write(file.path(), text).expect("written");
    let other = STANDARD.encode([9; KEY_BYTES]);
    write(format!("k1:{KEY}\nk2:{KEY}"));
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).expect("set");
    let ring = KeyRing::load(file.path()).expect("a ring");
    ring.trust("k1");
    let before = ring.check_value("k2");
    ring.reload();
    assert_eq!(ring.kids(), ["k1", "k2"], "nothing changed");
    write(format!("k2:{other}\nk1:{other}\nk3:{other}"));
    ring.reload();
    assert_eq!(ring.kids(), ["k1", "k2", "k3"]);
    assert_ne!(ring.check_value("k2"), before, "what nobody trusted is replaced");
    assert_eq!(
        ring.key("k1").map(|key| key[0]),
        Some(0),
        "what is trusted is not"
    );
    write("not a ring, but longer than the one before; it changes nothing at all, says the log".repeat(9));
    ring.reload();
    assert_eq!(ring.kids(), ["k1", "k2", "k3"]);
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
