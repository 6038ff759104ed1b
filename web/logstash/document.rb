# A classified post becomes the document that indexer/documents.py makes of it, field for field.
# Times are parsed to microseconds; Ruby's own arithmetic of them is exact (Rational).
require "time"

KINDS = {
  "person" => "person", "place" => "place", "organization" => "organisation",
  "product" => "product"
}.freeze

DOMAINS = {
  "person" => "person", "politicians" => "person", "musician" => "person", "actor" => "person",
  "entertainment personality" => "person", "athlete" => "person",
  "sports personality" => "person", "coach" => "person", "journalist" => "person",
  "place" => "place", "sports team" => "organisation", "brand" => "organisation",
  "political body" => "organisation", "video game publisher" => "organisation",
  "product" => "product", "product version" => "product", "video game" => "product",
  "video game hardware" => "product"
}.freeze

WEEKDAYS = [
  "7 Sunday", "1 Monday", "2 Tuesday", "3 Wednesday", "4 Thursday", "5 Friday", "6 Saturday"
].freeze

def stamp(moment)
  moment.getutc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")
end

# Without what is null or empty; an empty text stays.
def present(fields)
  fields.reject { |_name, value| value.nil? || value == [] || value == {} }
end

def entities(record)
  found = {}
  add = lambda do |kind, name|
    (found[kind] ||= {})[name.downcase(:fold)] ||= name
  end
  (record["post"]["context"] || []).each do |about|
    kind = DOMAINS[about["domain"].downcase]
    add.call(kind, about["entity"]) if kind
  end
  [*record["post"]["entities"], *record["entities"]].each do |one|
    add.call(KINDS.fetch(one["type"].downcase, "other"), one["text"])
  end
  found.transform_values(&:values)
end

HOST = %r{\A(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)}i.freeze

def host(link)
  (link[HOST, 1] || "").delete("[]").downcase.delete_prefix("www.")
end

def document(record, ingested)
  post, found = record["post"], record["classification"]
  created, observed = Time.parse(post["created_at"]).getutc, Time.parse(post["observed_at"]).getutc
  author = post["author"] || {}
  links = post["links"] || []
  {
    "@timestamp" => stamp(created),
    "ecs" => { "version" => "9.1.0" },
    "message" => post["text"],
    "event" => {
      "id" => post["native_id"], "dataset" => "emostream.posts", "provider" => post["platform"],
      "created" => stamp(observed), "ingested" => stamp(ingested)
    },
    "url" => present("full" => post["url"]),
    "user" => present(
      "id" => author["id"], "name" => author["name"], "full_name" => author["display_name"]
    ),
    "related" => present("user" => [*author["name"], *post["mentions"]].uniq),
    "tags" => (post["hashtags"] || []).map(&:downcase).uniq,
    "emostream" => present(
      "schema_version" => record["schema_version"],
      "weekday" => WEEKDAYS[created.wday],
      "hour" => created.strftime("%H"),
      "delay" => (observed.to_r - created.to_r).floor,
      "language" => post["language"],
      "text_language" => found["language"],
      "links" => links.uniq,
      "link_hosts" => links.map { |link| host(link) }.reject(&:empty?).uniq,
      "reply_to" => post["reply_to"],
      "conversation" => post["conversation"],
      "author" => present("followers" => author["followers"]),
      "counts" => present(post["counts"] || {}),
      "entities" => entities(record),
      "recogniser" => record["recogniser"],
      "context" => (post["context"] || []).map { |one| one.slice("domain", "entity") },
      "distant_labels" => post["distant_labels"],
      "origin" => present(post["origin"]),
      "emotion" => present(
        "labels" => found["emotions"],
        "primary" => found["primary"],
        "confidence" => found["primary"] && found["probabilities"][found["primary"]],
        "ekman" => found["ekman"],
        "sentiment_groups" => found["sentiment_groups"],
        "words" => found["words"],
        "probability" => found["probabilities"]
      ),
      "polarity" => present(
        "label" => found["polarity"]["label"],
        "score" => found["polarity"]["score"],
        "probability" => found["polarity"]["probabilities"]
      ),
      "suggestion" => found["suggestion"],
      "comment_class" => found["comment_class"],
      "topic" => present(
        "labels" => found["topics"], "probability" => found["topic_probabilities"]
      ),
      "model" => found["model"],
      "abstained" => found["abstained"],
      "classified_at" => stamp(Time.parse(found["classified_at"]))
    )
  }.then { |fields| present(fields) }
end

# `_id`, index and version, as indexer/documents.py and stream/index.py make them.
def place(record)
  post = record["post"]
  observed = Time.parse(post["observed_at"])
  {
    "id" => "#{post['platform']}:#{post['native_id']}",
    "index" => "emotions-v1-#{Time.parse(post['created_at']).getutc.strftime('%Y.%m')}",
    "version" => [(observed.to_r * 1000).floor, 0].max
  }
end

# What Logstash calls.
def filter(event)
  record = event.to_hash
  fields, where = document(record, Time.now), place(record)
  record.each_key { |name| event.remove(name) unless name == "@timestamp" }
  fields.each do |name, value|
    event.set(name, name == "@timestamp" ? LogStash::Timestamp.new(value) : value)
  end
  where.each { |name, value| event.set("[@metadata][#{name}]", value) }
  [event]
end
