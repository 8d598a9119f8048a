//! Object ids that look random and carry the place of their object, so that one of a million is found at once.
//!
//! The first 60 bits that a version 4 UUID leaves free (RFC 9562, section 5.4) are the encrypted index, the others a
//! check of it. The cipher is a Feistel network (Luby, Rackoff 1988); it hides nothing that matters.

use uuid::{Builder, Uuid};

use super::{Source, mix, mix_text};

const HALF: u32 = 30;
const MASK: u64 = (1 << HALF) - 1;
const ROUNDS: u64 = 4;

/// The key of all objects of one kind.
fn key(source: Source, kind: &str) -> u64 {
    mix_text(source.root ^ 0x1d, kind)
}

fn round(key: u64, number: u64, half: u64) -> u64 {
    mix(key ^ (number << 60) ^ half) & MASK
}

fn encrypt(key: u64, index: u64) -> u64 {
    let halves = (index >> HALF & MASK, index & MASK);
    let (left, right) = (0..ROUNDS).fold(halves, |(left, right), number| {
        (right, left ^ round(key, number, right))
    });
    left << HALF | right
}

fn decrypt(key: u64, place: u64) -> u64 {
    let halves = (place >> HALF & MASK, place & MASK);
    let (left, right) = (0..ROUNDS).rev().fold(halves, |(left, right), number| {
        (right ^ round(key, number, left), left)
    });
    left << HALF | right
}

impl Source {
    /// Id of an object.
    pub(crate) fn object_id(self, kind: &str, index: usize) -> Uuid {
        let key = key(self, kind);
        let place = encrypt(key, index as u64);
        // Version and variant are written over the four bits in the middle and two of the check.
        let first = place >> 12 << 16 | place & 0xfff;
        let bytes = Uuid::from_u64_pair(first, mix(place ^ key)).into_bytes();
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The place of the object with this id; `None` for an id that no object of the kind can have.
    pub(crate) fn index_of(self, kind: &str, id: Uuid) -> Option<usize> {
        let (first, _) = id.as_u64_pair();
        let place = first >> 16 << 12 | first & 0xfff;
        let index = usize::try_from(decrypt(key(self, kind), place)).ok()?;
        (self.object_id(kind, index) == id).then_some(index)
    }
}
