//! PKCS #12 files (RFC 7292) as OpenSSL and Windows write them: protected with a password, DER.
//!
//! The order matters. Everything that can be seen without the password is walked through first and
//! its price added up; then the MAC tells whether the password is right; only then is anything
//! decrypted. What comes to light inside pays from the same purse.
//!
//! Not read: files protected with public keys, PBMAC1 (RFC 9579), scrypt, BER with open lengths.

use aws_lc_rs::{digest, hmac};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use super::{
    FoundKey, Material, Problem,
    tlv::{self, Walk},
};

mod derive;
mod price;
mod scheme;

use self::{derive::Password, price::Purse, scheme::Scheme};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// Content types of RFC 5652.
const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
/// Bags of RFC 7292, 4.2.
const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
const X509: ObjectIdentifier = oid("1.2.840.113549.1.9.22.1");

/// Reads every certificate and every key.
pub(super) fn read(file: &[u8], password: &str) -> Result<Material, Problem> {
    let pfx = Pfx::parse(file).ok_or(Problem::Unreadable)?;
    let spellings = Password::spellings(password);
    let mut purse = Purse::default();
    pfx.pay(&mut purse, spellings.len())?;
    let password = match &pfx.mac {
        Some(mac) => spellings.into_iter().find(|one| mac.fits(pfx.content, one)),
        None => spellings.into_iter().next(),
    };
    let password = password.ok_or(Problem::PasswordWrong)?;
    // A file without a MAC cannot tell a wrong password from damage; the password is likelier.
    let garbage = if pfx.mac.is_some() {
        Problem::Unreadable
    } else {
        Problem::PasswordWrong
    };
    let mut opened = Vec::new();
    for part in &pfx.parts {
        if let Part::Sealed(scheme, data) = part {
            let plain = scheme.open(data, &password).ok_or(Problem::PasswordWrong)?;
            let inside = bags(&plain).ok_or(garbage)?;
            for bag in &inside {
                bag.pay(&mut purse)?;
            }
            opened.push(plain);
        }
    }
    let plain = pfx.parts.iter().filter_map(|part| match part {
        Part::Plain(contents) => Some(*contents),
        Part::Sealed(..) => None,
    });
    let mut material = Material::default();
    for contents in plain.chain(opened.iter().map(|contents| contents.as_slice())) {
        for bag in bags(contents).ok_or(Problem::Unreadable)? {
            bag.add_to(&mut material, &password)?;
        }
    }
    Ok(material)
}

/// What can be seen from outside.
struct Pfx<'a> {
    content: &'a [u8],
    parts: Vec<Part<'a>>,
    mac: Option<Mac<'a>>,
}

enum Part<'a> {
    Plain(&'a [u8]),
    Sealed(Scheme<'a>, &'a [u8]),
}

impl<'a> Pfx<'a> {
    fn parse(file: &'a [u8]) -> Option<Self> {
        let mut members = Walk::sequence(file)?;
        (members.take::<u8>()? == 3).then_some(())?;
        let mut safe = members.walk()?;
        (safe.take::<ObjectIdentifier>()? == DATA).then_some(())?;
        let content = tlv::octets(safe.explicit()?)?;
        let mac = if members.is_done() {
            None
        } else {
            Some(Mac::parse(&mut members.walk()?)?)
        };
        let mut parts = Vec::new();
        let mut list = Walk::sequence(content)?;
        while !list.is_done() {
            parts.push(Part::parse(&mut list.walk()?)?);
        }
        Some(Self { content, parts, mac })
    }

