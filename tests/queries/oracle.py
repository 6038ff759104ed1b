"""What the right answer to each question is: counted from the records, without Elasticsearch."""

from collections.abc import Callable
from datetime import timedelta
from statistics import mean

from stream.posts import ClassifiedPost
from tests.queries.counting import (
    Rows,
    between,
    entities,
    grouped,
    hour,
    polarity,
    primaries,
    probability,
    ranked,
    tags,
    telling,
    there,
    tokens,
)
from tests.queries.posts import Known

CHANNEL = "UCg_79OFJgXbeRVxjlqSHoHn"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

ANSWERS: dict[str, Callable[[Known], Rows]] = {}


def answers(title: str) -> Callable[[Callable[[Known], Rows]], Callable[[Known], Rows]]:
    """Enters a function as the answer to the question of this title."""

    def enter(function: Callable[[Known], Rows]) -> Callable[[Known], Rows]:
        ANSWERS[title] = function
        return function

    return enter


@answers("How do people feel about a topic this week?")
def _(known: Known) -> Rows:
    week = between(known, 7 * 24, 0)
    posts = [one for one in week if "sports" in one.classification.topics]
    return [*primaries(posts), ("mean polarity", polarity(posts))]


@answers("Which posts show a feeling most?")
def _(known: Known) -> Rows:
    found = [(one.post.text, one.classification.probabilities["joy"]) for one in known.posts]
    return sorted(found, key=lambda row: -row[1])[:5]


@answers("Is one platform happier than another?")
def _(known: Known) -> Rows:
    platforms = grouped(known.posts, lambda one: [one.post.platform])
    return [(k, len(ps), probability(ps, "joy"), polarity(ps)) for k, ps in platforms.items()]


@answers("How many posts are surely angry?")
def _(known: Known) -> Rows:
    labels = [one.classification for one in known.posts]
    return [
        ("labelled", sum("anger" in one.emotions for one in labels)),
        ("likely", sum(one.probabilities["anger"] >= 0.4 for one in labels)),
        ("sure", sum(one.probabilities["anger"] >= 0.6 for one in labels)),
    ]


@answers("Which feelings are rare?")
def _(known: Known) -> Rows:
    all_of_them = ranked(label for one in known.posts for label in one.classification.emotions)
    return sorted((row for row in all_of_them if row[1] <= 25), key=lambda row: (row[1], row[0]))


@answers("Which feelings appear together?")
def _(known: Known) -> Rows:
    feelings = grouped(known.posts, lambda one: one.classification.emotions)
    return [
        (feeling, other, n)
        for feeling, posts in feelings.items()
        for other, n in ranked(label for one in posts for label in one.classification.emotions)
        if feeling < other
    ]


@answers("What is the mood of the longest conversations?")
def _(known: Known) -> Rows:
    threads = grouped(known.posts, lambda one: there(one.post.conversation))
    return [(key, len(posts), polarity(posts)) for key, posts in threads.items()][:10]


@answers("What changed since yesterday?")
def _(known: Known) -> Rows:
    shares = []
    for posts in (between(known, 24, 0), between(known, 48, 24)):
        shares.append({label: n / len(posts) for label, n in primaries(posts)})
    today, yesterday = shares
    shifts = [(k, today.get(k, 0) - yesterday.get(k, 0)) for k in today | yesterday]
    return sorted(shifts, key=lambda row: -abs(row[1]))


@answers("How do emotions change from hour to hour?")
def _(known: Known) -> Rows:
    hours = grouped(known.posts, lambda one: [hour(one.post.created_at)])
    return [(key, *row) for key in sorted(hours) for row in primaries(hours[key])]


@answers("Is the mood rising or falling?")
def _(known: Known) -> Rows:
    names = {0: "today", 1: "a day ago"}
    rows: Rows = []
    for days in range(6, -1, -1):
        posts = between(known, 24 * (days + 3), 24 * days)
        rows.append((names.get(days, f"{days} days ago"), len(posts), polarity(posts)))
    return rows


@answers("When in the week are people happiest?")
def _(known: Known) -> Rows:
    def place(one: ClassifiedPost) -> tuple[str, str]:
        moment = one.post.created_at
        return f"{moment.isoweekday()} {DAYS[moment.weekday()]}", f"{moment.hour:02}"

    places = grouped(known.posts, lambda one: [place(one)])
    return [(*key, len(ps), probability(ps, "joy")) for key, ps in sorted(places.items())]


@answers("When was fear highest?")
def _(known: Known) -> Rows:
    hours = grouped(known.posts, lambda one: [hour(one.post.created_at)])
    rows = [(key, len(ps), probability(ps, "fear")) for key, ps in hours.items() if len(ps) >= 3]
    return sorted(rows, key=lambda row: -row[2])


@answers("Which words stand behind anger?")
def _(known: Known) -> Rows:
    angry = [one for one in known.posts if one.classification.primary == "anger"]
    return telling(known, angry, lambda one: one.classification.words)


@answers("Which hashtags do happy posts carry?")
def _(known: Known) -> Rows:
    happy = [one for one in known.posts if "positive" in one.classification.sentiment_groups]
    return telling(known, happy, tags)


@answers("How do two hashtags compare?")
def _(known: Known) -> Rows:
    by_tag = grouped(known.posts, tags)
    return [
        (tag, label, n / len(by_tag[tag]))
        for tag in ("harbourderby", "orlo7")
        for label, n in primaries(by_tag[tag])
    ]


@answers("What do people feel who write of something?")
def _(known: Known) -> Rows:
    posts = [one for one in known.posts if " orlo 7 " in f" {' '.join(tokens(one.post.text))} "]
    return [*primaries(posts), ("mean polarity", polarity(posts))]


