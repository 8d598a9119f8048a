//! A certificate authority for this machine alone.
//!
//! Its key exists only in this process, and its certificate says by name constraints (RFC 5280, section 4.2.1.10) that
//! it vouches for loopback addresses and `localhost` only: who trusts it trusts it with nothing else.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints,
};

use super::certificate::{TestCertificate, p256, set_validity};
use super::{TestingError, fresh_id};

/// Under what a client can reach a simulator.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// A throw-away certificate authority.
pub struct TestAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    not_after: DateTime<Utc>,
}

impl TestAuthority {
    /// An authority with a fresh P-256 key, valid from a day before now until the given moment.
    pub fn new(not_after: DateTime<Utc>) -> Result<Self, TestingError> {
        let mut params = CertificateParams::default();
        // A name of its own, so that a client that trusts several of them finds the right one.
        let name = format!("Simulator throw-away CA {}", fresh_id()?);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("localhost".to_owned()),
                GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(Ipv4Addr::LOCALHOST.octets(), 8)),
                GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)),
            ],
            excluded_subtrees: Vec::new(),
        });
        set_validity(&mut params, not_after);
        let issuer = CertifiedIssuer::self_signed(params, p256()?)
            .map_err(|_| TestingError("the authority could not be made"))?;
        Ok(Self { issuer, not_after })
    }

    /// The authority's certificate as PEM: what a client is told to trust.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A good server certificate for 127.0.0.1, ::1 and localhost, as long as the authority.
    pub fn server(&self) -> Result<TestCertificate, TestingError> {
        self.server_for(&LOOPBACK, self.not_after)
    }

    /// A server certificate that ended; it was good for a day.
    pub fn expired_server(&self, ended_at: DateTime<Utc>) -> Result<TestCertificate, TestingError> {
        self.server_for(&LOOPBACK, ended_at)
    }

    /// A good server certificate for another host of this machine.
    pub fn wrong_host_server(&self) -> Result<TestCertificate, TestingError> {
        self.server_for(&["elsewhere.localhost"], self.not_after)
    }

    /// A server certificate for any names. Clients refuse names that are not of this machine.
    pub fn server_for(
        &self,
        names: &[&str],
        not_after: DateTime<Utc>,
    ) -> Result<TestCertificate, TestingError> {
        TestCertificate::issued_server(names, not_after, &self.issuer)
    }
}
