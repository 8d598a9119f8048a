//! What the demo says. Written as it happens, so that a reader sees progress.

use std::io::{self, Write as _};

use super::{Ids, world::World};

/// Writes to standard output, or nowhere.
pub(crate) struct Transcript {
    quiet: bool,
    step: u32,
}

impl Transcript {
    pub(crate) const fn new(quiet: bool) -> Self {
        Self { quiet, step: 0 }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{text}");
            let _ = out.flush();
        }
    }

    /// A new step.
    pub(crate) fn step(&mut self, title: &str) {
        self.step += 1;
        self.line(&format!("\n{:>2}. {title}", self.step));
    }

    /// What was asked.
    pub(crate) fn request(&self, text: &str) {
        self.line(&format!("    > {text}"));
    }

    /// What came of it.
    pub(crate) fn says(&self, text: &str) {
        self.line(&format!("      {text}"));
    }

    /// The heading.
    pub(crate) fn title(&self, text: &str) {
        self.line(text);
    }

    /// What to try next. Said even if the rest was left out: it is the way in.
    pub(crate) fn farewell(&self, world: &World, ids: &Ids) {
        let quiet_too = Self {
            quiet: false,
            step: self.step,
        };
        let (base, workspace) = (&world.base_url, &ids.workspace);
        let run = format!(
            "curl -s -X POST {base}/api/v1/workspaces/{workspace}/operation-runs -H \"Authorization: Bearer $TOKEN\" \
             -H 'Content-Type: application/json' -d '{{\"operation_type\":\"provider.connection.check\",\"environment_id\":\"{}\"}}'",
            ids.environment
        );
        for line in [
            String::new(),
            "It stays up now; end it with Ctrl-C. To try:".to_owned(),
            format!("  API base       {base}/api/v1"),
            format!("  API reference  {base}/docs/"),
            format!("  simulator      {}", world.simulator_url()),
            format!("  export TOKEN={}", world.token),
            format!(
                "  curl -s {base}/api/v1/workspaces/{workspace}/connections -H \"Authorization: Bearer $TOKEN\""
            ),
            format!("  {run}"),
            format!(
                "  Nobody at Litware ({}) was asked yet: docs/guide-connections.md connects it by hand",
                world.litware.tenant_id
            ),
            format!(
                "  curl -s '{base}/api/v1/workspaces/{workspace}/inventory/items?kind=device&limit=3' -H \"Authorization: Bearer $TOKEN\""
            ),
        ] {
            quiet_too.line(&line);
        }
    }
}
