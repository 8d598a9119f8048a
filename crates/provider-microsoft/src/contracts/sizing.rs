//! How much a call weighs at the provider, and how to ask for less of it at once.
//!
//! Resource units: Graph page "Microsoft Graph service-specific throttling limits", section
//! "Identity and access service limits", as of 2026.

use url::Url;

use super::{Contract, ThrottleClass};

/// Smaller pages cost one unit less.
const SMALL_PAGE: u16 = 20;
/// The smallest page that is asked for when larger ones take the service too long.
const LEAST_PAGE: u16 = 50;

impl Contract {
    /// What one request counts against its limit: resource units of the directory, requests of
    /// everything else. At least 1.
    pub(crate) fn cost(&self) -> u32 {
        if self.throttle != ThrottleClass::Directory {
            return 1;
        }
        let less = u32::from(!self.select.is_empty())
            + u32::from(self.page_size.is_some_and(|size| size < SMALL_PAGE));
        let more = u32::from(!self.expand.is_empty());
        (self.cost + more).saturating_sub(less).max(1)
    }

    /// The first address of the call with its pages halved so many times. A call without a page
    /// size of its own stays as it is: its largest one is not documented. What is expanded stays
    /// too: without it the rows would look as if there were none of it.
    pub(crate) fn narrowed(&self, graph: &Url, halvings: u32) -> Url {
        let whole = self.url(graph);
        let (Some(size), 1..) = (self.page_size, halvings) else {
            return whole;
        };
        let smaller = size.checked_shr(halvings).unwrap_or(0).max(LEAST_PAGE.min(size));
        let narrow = Self {
            page_size: Some(smaller),
            ..*self
        };
        narrow.url(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn a_call_costs_what_the_page_on_limits_says() {
        // Users cost 2 and their count too; a selection makes a list one cheaper, never free.
        assert_eq!(table::USERS_LIST.cost(), 1);
        assert_eq!(table::USERS_COUNT.cost(), 2);
        assert_eq!(table::GROUPS_LIST.cost(), 1);
        assert_eq!(table::GROUPS_COUNT.cost(), 1);
        assert_eq!(table::ORGANIZATION_LIST.cost(), 1);
        assert_eq!(
            table::COMPLIANCE_POLICIES_LIST.cost(),
            1,
            "Intune counts requests"
        );
    }

    #[test]
    fn only_a_documented_page_size_is_halved() {
        let graph = Url::parse("https://graph.microsoft.com/").expect("an address");
        let top = |halvings| {
            let url = table::USERS_LIST.narrowed(&graph, halvings);
            let size = url.query_pairs().find(|(name, _)| name == "$top");
            size.map(|(_, size)| size.into_owned()).expect("a page size")
        };
        let sizes: Vec<_> = (0..20).map(top).collect();
        assert_eq!(sizes[..6], ["999", "499", "249", "124", "62", "50"]);
        assert_eq!(sizes[19], "50");
        let whole = table::COMPLIANCE_POLICIES_LIST.url(&graph);
        assert_eq!(table::COMPLIANCE_POLICIES_LIST.narrowed(&graph, 3), whole);
    }
}
