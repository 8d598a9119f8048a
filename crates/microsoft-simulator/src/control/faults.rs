//! Faults of a running simulator: single ones, rules, and the script.

use std::io;
use std::path::Path;

use super::Control;
use crate::fault::{Fault, FaultKind};
use crate::script::{Rule, Script, Sight};

impl Control {
    /// Adds a fault; several for the same path are used up in the order they were added.
    pub fn inject(&self, fault: Fault) {
        self.inject_rule(fault.into());
    }

    /// Adds a rule, behind the faults that are left and before the script. Its times count from now.
    pub fn inject_rule(&self, rule: Rule) {
        self.inner.rules.inject(rule, self.now());
    }

    /// Forgets all added faults and rules that are left; the script goes on.
    pub fn clear_faults(&self) {
        self.inner.rules.clear_injected();
    }

    /// Puts a script in place of the one before. Its times count from now.
    pub fn play(&self, script: Script) {
        self.inner.rules.play(script, self.now());
    }

    /// How often each rule of the script has acted so far, in its order.
    pub fn script_hits(&self) -> Vec<u32> {
        self.inner.rules.hits()
    }

    /// Uses up one turn of the first rule that is due.
    pub(crate) fn take_fault(&self, sight: Sight<'_>) -> Option<FaultKind> {
        self.inner.rules.take(sight)
    }

    /// Brings a fresh simulator to where its options want it.
    pub(crate) fn prepare(&self, script: Option<&Path>, throttle: bool) -> io::Result<()> {
        self.set_throttling(throttle);
        if let Some(path) = script {
            // Neither error says which file it is about.
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text =
                std::fs::read_to_string(path).map_err(|error| io::Error::new(error.kind(), named(&error)))?;
            let script = Script::parse(&text)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, named(&error)))?;
            self.play(script);
        }
        Ok(())
    }
}
