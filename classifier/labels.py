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

SUGGESTIONS = ("suggestion",)
"""Whether a text proposes something: SemEval-2019 task 9's class 1, our constructive feedback."""

TOPICS = (
    "arts_&_culture",
    "business_&_entrepreneurs",
    "celebrity_&_pop_culture",
    "diaries_&_daily_life",
    "family",
    "fashion_&_style",
    "film_tv_&_video",
    "fitness_&_health",
    "food_&_dining",
    "gaming",
    "learning_&_educational",
    "music",
    "news_&_social_concern",
    "other_hobbies",
    "relationships",
    "science_&_technology",
    "sports",
    "travel_&_adventure",
    "youth_&_student_life",
)
"""The 19 topic domains of X-Topic in the order of its columns; a text may have several."""

EMOTION6 = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The classes of the 6-class emotion set; a text has one."""

TWEET_EMOTIONS = ("anger", "joy", "optimism", "sadness")
"""The classes of TweetEval emotion in the order of its `mapping.txt`; a text has one."""

AFFECTS = (
    "anger",
    "anticipation",
    "disgust",
    "fear",
    "joy",
    "love",
    "optimism",
    "pessimism",
    "sadness",
    "surprise",
    "trust",
)
"""The labels of SemEval-2018 E-c in the order of its columns; a text may have several."""

_EKMAN_GROUPS = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "joy": (
        "joy", "amusement", "approval", "excitement", "gratitude", "love", "optimism", "relief",
        "pride", "admiration", "desire", "caring",
    ),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "realization", "confusion", "curiosity"),
    "neutral": ("neutral",),
}  # fmt: skip
_SENTIMENT_GROUPS = {
    "positive": (
        "amusement", "excitement", "joy", "love", "desire", "optimism", "caring", "pride",
        "admiration", "gratitude", "relief", "approval",
    ),
    "negative": (
        "fear", "nervousness", "remorse", "embarrassment", "disappointment", "sadness", "grief",
        "disgust", "anger", "annoyance", "disapproval",
    ),
    "ambiguous": ("realization", "surprise", "curiosity", "confusion"),
    "neutral": ("neutral",),
}  # fmt: skip

EKMAN = {emotion: group for group, members in _EKMAN_GROUPS.items() for emotion in members}
"""Emotion to Ekman group, as GoEmotions publishes it (`ekman_mapping.json`); neutral is its own."""

SENTIMENT = {emotion: group for group, members in _SENTIMENT_GROUPS.items() for emotion in members}
"""Emotion to sentiment group, as published (`sentiment_mapping.json`); neutral is its own."""
