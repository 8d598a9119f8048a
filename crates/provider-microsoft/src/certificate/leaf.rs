//! Which certificate belongs to the key, whether Entra would take the pair, and what is made of it.

use aws_lc_rs::{
    digest,
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeyPair,
    signature,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{
    Decode as _,
    asn1::{ObjectIdentifier, UintRef},
};
use kernel::{SecretText, Timestamp, hex};
use x509_cert::{Certificate, time::Time};
use zeroize::Zeroizing;

use super::{FoundKey, Material, Problem, tlv::Walk};

/// `rsaEncryption` (RFC 8017, A.1). Keys that are bound to PSS have another one; no page of Entra
/// names them.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Entra page "Certificate credentials" and the rules of its portal; NIST SP 800-131A for the bits.
const LEAST_BITS: usize = 2048;
const MOST_BITS: usize = 8192;
/// The length of a line of PEM (RFC 7468, 2).
const LINE: usize = 64;

/// A certificate with its private key, found fit. No `Debug`: it holds a secret.
pub(crate) struct ClientCertificate {
    certificate: Vec<u8>,
    key: KeyPair,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// The two numbers of an RSA public key.
#[derive(PartialEq, Eq)]
struct PublicKey<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
}

impl<'a> PublicKey<'a> {
    fn take(members: &mut Walk<'a>) -> Option<Self> {
        let mut number = || members.take::<UintRef<'a>>().map(|number| number.as_bytes());
        Some(Self {
            modulus: number()?,
            exponent: number()?,
        })
    }

    fn bits(&self) -> usize {
        let leading = self
            .modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
        (self.modulus.len() * 8).saturating_sub(leading)
    }
}

impl ClientCertificate {
    /// Picks the pair out of what a file holds.
    pub(super) fn of(material: &Material) -> Result<Self, Problem> {
        let keys = rsa_keys(material)?;
        if material.certificates.is_empty() {
            return Err(Problem::CertificateMissing);
        }
        let certificates: Vec<_> = material
            .certificates
            .iter()
            .filter_map(|der| parse(der))
            .collect();
        if certificates.is_empty() {
            return Err(Problem::Unreadable);
        }
        let pairs = keys
            .iter()
            .flat_map(|key| certificates.iter().map(move |one| (*key, one)));
        let fitting = pairs.filter(|(key, one)| {
            let ours = public_of_private(key);
            ours.is_some() && ours == public_of_certificate(&one.1)
        });
        // A key may have been kept when its certificate was renewed: the one that ends last counts.
        let last =
            fitting.max_by_key(|(_, one)| one.1.tbs_certificate().validity().not_after.to_unix_duration());
        let (key, (der, certificate)) = last.ok_or(Problem::KeyMismatch)?;
        let bits = public_of_private(key).map_or(0, |public| public.bits());
        if bits < LEAST_BITS {
            return Err(Problem::KeyTooSmall);
        }
        if bits > MOST_BITS {
            return Err(Problem::KeyTooLarge);
        }
        let validity = certificate.tbs_certificate().validity();
        Ok(Self {
            certificate: der.to_vec(),
            key: KeyPair::from_der(key).map_err(|_| Problem::Unreadable)?,
            not_before: moment(validity.not_before).ok_or(Problem::Unreadable)?,
            not_after: moment(validity.not_after).ok_or(Problem::Unreadable)?,
        })
    }

    /// Whether the certificate's time has come and has not passed.
    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), Problem> {
        if now < self.not_before {
            Err(Problem::NotYetValid)
        } else if now >= self.not_after {
            Err(Problem::Expired)
        } else {
            Ok(())
        }
    }

    /// When the certificate ends.
    pub(crate) const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The SHA-256 of the certificate's DER.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, &self.certificate).as_ref());
        bytes
    }

    /// The same as it may be shown.
    pub(crate) fn fingerprint(&self) -> String {
        format!("sha256:{}", hex(&self.thumbprint()))
    }

    /// The one text that is kept: the certificate, then the key in PKCS #8.
    pub(crate) fn to_pem(&self) -> Result<SecretText, Problem> {
        let key: Pkcs8V1Der<'_> = self.key.as_der().map_err(|_| Problem::Unreadable)?;
        // Room for all of it at once: a text that grows leaves copies of itself behind.
        let mut text = String::with_capacity((self.certificate.len() + key.as_ref().len()) * 3 / 2 + 256);
        write_block(&mut text, "CERTIFICATE", &self.certificate);
        write_block(&mut text, "PRIVATE KEY", key.as_ref());
        Ok(SecretText::new(text))
    }

    /// Signs with PS256: RSASSA-PSS with SHA-256 and a salt as long (RFC 7518, 3.5).
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &signature::RSA_PSS_SHA256,
                &SystemRandom::new(),
                message,
                &mut bytes,
            )
            .ok()?;
        Some(bytes)
    }

    /// What verifies its signatures.
    #[cfg(test)]
    pub(crate) fn public_key(&self) -> &[u8] {
        use aws_lc_rs::signature::KeyPair as _;
        self.key.public_key().as_ref()
    }
}

/// The keys of the file in PKCS #1.
fn rsa_keys(material: &Material) -> Result<Vec<&[u8]>, Problem> {
    let mut keys = Vec::new();
    for key in &material.keys {
        match key {
            FoundKey::Pkcs1(der) => keys.push(der.as_slice()),
            FoundKey::Pkcs8(der) => {
                let (kind, inside) = open_pkcs8(der).ok_or(Problem::Unreadable)?;
                keys.extend((kind == RSA).then_some(inside));
            }
            FoundKey::Foreign => {}
        }
    }
    match (keys.is_empty(), material.keys.is_empty()) {
        (true, true) => Err(Problem::KeyMissing),
        (true, false) => Err(Problem::KeyNotRsa),
        (false, _) => Ok(keys),
    }
}

/// The kind of a key in PKCS #8 (RFC 5208, 5), and what is inside: PKCS #1 for RSA.
fn open_pkcs8(der: &[u8]) -> Option<(ObjectIdentifier, &[u8])> {
    let mut members = Walk::sequence(der)?;
    members.take::<UintRef<'_>>()?;
    let kind = members.walk()?.take()?;
    Some((kind, members.octets()?))
}

/// The public numbers that stand in a private key (RFC 8017, A.1.2).
fn public_of_private(pkcs1: &[u8]) -> Option<PublicKey<'_>> {
    let mut members = Walk::sequence(pkcs1)?;
    members.take::<UintRef<'_>>()?;
    PublicKey::take(&mut members)
}

fn public_of_certificate(certificate: &Certificate) -> Option<PublicKey<'_>> {
    let info = certificate.tbs_certificate().subject_public_key_info();
    let bits = info.subject_public_key.as_bytes()?;
    (info.algorithm.oid == RSA).then(|| PublicKey::take(&mut Walk::sequence(bits)?))?
}

fn parse(der: &[u8]) -> Option<(&[u8], Certificate)> {
    Certificate::from_der(der)
        .ok()
        .map(|certificate| (der, certificate))
}

fn moment(time: Time) -> Option<Timestamp> {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

fn write_block(text: &mut String, label: &str, der: &[u8]) {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    let mut rest = base64.as_str();
    text.extend(["-----BEGIN ", label, "-----\n"]);
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
}
