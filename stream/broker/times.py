"""How long Kafka may take, for both clients; in milliseconds unless a name says seconds."""

POLL_MS = 500
"""How long a poll waits for a first record."""
KEEP_MS = 50
"""How long a source that only keeps its place listens."""
BOOTSTRAP_MS = 10_000
"""Until a first broker must have answered."""
RECONNECT_MS = 1000
REQUEST_MS = 10_000
DELIVERY_MS = 20_000
"""A record is written or has failed after this long: none waits to be sent twice."""
COMMIT_MS = 10_000
MAX_POLL_MS = 300_000
"""A worker that hangs without a poll (`keep` is one) loses its partitions after this long."""
CHECK_MS = 2000
"""How long a broker may take to say that it is well."""
FIRST_WAIT_SECONDS = 1.0
"""The first wait after a refusal; the next ones grow."""
SILENCE_SECONDS = 30.0
"""A topic that is read to its end gives nothing for so long, and is given up."""
