//! What a sealed secret survives, and what it does not.

use kernel::{Id, SequentialIds};
use provider_core::{CredentialKind, Destination, ProviderKey, ScopeIdentifier, ScopeKind};

use super::*;
use crate::cipher::binding::Binding;

type Move = fn(&mut Binding<'_>);
type Change = fn(&mut Destination);

fn destination() -> Destination {
    Destination {
        provider: ProviderKey::new("example").expect("valid"),
        realm: "main".into(),
        scope_kind: ScopeKind::Tenant,
        scope_identifier: ScopeIdentifier::canonical("one".into()),
        client_identifier: Some("client".into()),
    }
}

fn binding(destination: &Destination) -> Binding<'_> {
    let ids = SequentialIds::default();
    Binding {
        workspace_id: Id::next(&ids),
        environment_id: Id::next(&ids),
        connection_id: Id::next(&ids),
        credential_id: Id::next(&ids),
        version: 1,
        kind: CredentialKind::ClientSecret,
        destination,
    }
}

fn key(byte: u8) -> Key {
    Key::new([byte; KEY_BYTES])
}

fn sealed(destination: &Destination) -> Vec<u8> {
    let name = KeyName {
        kid: "k1".into(),
        version: 1,
    };
    seal(&key(7), &name, &binding(destination), b"open sesame")
}

#[test]
fn opens_where_it_belongs() {
    let destination = destination();
    let record = sealed(&destination);
    let opened = open(&key(7), &binding(&destination), &record).expect("opens");
    assert_eq!(opened.as_slice(), b"open sesame");
    assert_eq!(
        key_name(&record),
        Ok(KeyName {
            kid: "k1".into(),
            version: 1
        })
    );
    assert_ne!(record, sealed(&destination), "salt and nonce are fresh each time");
}

#[test]
fn does_not_open_under_another_key() {
    let destination = destination();
    assert_eq!(
        open(&key(8), &binding(&destination), &sealed(&destination)).map(drop),
        Err(Undecryptable)
    );
}

#[test]
fn does_not_open_when_moved() {
    let home = destination();
    let record = sealed(&home);
    let moves: [(&str, Move); 7] = [
        ("workspace", |binding| {
            binding.workspace_id = Id::next(&kernel::SystemIds);
        }),
        ("environment", |binding| {
            binding.environment_id = Id::next(&kernel::SystemIds);
        }),
        ("connection", |binding| {
            binding.connection_id = Id::next(&kernel::SystemIds);
        }),
        ("credential", |binding| {
            binding.credential_id = Id::next(&kernel::SystemIds);
        }),
        ("version", |binding| binding.version = 2),
        ("a certificate's row", |binding| {
            binding.kind = CredentialKind::Certificate;
        }),
        ("a token's row", |binding| {
            binding.kind = CredentialKind::FederatedToken;
        }),
    ];
    for (part, change) in moves {
        let mut elsewhere = binding(&home);
        change(&mut elsewhere);
        assert_eq!(
            open(&key(7), &elsewhere, &record).map(drop),
            Err(Undecryptable),
            "{part}"
        );
    }
}

#[test]
fn does_not_open_for_another_destination() {
    let record = sealed(&destination());
    let changes: [(&str, Change); 5] = [
        ("provider", |it| {
            it.provider = ProviderKey::new("other").expect("valid");
        }),
        ("realm", |it| it.realm = "other".into()),
        ("scope", |it| {
            it.scope_identifier = ScopeIdentifier::canonical("two".into());
        }),
        ("client", |it| it.client_identifier = Some("other".into())),
        ("no client", |it| it.client_identifier = None),
    ];
    for (part, change) in changes {
        let mut elsewhere = destination();
        change(&mut elsewhere);
        assert_eq!(
            open(&key(7), &binding(&elsewhere), &record).map(drop),
            Err(Undecryptable),
            "{part}"
        );
    }
}

#[test]
fn no_flipped_byte_and_no_missing_end_goes_unnoticed() {
    let destination = destination();
    let record = sealed(&destination);
    for index in 0..record.len() {
        let mut flipped = record.clone();
        flipped[index] ^= 1;
        assert_eq!(
            open(&key(7), &binding(&destination), &flipped).map(drop),
            Err(Undecryptable),
            "byte {index}"
        );
        let cut = &record[..index];
        assert_eq!(
            open(&key(7), &binding(&destination), cut).map(drop),
            Err(Undecryptable),
            "length {index}"
        );
    }
}

/// Every pair of places swapped: rows, versions, kinds, destinations, and the stages of a rotation,
/// which are rows of one connection with an id and a version of their own.
#[test]
fn two_records_do_not_take_each_other_s_place() {
    let (home, mut abroad, mut other_client) = (destination(), destination(), destination());
    abroad.scope_identifier = ScopeIdentifier::canonical("two".into());
    other_client.client_identifier = Some("other".into());
    let row = |binding: &mut Binding<'_>| binding.credential_id = Id::next(&kernel::SystemIds);
    let first = binding(&home);
    let mut beside = binding(&home);
    beside.connection_id = Id::next(&kernel::SystemIds);
    row(&mut beside);
    let (mut next, mut previous) = (binding(&home), binding(&home));
    for (stage, version) in [(&mut next, 2), (&mut previous, 3)] {
        row(stage);
        stage.version = version;
    }
    let mut older = binding(&home);
    older.version = 7;
    let mut certificate = binding(&home);
    certificate.kind = CredentialKind::Certificate;
    let bindings = [
        first,
        beside,
        next,
        previous,
        older,
        certificate,
        binding(&abroad),
        binding(&other_client),
    ];
    let name = KeyName {
        kid: "k1".into(),
        version: 1,
    };
    let records = bindings
        .each_ref()
        .map(|binding| seal(&key(7), &name, binding, b"open sesame"));
    for (place, binding) in bindings.iter().enumerate() {
        for (from, record) in records.iter().enumerate() {
            let opens = open(&key(7), binding, record).is_ok();
            assert_eq!(opens, place == from, "record {from} in place {place}");
        }
    }
}

/// Under the very same data key, so that nothing but the name speaks against it.
#[test]
fn a_record_does_not_name_another_key_than_it_was_sealed_with() {
    let home = destination();
    let record = sealed(&home);
    let (kid, version) = (3..5, 5..9);
    assert_eq!(&record[kid.clone()], b"k1");
    let mut renamed = record.clone();
    renamed[kid].copy_from_slice(b"k2");
    let mut renumbered = record;
    renumbered[version].copy_from_slice(&2_u32.to_be_bytes());
    for changed in [renamed, renumbered] {
        assert!(key_name(&changed).is_ok(), "it still is a record");
        assert_eq!(
            open(&key(7), &binding(&home), &changed).map(drop),
            Err(Undecryptable)
        );
    }
}
