# Shorthands. Each is a plain cargo command that also works without `just`.

# List the recipes
default:
    @just --list

# Format
fmt:
    cargo fmt --all

# Lint, warnings are errors
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Test; PostgreSQL's tests are skipped, loudly, where it is not installed
test *ARGS:
    cargo test --workspace --locked {{ARGS}}

# Test, and fail where PostgreSQL is missing
test-all *ARGS:
    TENANTATLAS_REQUIRE_POSTGRES=1 cargo test --workspace --locked {{ARGS}}

# Look for broken promises at length: kills, crashes, frozen workers, hang-ups (docs/faults.md)
faults *ARGS:
    TENANTATLAS_DEEP=1 TENANTATLAS_REQUIRE_POSTGRES=1 cargo test --release --locked -p integration-tests --test it -- model:: property:: chaos:: --nocapture --test-threads=1 {{ARGS}}

# Build the code documentation, warnings are errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# Write the reviewed files of the interface anew
openapi:
    cargo run --locked -p server -- openapi > openapi/v1.json
    cargo run --locked -p server -- openapi --problems > openapi/problems.txt

# Run Microsoft's Python libraries against the simulator
clients *ARGS:
    python3 clients/python/check.py {{ARGS}}

# Show the product on a simulated tenant; stays up until Ctrl-C
demo *ARGS:
    cargo run --locked --bin tenantatlas -- demo {{ARGS}}

# Check licences, bans and sources (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

# Everything that CI does
ci:
    .ci/run
