"""The label sets, in declared order: position in the tuple is the column in a head."""

EMOTIONS = (
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
)
"""The 28 labels of GoEmotions in the order of its `emotions.txt`; a text may bear several."""

NEUTRAL = "neutral"
"""The label of texts that show no emotion."""

POLARITIES = ("negative", "neutral", "positive")
"""The three classes of TweetEval sentiment in the order of its `mapping.txt`; a text has one."""

EMOJI = tuple(str(number) for number in range(20))
"""The 20 classes of TweetEval emoji, by number: an exercise for the embedding, never shipped."""

LABEL_SETS = {"emotion": EMOTIONS, "polarity": POLARITIES}
"""Every shipped head by name."""
