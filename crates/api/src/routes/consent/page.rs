//! The pages, as HTML. Calm, without a script, and with nothing from elsewhere.

use std::{fmt::Write as _, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::asked::Ask;

/// The style of every page. The content security policy names its hash and allows no other.
const STYLE: &str = "
:root { color-scheme: light dark; --line: #d5d9df; --soft: #5b6470; --strong: #1f4f8f; --on: #ffffff; }
body { margin: 0; font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 38rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { margin: 1.5rem 0; border-top: 1px solid var(--line); }
dl > div { padding: .65rem 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0; }
ul { margin: 0; padding-left: 1.2rem; }
li { margin: .4rem 0; }
code { font-family: ui-monospace, monospace; font-size: .875rem; color: var(--soft); }
button { margin: 1.75rem 0 1rem; padding: .75rem 1.25rem; font: inherit; font-weight: 600;
  color: var(--on); background: var(--strong); border: 0; border-radius: .5rem; cursor: pointer; }
button:focus-visible { outline: 3px solid var(--soft); outline-offset: 2px; }
.soft { color: var(--soft); font-size: .9rem; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a4048; --soft: #a3adb9; --strong: #a9cbf7; --on: #10233d; }
}
";

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE))));

/// The style's hash, as a content security policy names it.
pub(super) fn style_hash() -> &'static str {
    STYLE_HASH.as_str()
}

/// `text` as it stands in HTML, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A page that says one thing.
pub(super) fn message(title: &str, text: &str) -> String {
    let title = escape(title);
    let body = format!("<h1>{title}</h1>\n<p>{}</p>", escape(text));
    document(&title, &body)
}

/// The page on which an administrator reads who asks for what. Its one button leads on.
pub(super) fn ask(ask: &Ask<'_>) -> String {
    let workspace = escape(ask.workspace);
    let name = escape(ask.target_scope.scope_display_name().as_str());
    let identifier = escape(ask.target_scope.scope_identifier().as_str());
    let client = escape(ask.client_identifier);
    let (date, exact) = (
        ask.expires_at.format("%-d %B %Y, %H:%M UTC"),
        ask.expires_at.to_rfc3339(),
    );
    let mut body = format!(
        "<h1>{workspace} asks for your consent</h1>\n\
         <p>The workspace <strong>{workspace}</strong> would like to connect to \
         <strong>{name}</strong>. An administrator there has to agree.</p>\n\
         <dl>\n\
         <div><dt>For</dt><dd>{name}<br><code>{identifier}</code></dd></div>\n\
         <div><dt>Client that will sign in</dt><dd><code>{client}</code></dd></div>\n\
         <div><dt>This link can be used until</dt><dd><time datetime=\"{exact}\">{date}</time></dd></div>\n\
         </dl>\n\
         <h2>What it may do once you agree</h2>\n<ul>\n"
    );
    for permission in ask.permissions {
        let (purpose, name) = (escape(permission.purpose), escape(permission.name));
        // Writing to a string cannot fail.
        let _ = writeln!(body, "<li>{purpose} <code>{name}</code></li>");
    }
    body.push_str(
        "</ul>\n\
         <form method=\"post\"><button type=\"submit\">Continue to the consent page</button></form>\n\
         <p class=\"soft\">You sign in and decide on the provider's own page; this page never asks for a \
         password. If you did not expect this request, close the page: nothing happens.</p>",
    );
    document(&format!("{workspace} asks for your consent"), &body)
}

/// `title` and `body` are HTML already.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n\
         <style>{STYLE}</style>\n\
         </head>\n\
         <body>\n<main>\n{body}\n</main>\n</body>\n\
         </html>\n"
    )
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
    use provider_core::{ConsentUrls as _, ProviderKey, ScopeKind, TargetScope, testing::FakeProvider};
    use tenancy::DisplayName;

    use super::*;

    #[test]
    fn all_five_characters_are_escaped() {
        assert_eq!(
            escape("<a b=\"c\" d='e'>&amp;"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;"
        );
        assert_eq!(escape("Größe 1"), "Größe 1");
    }

    #[test]
    fn names_stand_on_the_page_as_text() {
        let scope = TargetScope::normalize(
            &FakeProvider,
            &ProviderKey::new("fake").expect("a key"),
            ScopeKind::Tenant,
            "site-1",
            DisplayName::new("<img src=x onerror=alert(1)>").expect("a name"),
        );
        let html = ask(&Ask {
            workspace: "A & B <script>",
            target_scope: &scope.expect("a scope"),
            client_identifier: "client\"1",
            permissions: &FakeProvider.asked_permissions(),
            expires_at: Timestamp::default(),
        });
        for expected in [
            "<title>A &amp; B &lt;script&gt; asks for your consent</title>",
            "&lt;img src=x onerror=alert(1)&gt;",
            "client&quot;1",
            "<code>site-1</code>",
            "<li>Read what there is on the site <code>inventory</code></li>",
            "1 January 1970, 00:00 UTC",
            "<html lang=\"en\">",
            "<form method=\"post\">",
        ] {
            assert!(html.contains(expected), "{expected} in {html}");
        }
        for foreign in ["<script", "<img", "http://", "https://"] {
            assert!(!html.contains(foreign), "{foreign} in {html}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_style_element() {
        let html = message("A", "B");
        let style = html
            .split("<style>")
            .nth(1)
            .and_then(|rest| rest.split("</style>").next());
        let digest = STANDARD.encode(Sha256::digest(style.expect("a style")));
        assert_eq!(style_hash(), format!("sha256-{digest}"));
    }
}
