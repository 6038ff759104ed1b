"""What people feel who write of something: python docs/examples/ask_the_index.py WORD."""

import sys

from stream.elastic import asking, connect
from stream.index import ALIAS
from stream.settings import load_settings


def main(word: str) -> None:
    """Counts the emotions of the posts that have the word, and shows one post of each."""
    one = {"top_hits": {"size": 1, "_source": ["message"], "sort": [{"@timestamp": "desc"}]}}
    settings = load_settings()  # EMOSTREAM_ELASTICSEARCH says where the index is
    with asking(settings), connect(settings) as client:
        found = client.search(
            index=ALIAS,
            ignore_unavailable=True,
            size=0,
            query={"match": {"message": word}},
            aggregations={
                "emotions": {
                    "terms": {"field": "emostream.emotion.primary", "size": 5},
                    "aggregations": {"latest": one},
                }
            },
        )
    for bucket in found.get("aggregations", {}).get("emotions", {}).get("buckets", []):
        latest = bucket["latest"]["hits"]["hits"][0]["_source"]["message"]
        print(f"{bucket['doc_count']:6}  {bucket['key']:16}{latest[:60]}")


if __name__ == "__main__":
    main(sys.argv[1])
