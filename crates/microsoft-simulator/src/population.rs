//! The invented content of a tenant.
//!
//! Everything is a function of (seed, tenant, kind, index): nothing is stored, and the same seed gives the same
//! bytes. Dates hang on a fixed day, never on the clock.

pub(crate) mod access;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod column;
pub(crate) mod devices;
mod identity;
pub(crate) mod overview;
pub(crate) mod people;
pub(crate) mod policies;
pub(crate) mod principals;
pub(crate) mod tenant;
pub(crate) mod text;

use uuid::{Builder, Uuid};

use crate::options::TenantOptions;
use text::Text;

/// The day that all dates lie before: 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600;

/// A reproducible source of numbers for one tenant.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    root: u64,
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit changes about half the output bits.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn mix_text(start: u64, text: &str) -> u64 {
    text.bytes()
        .fold(mix(start), |state, byte| mix(state ^ u64::from(byte)))
}

impl Source {
    pub(crate) fn new(seed: u64, tenant: Uuid) -> Self {
        let (high, low) = tenant.as_u64_pair();
        Self {
            root: mix(mix(mix(seed) ^ high) ^ low),
        }
    }

    /// The number behind one property of one object.
    pub(crate) fn draw(self, kind: &str, index: usize, what: &str) -> u64 {
        mix_text(mix_text(self.root, kind) ^ mix(index as u64), what)
    }

    /// A version 4 UUID for one property of one object.
    pub(crate) fn guid(self, kind: &str, index: usize, what: &str) -> Uuid {
        let first = self.draw(kind, index, what);
        let bytes = Uuid::from_u64_pair(first, mix(first)).into_bytes();
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Object id of the service principal of an application.
    pub(crate) fn principal(self, client: Uuid) -> Uuid {
        self.guid("servicePrincipals", 0, &client.to_string())
    }

    /// One of the choices.
    pub(crate) fn pick<'a, T: ?Sized>(
        self,
        kind: &str,
        index: usize,
        what: &str,
        choices: &[&'a T],
    ) -> &'a T {
        choices[self.below(kind, index, what, choices.len())]
    }

    /// A number below the limit.
    pub(crate) fn below(self, kind: &str, index: usize, what: &str, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.draw(kind, index, what) % limit).unwrap_or_default()
    }

    /// A time within so many days before the fixed day, in seconds since 1970.
    pub(crate) fn seconds(self, kind: &str, index: usize, what: &str, days: u64) -> i64 {
        let back = self.draw(kind, index, what) % (days.max(1) * 86_400);
        EPOCH - i64::try_from(back).unwrap_or_default()
    }

    /// The part of a second that belongs to the time, in steps of 100 ns.
    pub(crate) fn fraction(self, kind: &str, index: usize, what: &str) -> u32 {
        u32::try_from(self.draw(kind, index, what) % 10_000_000).unwrap_or_default()
    }

    /// The same time as the directory writes it.
    pub(crate) fn date(self, kind: &str, index: usize, what: &str, days: u64) -> String {
        unquoted(|text| text.moment(self.seconds(kind, index, what, days), None))
    }

    /// The same as Intune writes it, with seven digits of a second.
    pub(crate) fn fine_date(self, kind: &str, index: usize, what: &str, days: u64) -> String {
        let fraction = self.fraction(kind, index, what);
        unquoted(|text| text.moment(self.seconds(kind, index, what, days), Some(fraction)))
    }
}

/// The text of a JSON string that needs no escapes.
fn unquoted(write: impl FnOnce(&mut Text)) -> String {
    let mut text = Text::default();
    write(&mut text);
    String::from_utf8_lossy(text.bytes()).trim_matches('"').to_owned()
}

/// One tenant as seen by one request.
pub(crate) struct World {
    pub(crate) source: Source,
    pub(crate) tenant: TenantOptions,
}

impl World {
    pub(crate) fn new(seed: u64, tenant: TenantOptions) -> Self {
        Self {
            source: Source::new(seed, tenant.tenant_id),
            tenant,
        }
    }

    /// A tenant that stands for all others where only the shape of objects matters.
    pub(crate) fn example() -> Self {
        Self::new(0, TenantOptions::sample(Uuid::nil()))
    }

    /// Id of an object.
    pub(crate) fn id(&self, kind: &str, index: usize) -> String {
        self.source.object_id(kind, index).to_string()
    }
}

#[cfg(test)]
mod tests;
