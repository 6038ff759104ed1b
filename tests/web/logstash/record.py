"""Runs document.rb under JRuby: `python -m tests.web.logstash.record JRUBY_COMPLETE.jar`.

Logstash is a program for JRuby (9.4 in Logstash 8 and 9; Maven: org.jruby:jruby-complete). What the
script makes of the records is kept beside this file with the script's checksum, and a test compares
it with what indexer/documents.py makes. Needs a Java that has `jdk.unsupported`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from stream.codec import encode
from tests.web.logstash.records import INGESTED, records

SCRIPT = Path(__file__).parents[3] / "web" / "logstash" / "document.rb"
RECORDED = Path(__file__).parent / "recorded.json"
PROGRAM = """
require "json"
load ARGV[0]
ingested = Time.parse(ARGV[1])
puts JSON.generate({
  "ruby" => "#{RUBY_ENGINE} #{JRUBY_VERSION}, Ruby #{RUBY_VERSION}",
  "documents" => STDIN.each_line.map do |line|
    record = JSON.parse(line)
    { "place" => place(record), "fields" => document(record, ingested) }
  end
})
"""


def main(jar: str) -> None:
    """Runs the script and keeps what it made."""
    done = subprocess.run(
        ["java", "-jar", jar, "-E", "UTF-8", "-e", PROGRAM, str(SCRIPT), INGESTED.isoformat()],
        input=b"\n".join(encode(one) for one in records()),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    found["script"] = sha256(SCRIPT.read_bytes()).hexdigest()
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
    RECORDED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