@answers("Which people and organisations come with which emotion?")
def _(known: Known) -> Rows:
    people = grouped(known.posts, lambda one: entities(one, "Person"))
    organisations = grouped(known.posts, lambda one: entities(one, "Organization"))
    return [
        (kind, name, *row)
        for kind, names in (("people", people), ("organisations", organisations))
        for name, posts in list(names.items())[:10]
        for row in primaries(posts)[:3]
    ]


@answers("Which posts are like this one?")
def _(known: Known) -> Rows:
    like = {"the", "storm", "took", "roof", "and", "lights", "are", "out"}
    shared = [(one.post.text, len(like & set(tokens(one.post.text)))) for one in known.posts]
    return [row for row in shared if row[1] >= 3]


@answers("Which videos bring most joy?")
def _(known: Known) -> Rows:
    def place(one: ClassifiedPost) -> list[tuple[str, int]]:
        return [(video, one.post.created_at.month) for video in there(one.post.origin.video)]

    enough = {key for key, posts in grouped(known.posts, place).items() if len(posts) >= 3}
    comments = [one for one in known.posts if enough & set(place(one))]
    videos = grouped(comments, lambda one: there(one.post.origin.video))
    rows = [(key, len(posts), probability(posts, "joy")) for key, posts in videos.items()]
    return sorted(rows, key=lambda row: -row[2])


@answers("What do commenters suggest to a channel?")
def _(known: Known) -> Rows:
    rows = [
        (one.post.text, one.classification.suggestion or 0)
        for one in known.posts
        if one.post.origin.channel == CHANNEL
        and one.classification.comment_class == "constructive_feedback"
    ]
    return sorted(rows, key=lambda row: -row[1])[:10]


@answers("How do the comments on each video fall?")
def _(known: Known) -> Rows:
    comments = [one for one in known.posts if one.post.origin.channel == CHANNEL]
    videos = grouped(comments, lambda one: there(one.post.origin.video))
    return [
        (video, *row)
        for video, posts in videos.items()
        for row in ranked(one.classification.comment_class for one in posts)
    ]


@answers("Which questions has nobody answered?")
def _(known: Known) -> Rows:
    rows = [
        (one.post.text, one.post.counts.likes or 0)
        for one in known.posts
        if one.post.origin.channel == CHANNEL
        and {"curiosity", "confusion"} & set(one.classification.emotions)
        and one.post.counts.replies == 0
    ]
    return sorted(rows, key=lambda row: -row[1])[:5]


@answers("Who voices a feeling loudest?")
def _(known: Known) -> Rows:
    angry = [
        one for one in known.posts if {"anger", "annoyance"} & set(one.classification.emotions)
    ]
    authors = grouped(angry, lambda one: there(one.post.author.name))
    return [
        (name, len(posts), sum(one.post.counts.likes or 0 for one in posts))
        for name, posts in authors.items()
    ][:10]


@answers("Do big accounts feel otherwise?")
def _(known: Known) -> Rows:
    def size(one: ClassifiedPost) -> list[str]:
        followers = one.post.author.followers
        if followers is None:
            return []
        if followers < 1000:
            return ["below 1,000"]
        return ["1,000 to 10,000" if followers < 10_000 else "10,000 or more"]

    sizes = grouped(known.posts, size)
    return [
        (key, len(sizes[key]), polarity(sizes[key]))
        for key in ("below 1,000", "1,000 to 10,000", "10,000 or more")
    ]


@answers("Which search brought which mood?")
def _(known: Known) -> Rows:
    rules = grouped(known.posts, lambda one: one.post.origin.rules)
    return [(rule, len(posts), polarity(posts)) for rule, posts in rules.items()]


@answers("Which model labelled what?")
def _(known: Known) -> Rows:
    models = grouped(known.posts, lambda one: [one.classification.model])
    return [
        (
            model,
            len(posts),
            mean(
                label.probabilities[label.primary]
                for label in (one.classification for one in posts)
                if label.primary
            ),
        )
        for model, posts in models.items()
    ]


@answers("Which posts got no label, and why?")
def _(known: Known) -> Rows:
    reasons = grouped(known.posts, lambda one: there(one.classification.abstained))
    return [
        (reason, *row)
        for reason, posts in reasons.items()
        for row in ranked(one.classification.language for one in posts)
    ]


@answers("How late do posts arrive?")
def _(known: Known) -> Rows:
    borders = {
        "within a minute": timedelta(minutes=1),
        "within an hour": timedelta(hours=1),
        "within a day": timedelta(days=1),
        "later": timedelta.max,
    }

    def late(one: ClassifiedPost) -> str:
        delay = one.post.observed_at - one.post.created_at
        return next(name for name, border in borders.items() if delay < border)

    platforms = grouped(known.posts, lambda one: [one.post.platform])
    return [
        (platform, name, sum(late(one) == name for one in posts))
        for platform, posts in platforms.items()
        for name in borders
    ]


@answers("Which posts were deleted?")
def _(known: Known) -> Rows:
    latest = {
        platform: max(one.deleted_at for one in known.deletions if one.platform == platform)
        for platform in {one.platform for one in known.deletions}
    }
    return [
        (platform, n, latest[platform].strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        for platform, n in ranked(one.platform for one in known.deletions)
    ]


@answers("What could not be used, and why?")
def _(known: Known) -> Rows:
    return [
        (station, *row)
        for station, _n in ranked(one.station for one in known.letters)
        for row in ranked(one.reason for one in known.letters if one.station == station)
    ]


@answers("How do I get everything into a data frame?")
def _(known: Known) -> Rows:
    return [
        (
            one.post.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            one.post.platform,
            one.classification.primary,
            one.post.text,
        )
        for one in between(known, 7 * 24, 0)
    ]
