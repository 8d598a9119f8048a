//! Lanes: which runs share the slots of a worker. A run that takes hours never keeps one that takes
//! seconds waiting, because they are in different lanes, each with slots of its own.
//!
//! To add a lane: a variant here, a field in [`PerLane`], the types that go there in
//! [`OperationType::lane`], and a setting for its slots. The claim, the metrics and the worker go by
//! [`Lane::ALL`].

use crate::OperationType;

/// A lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Connection checks: short, and somebody usually waits for the answer.
    Checks,
    /// Everything that reads much.
    Work,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 2] = [Self::Checks, Self::Work];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Work => "work",
        }
    }

    /// The types of operation in the lane.
    pub fn operations(self) -> impl Iterator<Item = OperationType> {
        OperationType::ALL
            .into_iter()
            .filter(move |operation| operation.lane() == Some(self))
    }
}

/// Something for each lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerLane<T> {
    /// Of [`Lane::Checks`].
    pub checks: T,
    /// Of [`Lane::Work`].
    pub work: T,
}

impl<T> PerLane<T> {
    /// What `make` makes for each.
    pub fn from_fn(mut make: impl FnMut(Lane) -> T) -> Self {
        Self {
            checks: make(Lane::Checks),
            work: make(Lane::Work),
        }
    }

    /// That of a lane.
    pub const fn of(&self, lane: Lane) -> &T {
        match lane {
            Lane::Checks => &self.checks,
            Lane::Work => &self.work,
        }
    }

    /// That of a lane, to change it.
    pub const fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Checks => &mut self.checks,
            Lane::Work => &mut self.work,
        }
    }
}

impl<T: Clone> PerLane<T> {
    /// The same for each.
    pub fn all(value: T) -> Self {
        Self::from_fn(|_| value.clone())
    }
}