    /// Pays for everything that can be seen.
    fn pay(&self, purse: &mut Purse, spellings: usize) -> Result<(), Problem> {
        if let Some(mac) = &self.mac {
            purse.pay(mac.iterations, spellings * price::of_hash(mac.hash.output_len()))?;
        }
        for part in &self.parts {
            match part {
                Part::Sealed(scheme, _) => scheme.pay(purse)?,
                Part::Plain(contents) => {
                    for bag in bags(contents).ok_or(Problem::Unreadable)? {
                        bag.pay(purse)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<'a> Part<'a> {
    fn parse(members: &mut Walk<'a>) -> Option<Self> {
        let kind: ObjectIdentifier = members.take()?;
        let content = members.explicit()?;
        if kind == DATA {
            return tlv::octets(content).map(Self::Plain);
        }
        (kind == ENCRYPTED_DATA).then_some(())?;
        let mut sealed = Walk::sequence(content)?;
        sealed.take::<u8>()?;
        let mut info = sealed.walk()?;
        info.take::<ObjectIdentifier>()?;
        let scheme = Scheme::parse(&mut info.walk()?)?;
        Some(Self::Sealed(scheme, info.implicit()?))
    }
}

/// The MAC over the whole content (RFC 7292, 5.1).
struct Mac<'a> {
    hash: &'static digest::Algorithm,
    keyed: hmac::Algorithm,
    expected: &'a [u8],
    salt: &'a [u8],
    iterations: u64,
}

impl<'a> Mac<'a> {
    fn parse(members: &mut Walk<'a>) -> Option<Self> {
        let mut info = members.walk()?;
        let (hash, keyed) = derive::hash_of(info.walk()?.take()?)?;
        Some(Self {
            hash,
            keyed,
            expected: info.octets()?,
            salt: members.octets()?,
            iterations: if members.is_done() { 1 } else { members.take()? },
        })
    }

    fn fits(&self, content: &[u8], password: &Password) -> bool {
        let length = self.hash.output_len();
        let purpose = derive::Purpose::Mac;
        let key = derive::pkcs12(self.hash, password, purpose, self.salt, self.iterations, length);
        hmac::verify(&hmac::Key::new(self.keyed, &key), content, self.expected).is_ok()
    }
}

/// A thing in the file, of the kinds that we need.
enum Bag<'a> {
    Certificate(&'a [u8]),
    Key(&'a [u8]),
    Shrouded(Scheme<'a>, &'a [u8]),
}

impl Bag<'_> {
    fn pay(&self, purse: &mut Purse) -> Result<(), Problem> {
        match self {
            Self::Shrouded(scheme, _) => scheme.pay(purse),
            Self::Certificate(_) | Self::Key(_) => Ok(()),
        }
    }

    fn add_to(self, material: &mut Material, password: &Password) -> Result<(), Problem> {
        let key = match self {
            Self::Certificate(der) => {
                material.certificates.push(der.to_vec());
                return Ok(());
            }
            Self::Key(der) => Zeroizing::new(der.to_vec()),
            Self::Shrouded(scheme, data) => scheme.open(data, password).ok_or(Problem::PasswordWrong)?,
        };
        material.keys.push(FoundKey::Pkcs8(key));
        Ok(())
    }
}

/// The bags of a safe; kinds that we do not need are left out.
fn bags(contents: &[u8]) -> Option<Vec<Bag<'_>>> {
    let mut list = Walk::sequence(contents)?;
    let mut found = Vec::new();
    while !list.is_done() {
        let mut members = list.walk()?;
        let kind: ObjectIdentifier = members.take()?;
        let value = members.explicit()?;
        match kind {
            KEY_BAG => found.push(Bag::Key(value)),
            SHROUDED_KEY_BAG => {
                let mut inside = Walk::sequence(value)?;
                let scheme = Scheme::parse(&mut inside.walk()?)?;
                found.push(Bag::Shrouded(scheme, inside.octets()?));
            }
            CERTIFICATE_BAG => {
                let mut inside = Walk::sequence(value)?;
                if inside.take::<ObjectIdentifier>()? == X509 {
                    found.push(Bag::Certificate(tlv::octets(inside.explicit()?)?));
                }
            }
            _ => {}
        }
    }
    Some(found)
}
